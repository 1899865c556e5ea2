"""The text that a FreeStyle Optium dumps.

Owns: its lines. Never: keeps a dialogue.

Source: glucometers-tech/glucometerutils (fsoptium.py). June and July are spelt in full in readings, all other months by
three letters. Values are mg/dL, whatever the meter shows; type K is ketones.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Final, NamedTuple

from hub_agent.driver import DecodeError
from hub_agent.registry import Format, FormatDecoder

__all__ = ["FORMATS", "Result", "decode_clock", "decode_end", "decode_result"]

_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_CLOCK: Final = re.compile(rb"Clock:\t([A-Z][a-z]{2})  (\d\d) (\d{4})\t(\d\d):(\d\d):(\d\d)")
_RESULT: Final = re.compile(rb"(HI |\d{3})  ([A-Z][a-z]{2})[ ey] (\d\d) (\d{4}) (\d\d):(\d\d) ([GK]) 0x00")
_END: Final = re.compile(rb"0x([0-9A-F]{4})  END")


class Result(NamedTuple):
    """A record: when (None for no date), mg/dL (None for HI), glucose or ketones."""

    taken: datetime | None
    value: int | None
    glucose: bool


def _date(month: bytes, *numbers: bytes) -> datetime | None:
    day, year, hour, minute, second = map(int, (*numbers, b"0")[:5])
    name = month.decode("ascii")
    if name not in _MONTHS:
        return None
    try:
        return datetime(year, _MONTHS.index(name) + 1, day, hour, minute, second)
    except ValueError:
        return None


def decode_clock(data: bytes) -> datetime:
    """Decode the line that tells the meter's clock.

    Raises:
        DecodeError: another line, or no date.
    """
    found = _CLOCK.fullmatch(data.rstrip(b"\r\n"))
    taken = _date(*found.groups()) if found else None
    if taken is None:
        raise DecodeError("clock")
    return taken


def decode_result(data: bytes) -> Result:
    """Decode a record.

    Raises:
        DecodeError: another line.
    """
    found = _RESULT.fullmatch(data.rstrip(b"\r\n"))
    if found is None:
        raise DecodeError("record")
    value, *date, kind = found.groups()
    return Result(_date(*date), None if value == b"HI " else int(value), kind == b"G")


def decode_end(data: bytes) -> int | None:
    """Give the sum that the last line of a dump tells; None for another line."""
    found = _END.fullmatch(data.rstrip(b"\r\n"))
    return None if found is None else int(found[1], 16)


FORMATS: Final[Mapping[str, FormatDecoder]] = {
    "serial.freestyle_optium.clock": Format(decode_clock, lambda clock: {"datetime": clock.isoformat()})
}
"""This family's wire formats by name."""
