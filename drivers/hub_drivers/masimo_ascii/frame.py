"""The Masimo "ASCII 1" line: date, time, then KEY=VALUE, once a second.

Owns: its layout. Never: judges a reading.

Source: lines in nmenon/masimo-datacapture:masimo-capture.py, exception bits as devices/masimo of mdpnp/mdpnp has them.
Which keys come depends on model and licence, so they are found by name, never by place; dashes are no value.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

from hub_agent.driver import DecodeError
from hub_agent.registry import Format, FormatDecoder
from hub_drivers.codec.oximetry import flag_implausible

__all__ = ["FORMATS", "LONGEST", "Line", "decode", "measure"]

LONGEST: Final = 512

_LINE: Final = re.compile(rb"(\d\d)/(\d\d)/(\d\d) (\d\d):(\d\d):(\d\d) ([ -~]*)")
_PAIR: Final = re.compile(r"([A-Z0-9]+)=([^ ]+)")
_NUMBER: Final = re.compile(r"\d{1,4}(?:\.\d{1,4})?")
_HEX: Final = re.compile(r"[0-9A-Fa-f]{1,8}")


class Line(NamedTuple):
    """One second.

    Attributes:
        timestamp: the device's clock; None where its digits are no date.
        spo2: %; None missing.
        pulse_rate: /min; None missing.
        pi: perfusion index, %; None missing or not licensed.
        alarm: the alarm bits; None when not sent.
        exc: the exception bits; None when not sent.
    """

    timestamp: datetime | None
    spo2: Decimal | None
    pulse_rate: Decimal | None
    pi: Decimal | None
    alarm: int | None
    exc: int | None


def _number(text: str | None) -> Decimal | None:
    """Read digits, percent sign aside; dashes, and a key that is not there, are None."""
    text = (text or "").rstrip("%")
    return Decimal(text) if _NUMBER.fullmatch(text) else None


def _bits(text: str | None) -> int | None:
    return int(text, 16) if text and _HEX.fullmatch(text) else None


def decode(data: bytes) -> Line:
    """Decode a line, with or without its end.

    Raises:
        DecodeError: no date and time, or neither saturation nor rate among its keys.
    """
    found = _LINE.fullmatch(data.rstrip(b"\r\n"))
    if found is None:
        raise DecodeError("line")
    month, day, year, hour, minute, second = map(int, found.groups()[:6])
    pairs: dict[str, str] = dict(_PAIR.findall(found[7].decode("ascii")))
    if not pairs.keys() & {"SPO2", "BPM"}:
        raise DecodeError("keys")
    try:
        timestamp = datetime(2000 + year, month, day, hour, minute, second)
    except ValueError:
        timestamp = None
    return Line(
        timestamp,
        _number(pairs.get("SPO2")),
        _number(pairs.get("BPM")),
        _number(pairs.get("PI")),
        _bits(pairs.get("ALARM")),
        _bits(pairs.get("EXC")),
    )


def measure(buffer: bytes, start: int) -> int:
    """Find a line that begins with a date; the :data:`~hub_drivers.codec.stream.Measure` of a deframer."""
    end = buffer.find(b"\n", start)
    if end < 0:
        return 0
    size = end + 1 - start
    return size if size <= LONGEST and _LINE.match(buffer, start, end) else -size


def _fields(found: Line) -> Mapping[str, Any]:
    return flag_implausible({**found._asdict(), "timestamp": found.timestamp and found.timestamp.isoformat()})


FORMATS: Final[Mapping[str, FormatDecoder]] = {"serial.masimo_ascii1": Format(decode, _fields)}
"""This family's wire formats by name."""
