"""The screen of a trial: each frame beside what it became.

Owns: wording and layout. Never: decides, or remembers a line.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hub_agent.captures import Frame, Line, line_text, plain, short_channel
from hub_agent.driver import Action, Emit, Finished, Rejected, Warn
from hub_agent.field.reach import RADIO_REMEDY
from hub_agent.model import Measurement, Quality, Reading
from hub_agent.nomenclature import quantity

if TYPE_CHECKING:
    from hub_agent.field.trial import Tally

_CHANNEL: int = 8


class Screen:
    """Writes lines.

    Args:
        write: writes one.
        as_json: lines of a capture instead, for programs.
        width: bytes of a frame on a line.
    """

    def __init__(self, write: Callable[[str], object], *, as_json: bool, width: int) -> None:
        self._write = write
        self._as_json = as_json
        self._width = width

    def line(self, line: Line, actions: Sequence[Action]) -> None:
        """Show a line of a capture and what the session did about it."""
        if self._as_json:
            readings = tuple(plain(action.reading) for action in actions if isinstance(action, Emit))
            self._write(line_text(line._replace(readings=readings)).rstrip("\n"))
            return
        words = [text for action in actions if (text := told(action))]
        raw = _raw(line, self._width)
        for number in range(max(len(raw), len(words))):
            left = raw[number] if number < len(raw) else ""
            right = words[number] if number < len(words) else ""
            at = "" if number else f"{line.at_s:9.3f}"
            self._write(f"{at:9}  {left:{self._width * 3 + _CHANNEL + 3}}  {right}".rstrip())

    def end(self, tally: "Tally") -> None:
        """Say what a trial came to."""
        figures = {
            "connections": tally.connections,
            "readings": tally.readings,
            "rejected": tally.rejected,
            "warnings": list(tally.warnings),
            "trouble": tally.trouble[-1] if tally.trouble else "",
        }
        if self._as_json:
            self._write(json.dumps(figures))
            return
        counts = ((tally.readings, "reading"), (tally.rejected, "rejected frame"), (tally.connections, "connection"))
        self._write(", ".join(f"{count} {what}{'' if count == 1 else 's'}" for count, what in counts))
        for warning in tally.warnings:
            self._write(f"warned: {warning}")
        if not tally.connections and not tally.trouble:
            self._write("It was not there: is it switched on, within reach, and with no other hub or phone?")
        if tally.rejected and not tally.readings:
            self._write("It speaks, and not as this driver expects: is it that model, with these options?")
        elif tally.connections and not tally.readings and not tally.trouble:
            self._write("It is there and gave no reading: is it in use, and this the driver for it?")
        if tally.trouble:
            self._write(f"trouble: {tally.trouble[-1]}")


class RadioNews:
    """Tells what the radio goes through during a trial; it is an ``OnEvent``.

    Args:
        write: writes a line.
    """

    def __init__(self, write: Callable[[str], object]) -> None:
        self._write = write
        self._is_up = True

    def __call__(self, code: str, fields: Mapping[str, Any]) -> None:
        """Tell an event."""
        if code in {"radio_up", "radio_down"}:
            self._is_up = code == "radio_up"
        self._write(f"radio: {code}" + "".join(f" {key}={value}" for key, value in fields.items()))

    def end(self) -> None:
        """Say what to do where the radio is not there: then no device can be."""
        if not self._is_up:
            self._write(f"There is no radio: {RADIO_REMEDY}")


def _raw(line: Line, width: int) -> list[str]:
    """Spell the left half: who said what, or what happened."""
    if not isinstance(line, Frame):
        return [f"-- {line.event} {line.name}".rstrip()]
    arrow = ">" if line.direction == "out" else "<"
    pieces = [line.data[at : at + width].hex(" ") for at in range(0, len(line.data), width)] or ["(nothing)"]
    first = f"{arrow} {short_channel(line.channel)[:_CHANNEL]:{_CHANNEL}} "
    return [(first if number == 0 else " " * len(first)) + piece for number, piece in enumerate(pieces)]


def told(action: Action) -> str:
    """Say an action in words; empty for what shows elsewhere."""
    match action:
        case Emit(reading):
            return _reading(reading)
        case Rejected(reason):
            return f"rejected: {reason}"
        case Warn(code):
            return f"warned: {code}"
        case Finished():
            return "finished"
        case _:
            return ""


def _reading(reading: Reading) -> str:
    parts = [_measurement(measurement) for measurement in reading.measurements]
    parts += [f"{quantity(block.code).text}: {len(block.data)} samples" for block in reading.samples]
    if reading.quality is not Quality.GOOD:
        parts.append("[" + ", ".join(sorted((flag.name or "").lower() for flag in reading.quality)) + "]")
    if reading.measured is not None:
        parts.append(f"at {reading.measured.local.isoformat(sep=' ')} by its clock")
    if reading.stored:
        parts.append("from memory")
    return ", ".join(parts)


def _measurement(measurement: Measurement) -> str:
    name = quantity(measurement.code).text
    return (
        f"{name} {measurement.absent}"
        if measurement.value is None
        else f"{name} {measurement.value} {measurement.unit}"
    )
