"""The capture format: what its lines are, and writing them.

Owns: the format. Never: reads a file (``parsing`` does), decodes, or knows a driver.

A capture is JSON lines (UTF-8), one thing a line, in the order it happened; blank lines are allowed::

    {"driver": "acme-ox1", "source": "an OX-1, firmware 1.2", "options": {}, "local": "2026-11-22T08:00:00"}
    {"at_s": 0.0, "event": "connected"}
    {"at_s": 0.1, "event": "opened"}
    {"at_s": 0.1, "channel": "serial", "hex": "a5530000f6", "dir": "out"}
    {"at_s": 0.5, "channel": "serial", "hex": "a50161480c008d", "readings": [{"class": "continuous", …}]}
    {"at_s": 5.5, "event": "silent"}
    {"at_s": 9.5, "event": "lost"}

* The head comes first and may be left out, and so may each of its keys (``note`` is the fifth). ``local`` is the wall
  clock at ``at_s`` 0, with its offset from UTC (left out: none); without it, the session knows none.
* ``at_s`` is seconds since the capture began and never goes back; left out, it is that of the line before.
* ``channel`` is ``serial``, a full UUID, or the four digits of a Bluetooth SIG one. ``dir`` is ``in`` (from the device)
  when it is left out; ``out`` is what the hub sent, for people to read: a replay does not compare it.
* Events: ``connected`` and ``lost`` are the link's; ``opened``, ``silent`` and ``command`` (with its ``name``) are what
  the session was told. Bytes without a ``connected`` begin a connection. A connection without ``opened`` was opened at
  its start; values read on connecting stand between the two.
* ``readings`` are what the session made of the line, in the form of ``plain``; once a person has reviewed them, they
  are the golden readings of the conformance kit. Left out, there were none.
* Any line may carry a ``note``.

A capture holds a patient's readings and must be kept as such; those of a source tree are of healthy volunteers,
simulators or published examples.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal, NamedTuple

from hub_agent.captures.plain import Plain
from hub_agent.driver import Moment, sig_uuid

Direction = Literal["in", "out"]
Event = Literal["connected", "opened", "silent", "command", "lost"]

_SIG: Final = sig_uuid(0)
_SHORT: Final = slice(4, 8)


class Frame(NamedTuple):
    """Bytes that went one way.

    Attributes:
        at_s: since the capture began.
        channel: full characteristic UUID, or ``serial``.
        data: the bytes.
        direction: ``in`` from the device, ``out`` from the hub.
        readings: what the session made of them.
        note: for people.
    """

    at_s: float
    channel: str
    data: bytes
    direction: Direction = "in"
    readings: tuple[Plain, ...] = ()
    note: str = ""


class Turn(NamedTuple):
    """Something happened to the link or to the session.

    Attributes:
        at_s: since the capture began.
        event: what.
        name: of the command.
        readings: what the session gave for it.
        note: for people.
    """

    at_s: float
    event: Event
    name: str = ""
    readings: tuple[Plain, ...] = ()
    note: str = ""


Line = Frame | Turn


@dataclass(frozen=True, slots=True)
class Head:
    """What a capture says of itself.

    Attributes:
        driver: the name of the driver that reads it.
        source: the device, or where the bytes come from.
        note: anything else for people.
        options: of the device's configuration.
        local: the wall clock at ``at_s`` 0, with its offset; naive where that is none; None when unknown.
    """

    driver: str = ""
    source: str = ""
    note: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    local: datetime | None = None


@dataclass(frozen=True, slots=True)
class Capture:
    """A capture file.

    Attributes:
        name: the file's, without its ending.
        head: its first line.
        lines: the rest, with each ``connected`` and ``opened`` that was left out.
    """

    name: str
    head: Head
    lines: tuple[Line, ...]

    def moment(self, line: Line, began_s: float = 0.0) -> Moment:
        """Give the time of a line, with the capture's beginning at ``began_s`` of a monotonic clock."""
        if self.head.local is None:
            return Moment(began_s + line.at_s, None)
        local = self.head.local + timedelta(seconds=line.at_s)
        offset_min = (local.utcoffset() or timedelta()) // timedelta(minutes=1)
        return Moment(began_s + line.at_s, local.replace(tzinfo=None), offset_min)

    def connections(self) -> tuple[tuple[Line, ...], ...]:
        """Cut the lines into connections, each from its ``connected`` on."""
        found: list[list[Line]] = []
        for line in self.lines:
            if isinstance(line, Turn) and line.event == "connected":
                found.append([])
            found[-1].append(line)
        return tuple(map(tuple, found))


def complete(lines: Iterable[Line]) -> tuple[Line, ...]:
    """Put in each ``connected`` and ``opened`` that was left out."""
    whole: list[Line] = []
    start = -1  # of the connection that is up
    for line in lines:
        event = line.event if isinstance(line, Turn) else None
        if event == "connected" or start < 0:
            _open(whole, start)
            start = len(whole)
            whole.append(Turn(line.at_s, "connected"))
        if event != "connected":
            whole.append(line)
        elif line.note:
            whole[-1] = line
        if event == "lost":
            _open(whole, start)
            start = -1
    _open(whole, start)
    return tuple(whole)


def _open(whole: list[Line], start: int) -> None:
    """Put in the ``opened`` of the connection that begins at ``start``, if there is none."""
    if start >= 0 and all(not isinstance(line, Turn) or line.event != "opened" for line in whole[start:]):
        whole.insert(start + 1, Turn(whole[start].at_s, "opened"))


# --- writing ---------------------------------------------------------------------------------------------------------


def head_text(head: Head) -> str:
    """Write the first line of a capture, with its line feed; what is empty is left out."""
    row = {
        "driver": head.driver,
        "source": head.source,
        "note": head.note,
        "options": dict(head.options),
        "local": "" if head.local is None else head.local.isoformat(),
    }
    return _text({key: value for key, value in row.items() if value})


def line_text(line: Line) -> str:
    """Write one line of a capture, with its line feed."""
    row: dict[str, Any] = {"at_s": round(line.at_s, 6)}
    if isinstance(line, Turn):
        row["event"] = line.event
        if line.name:
            row["name"] = line.name
    else:
        row |= {"channel": short_channel(line.channel), "hex": line.data.hex()}
        if line.direction == "out":
            row["dir"] = "out"
    if line.readings:
        row["readings"] = list(line.readings)
    if line.note:
        row["note"] = line.note
    return _text(row)


def capture_text(capture: Capture) -> str:
    """Write a whole capture."""
    return head_text(capture.head) + "".join(map(line_text, capture.lines))


def _text(row: Mapping[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=False) + "\n"


def short_channel(channel: str) -> str:
    """Spell a channel as captures do: a Bluetooth SIG one by its four digits."""
    digits = channel[_SHORT]
    return digits if channel == f"{_SIG[:4]}{digits}{_SIG[8:]}" else channel
