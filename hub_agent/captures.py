"""Captures: what a device sent, a line at a time, beside the readings it became.

Owns: the capture file (JSON lines) and the plain form of a reading in it.
Never: opens a device, or decides whether a reading is right.

A file holds one connection. Blank lines are allowed; every other line is an object, one of::

    {"driver": "gatt-heart-rate", "source": "where the bytes come from", "options": {}, "local": "2026-11-22T08:00:00"}
    {"channel": "2a37", "hex": "164d1603", "at_s": 1.0, "readings": [{"class": "continuous", "measurements": […]}]}
    {"event": "opened", "at_s": 1.5, "readings": []}

The head comes first and once. ``channel`` is ``serial``, a full UUID, or the four digits of a Bluetooth SIG one. Events
are ``opened`` and ``silent``; without ``opened``, the session is opened before the first line, so reads that come
before it go above an explicit one. ``at_s`` counts from the head's ``local`` and defaults to that of the line before.
``readings`` are what a reviewed decoder made of the line: the golden readings of the conformance kit.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, Literal

from hub_agent.driver import SERIAL, Action, Chunk, Driver, Emit, Moment, Session, sig_uuid
from hub_agent.errors import ConfigError
from hub_agent.model import Measurement, Quality, Reading, Samples
from hub_agent.nomenclature import QUANTITIES

Event = Literal["opened", "silent"]
Plain = dict[str, Any]

_FULL_UUID: Final = 36
_HEAD: Final = frozenset({"driver", "source", "note", "options", "local"})
_CHUNK: Final = frozenset({"channel", "hex", "at_s", "readings", "note"})
_EVENT: Final = frozenset({"event", "at_s", "readings", "note"})


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened.

    Attributes:
        what: bytes that came, or an event.
        moment: when.
        readings: plain readings that the session gave for it.
    """

    what: Chunk | Event
    moment: Moment
    readings: tuple[Plain, ...] = ()


@dataclass(frozen=True, slots=True)
class Capture:
    """One connection.

    Attributes:
        name: the file's, without its ending.
        head: its first line.
        lines: what happened, in order, ``opened`` always among it.
    """

    name: str
    head: Mapping[str, Any]
    lines: tuple[Line, ...]
    options: Mapping[str, Any] = field(default_factory=dict)


def plain_measurement(measurement: Measurement) -> Plain:
    """Spell a measurement: reference identifier, unit, and value (text, exact) or reason of absence."""
    quantity = QUANTITIES.get(measurement.code)
    plain: Plain = {"code": quantity.refid if quantity else str(measurement.code), "unit": measurement.unit}
    if measurement.value is not None:
        plain["value"] = str(measurement.value)
    if measurement.absent is not None:
        plain["absent"] = str(measurement.absent)
    return plain


def _plain_samples(samples: Samples) -> Plain:
    quantity = QUANTITIES.get(samples.code)
    return {
        "code": quantity.refid if quantity else str(samples.code),
        "unit": samples.unit,
        "period_s": str(samples.period_s),
        "scale": str(samples.scale),
        "data": list(samples.data),
    }


def plain(reading: Reading) -> Plain:
    """Spell a reading as JSON may hold it; what is empty is left out."""
    spelled: Plain = {
        "class": reading.cls.name.lower(),
        "measurements": [plain_measurement(each) for each in reading.measurements],
    }
    if reading.quality is not Quality.GOOD:
        spelled["quality"] = sorted(flag.name or "" for flag in reading.quality)
    if reading.measured is not None:
        spelled["measured"] = reading.measured.local.isoformat()
        if reading.measured.offset_min is not None:
            spelled["offset_min"] = reading.measured.offset_min
    if reading.record is not None:
        spelled["record"] = reading.record
    if reading.stored:
        spelled["stored"] = True
    if reading.user is not None:
        spelled["user"] = reading.user
    if reading.samples:
        spelled["samples"] = [_plain_samples(each) for each in reading.samples]
    return spelled


def _channel(text: str) -> str:
    if text == SERIAL or len(text) == _FULL_UUID:
        return text
    return sig_uuid(int(text, 16))


def _head(row: Mapping[str, Any], *, first: bool) -> Mapping[str, Any]:
    """Check the line that opens a file."""
    if not first or row.keys() - _HEAD:
        raise ValueError("the head comes once, first, and holds " + ", ".join(sorted(_HEAD)))
    return row


def _line(row: Mapping[str, Any], moment: Moment) -> Line:
    """Read a line that is not the head."""
    readings = tuple(row.get("readings", ()))
    if "event" in row:
        if row.keys() - _EVENT or row["event"] not in {"opened", "silent"}:
            raise ValueError("an event is opened or silent, with at_s, readings and note")
        return Line(row["event"], moment, readings)
    if row.keys() - _CHUNK:
        raise ValueError(f"unknown keys: {', '.join(sorted(row.keys() - _CHUNK))}")
    return Line(Chunk(_channel(row["channel"]), bytes.fromhex(row["hex"]), moment), moment, readings)


def load(path: Path) -> Capture:
    """Read a capture file.

    Raises:
        ConfigError: not such a file; the message names the line.
    """
    head: Mapping[str, Any] = {}
    lines: list[Line] = []
    at_s = 0.0
    for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not text.strip():
            continue
        try:
            row = json.loads(text)
            if not {"hex", "event"} & row.keys():
                head = _head(row, first=not (head or lines))
                continue
            at_s = float(row.get("at_s", at_s))
            start = head.get("local")
            local = datetime.fromisoformat(start) + timedelta(seconds=at_s) if start else None
            lines.append(_line(row, Moment(at_s, local)))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ConfigError(f"{path.name}:{number}: {error}", hint="see hub_agent.captures") from error
    if all(line.what != "opened" for line in lines):
        lines.insert(0, Line("opened", lines[0].moment if lines else Moment(0.0, None)))
    return Capture(path.stem, head, tuple(lines), head.get("options", {}))


def load_folder(folder: Path) -> tuple[Capture, ...]:
    """Read every ``*.jsonl`` of a folder, by name.

    Raises:
        ConfigError: see :func:`load`.
    """
    return tuple(load(path) for path in sorted(folder.glob("*.jsonl")))


def happen(session: Session, line: Line) -> Sequence[Action]:
    """Let a line happen to a session."""
    if line.what == "opened":
        return tuple(session.opened(line.moment))
    if line.what == "silent":
        return tuple(session.silent(line.moment))
    return tuple(session.received(line.what))


def replay(driver: Driver, capture: Capture) -> tuple[tuple[Plain, ...], ...]:
    """Play a capture to a fresh session: the plain readings that each line gave."""
    session = driver.session(capture.options)
    return tuple(
        tuple(plain(action.reading) for action in happen(session, line) if isinstance(action, Emit))
        for line in capture.lines
    )


def fill(driver: Driver, path: Path) -> None:
    """Write into a capture file the readings that the driver makes of it today, for a person to review.

    Raises:
        ConfigError: see :func:`load`.
    """
    capture = load(path)
    answers = list(replay(driver, capture))
    out: list[str] = []
    rows = [json.loads(text) for text in path.read_text(encoding="utf-8").splitlines() if text.strip()]
    if all(row.get("event") != "opened" for row in rows):
        answers.pop(0)
    for row in rows:
        if {"hex", "event"} & row.keys():
            row["readings"] = list(answers.pop(0))
        out.append(json.dumps(row, ensure_ascii=False))
    path.write_text("\n".join(out) + "\n", encoding="utf-8")
