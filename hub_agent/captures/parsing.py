"""Reading captures.

Owns: what is refused, and in which words. Never: says what the format is; ``lines`` does.
"""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final, get_args

from hub_agent.captures.lines import Capture, Direction, Event, Frame, Head, Line, Turn, complete
from hub_agent.captures.plain import Plain
from hub_agent.driver import SERIAL, sig_uuid
from hub_agent.errors import ConfigError

_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_DIGITS: Final = re.compile(r"[0-9a-f]{4}")
_HEAD_KEYS: Final = {"driver": str, "source": str, "note": str, "options": dict, "local": str}
_FRAME_KEYS: Final = frozenset({"at_s", "channel", "hex", "dir", "readings", "note"})
_EVENT_KEYS: Final = frozenset({"at_s", "event", "name", "readings", "note"})
_DIRECTIONS: Final = get_args(Direction)
_EVENTS: Final = get_args(Event)
_HINT: Final = "docs/driver-guide.md says what a capture is"


def load(path: Path) -> Capture:
    """Read a capture file.

    Raises:
        ConfigError: it cannot be read, or a line is not of this format; names file and line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise ConfigError(f"capture {path.name} cannot be read: {why}") from error
    return parse(text, path.name)


def load_folder(folder: Path) -> tuple[Capture, ...]:
    """Read every ``*.jsonl`` of a folder, by name; none where there is no folder.

    Raises:
        ConfigError: see :func:`load`.
    """
    return tuple(load(path) for path in sorted(folder.glob("*.jsonl")))


def parse(text: str, name: str = "capture.jsonl") -> Capture:
    """Read a capture's text.

    Raises:
        ConfigError: a line is not of this format; names it.
    """
    head: Head | None = None
    lines: list[Line] = []
    for number, text_line in enumerate(text.split("\n"), start=1):
        if not text_line.strip():
            continue
        try:
            row = _row(text_line)
            if head is None and not {"hex", "event", "channel"} & row.keys():
                head = _head(row)
                continue
            head = head or Head()
            lines.append(_line(row, lines[-1].at_s if lines else 0.0))
        except (ValueError, OverflowError) as error:
            raise ConfigError(f"{name} line {number}: {error}", hint=_HINT) from error
    return Capture(Path(name).stem, head or Head(), complete(lines))


def _row(text: str) -> dict[str, Any]:
    try:
        row = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("is no JSON") from None
    if not isinstance(row, dict):
        raise ValueError("is no object")  # noqa: TRY004 - the file's fault, not the caller's
    return row


def _head(row: Mapping[str, Any]) -> Head:
    for key, value in row.items():
        if not isinstance(value, _HEAD_KEYS.get(key, ())):
            message = f"the head holds {', '.join(_HEAD_KEYS)}, each in its form; {key!r} is not"
            raise ValueError(message)  # noqa: TRY004 - the file's fault, not the caller's
    local = None if "local" not in row else datetime.fromisoformat(row["local"])
    return Head(**{**row, "local": local})


def _line(row: Mapping[str, Any], before_s: float) -> Line:
    at_s = row.get("at_s", before_s)
    if isinstance(at_s, bool) or not isinstance(at_s, int | float) or not 0 <= at_s < float("inf"):
        raise ValueError("'at_s' is no number of seconds")
    if at_s < before_s:
        raise ValueError("its time is before that of the line before it")
    keys = _EVENT_KEYS if "event" in row else _FRAME_KEYS
    if not row.keys() <= keys:
        raise ValueError(f"has keys that do not belong there: {', '.join(sorted(row.keys() - keys))}")
    return _turn(float(at_s), row) if "event" in row else _frame(float(at_s), row)


def _turn(at_s: float, row: Mapping[str, Any]) -> Turn:
    event, name = row["event"], _string(row, "name")
    if event not in _EVENTS:
        raise ValueError(f"'event' is none of {', '.join(_EVENTS)}")
    if bool(name) != (event == "command"):
        raise ValueError("a command has a 'name', and nothing else has one")
    return Turn(at_s, event, name, _readings(row), _string(row, "note"))


def _frame(at_s: float, row: Mapping[str, Any]) -> Frame:
    data, direction = row.get("hex"), row.get("dir", "in")
    if direction not in _DIRECTIONS:
        raise ValueError("'dir' is neither in nor out")
    if not isinstance(data, str) or not data.isascii():
        raise ValueError("'hex' is no text of hexadecimal digits")
    readings = _readings(row)
    if readings and direction == "out":
        raise ValueError("what the hub sent has no readings")
    try:
        content = bytes.fromhex(data)
    except ValueError:
        raise ValueError("'hex' is no text of hexadecimal digits") from None
    return Frame(at_s, _channel(row.get("channel")), content, direction, readings, _string(row, "note"))


def _channel(text: object) -> str:
    if isinstance(text, str):
        if text == SERIAL or _UUID.fullmatch(text):
            return text
        if _DIGITS.fullmatch(text):
            return sig_uuid(int(text, 16))
    raise ValueError("'channel' is neither serial nor a lower-case UUID")


def _readings(row: Mapping[str, Any]) -> tuple[Plain, ...]:
    readings = row.get("readings", [])
    if not isinstance(readings, list) or not all(isinstance(reading, dict) for reading in readings):
        raise ValueError("'readings' is no list of objects")
    return tuple(readings)


def _string(row: Mapping[str, Any], key: str) -> str:
    text = row.get(key, "")
    if not isinstance(text, str):
        raise ValueError(f"{key!r} is no text")  # noqa: TRY004 - the file's fault, not the caller's
    return text
