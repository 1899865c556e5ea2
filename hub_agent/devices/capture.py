"""Captures: what a device and the hub said to each other, kept in a file.

Owns: the capture format, reading and writing it.
Never: decodes; knows a driver; ``replay`` says it again.

A capture is JSON lines (UTF-8), one thing a line, in the order it happened::

    {"at": 0.0, "event": "connected"}
    {"at": 0.013, "channel": "serial", "hex": "0186", "dir": "in"}
    {"at": 0.2, "channel": "serial", "hex": "027002020803", "dir": "out"}
    {"at": 9.5, "event": "lost"}

``at`` is seconds since the capture began and never goes back. ``channel`` is a full lower-case characteristic UUID or
``serial``, as in ``hub_agent.driver.Chunk``. ``dir`` is ``in`` when it is left out; ``out`` is what the hub sent.
``event`` is ``connected`` or ``lost``; a file without any is one connection. A capture holds a patient's readings and
must be kept as such.
"""

import json
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, TextIO

from hub_agent.driver import Chunk, Moment
from hub_agent.errors import ConfigError

Direction = Literal["in", "out"]
Event = Literal["connected", "lost"]

_FRAME_KEYS: Final = frozenset({"at", "channel", "hex", "dir"})
_EVENT_KEYS: Final = frozenset({"at", "event"})


class Frame(NamedTuple):
    """Bytes that went one way.

    Attributes:
        at_s: since the capture began.
        channel: characteristic UUID, or ``serial``.
        data: the bytes.
        direction: ``in`` from the device, ``out`` from the hub.
    """

    at_s: float
    channel: str
    data: bytes
    direction: Direction = "in"


class Turn(NamedTuple):
    """The link came or went."""

    at_s: float
    event: Event


Line = Frame | Turn


def write_line(line: Line) -> str:
    """Write one line of a capture, with its line feed."""
    at = round(line.at_s, 6)
    if isinstance(line, Turn):
        return json.dumps({"at": at, "event": line.event}) + "\n"
    fields: dict[str, Any] = {"at": at, "channel": line.channel, "hex": line.data.hex()}
    if line.direction == "out":
        fields["dir"] = "out"
    return json.dumps(fields) + "\n"


class CaptureWriter:
    """Writes a capture as it happens; every line is in the file before the next begins.

    Args:
        file: where to; the caller opens and closes it.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._began_s: float | None = None

    def received(self, chunk: Chunk) -> None:
        """Keep what the device said."""
        self._put(Frame(self._since(chunk.moment), chunk.channel, chunk.data))

    def sent(self, channel: str, data: bytes, moment: Moment) -> None:
        """Keep what the hub said."""
        self._put(Frame(self._since(moment), channel, data, "out"))

    def turned(self, event: Event, moment: Moment) -> None:
        """Keep that the link came or went."""
        self._put(Turn(self._since(moment), event))

    def _since(self, moment: Moment) -> float:
        if self._began_s is None:
            self._began_s = moment.monotonic_s
        return moment.monotonic_s - self._began_s

    def _put(self, line: Line) -> None:
        self._file.write(write_line(line))
        self._file.flush()


def read_capture(path: Path) -> tuple[Line, ...]:
    """Read a capture file.

    Raises:
        ConfigError: it cannot be read, or a line is not of this format; names file and line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"capture {path.name} cannot be read: {type(error).__name__}") from error
    return parse_capture(text, path.name)


def parse_capture(text: str, name: str = "capture") -> tuple[Line, ...]:
    """Read a capture's text.

    Raises:
        ConfigError: a line is not of this format; names it.
    """
    lines: list[Line] = []
    at_s = 0.0
    for number, row in enumerate(text.split("\n"), start=1):
        if not row.strip():
            continue
        try:
            line = _parse_line(row)
            if line.at_s < at_s:
                raise ValueError("its time is before that of the line before it")  # noqa: TRY301 - one way out
        except ValueError as error:
            raise ConfigError(
                f"{name} line {number}: {error}", hint="docs/driver-guide.md says what a capture is"
            ) from error
        at_s = line.at_s
        lines.append(line)
    return tuple(lines)


def _parse_line(row: str) -> Line:
    try:
        fields = json.loads(row)
    except (json.JSONDecodeError, RecursionError):
        raise ValueError("is no JSON") from None
    if not isinstance(fields, dict):
        raise ValueError("is no object")  # noqa: TRY004 - the file's fault, not the caller's
    at = fields.get("at")
    if isinstance(at, bool) or not isinstance(at, int | float) or not 0 <= at < float("inf"):
        raise ValueError("'at' is no number of seconds")
    if "event" in fields:
        return _parse_turn(float(at), fields)
    if not fields.keys() <= _FRAME_KEYS:
        raise ValueError(f"has keys that nobody knows: {', '.join(sorted(fields.keys() - _FRAME_KEYS))}")
    channel, data, direction = fields.get("channel"), fields.get("hex"), fields.get("dir", "in")
    if not isinstance(channel, str) or not channel:
        raise ValueError("'channel' is no text")
    if direction not in {"in", "out"}:
        raise ValueError("'dir' is neither in nor out")
    if not isinstance(data, str) or not data.isascii():
        raise ValueError("'hex' is no text of hexadecimal digits")
    try:
        return Frame(float(at), channel, bytes.fromhex(data), direction)
    except ValueError:
        raise ValueError("'hex' is no text of hexadecimal digits") from None


def _parse_turn(at_s: float, fields: dict[str, Any]) -> Turn:
    if not fields.keys() <= _EVENT_KEYS or fields["event"] not in ("connected", "lost"):
        raise ValueError("'event' is neither connected nor lost, or stands beside other keys")
    return Turn(at_s, fields["event"])
