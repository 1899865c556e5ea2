"""Dates and times as the Bluetooth SIG writes them.

Owns: Date Time (2A08), its offsets (2A0D, 2A0E), both ways; GATT Specification Supplement, "Date Time", "Time Zone",
"DST Offset".
Never: reads a clock, or loses a reading because its device does not know the date: year, month or day 0 is "unknown".
"""

import struct
from datetime import datetime
from struct import Struct
from typing import Final, NamedTuple

from hub_agent.errors import DecodeError
from hub_agent.model import DeviceTime
from hub_drivers.codec.made import maker

DATE_TIME: Final = Struct("<H5B")
_SPELT: Final = "%04d-%02d-%02dT%02d:%02d:%02d"
_DST_MIN: Final = {0: 0, 2: 30, 4: 60, 8: 120, 255: None}


class SigTime(NamedTuple):
    """A wall-clock time of a device, each part as sent; year, month and day may be 0, unknown."""

    year: int
    month: int
    day: int
    hour: int
    minute: int
    second: int

    def __str__(self) -> str:
        """Spell it like ISO 8601, zeros for what is unknown."""
        return _SPELT % self

    def local(self) -> datetime | None:
        """Give it as a naive local time; None when the date is unknown or no such day exists."""
        if not (self.year and self.month and self.day):
            return None
        try:
            return datetime(*self)
        except ValueError:
            return None  # the 30th of February

    def device_time(self) -> DeviceTime | None:
        """Give it as a reading holds it; None when the date is unknown."""
        local = self.local()
        return None if local is None else _device_time((local, None))


_sig_time: Final = maker(SigTime)
_device_time: Final = maker(DeviceTime)


def dated(time: SigTime | None) -> tuple[DeviceTime | None, bool]:
    """Give the time of a record that may have one, and whether its device says that it does not know the date."""
    if time is None:
        return None, False
    measured = time.device_time()
    return measured, measured is None


def read_date_time(data: bytes) -> SigTime:
    """Decode the seven bytes of a Date Time.

    Raises:
        DecodeError: another length, or a part out of its range (year 0 or 1582-9999, month 0-12, day 0-31).
    """
    try:
        parts = year, month, day, hour, minute, second = DATE_TIME.unpack(data)
    except struct.error:
        raise DecodeError(f"date time: {len(data)} bytes, not 7") from None
    if month > 12 or day > 31 or hour > 23 or minute > 59 or second > 59 or (year and not 1582 <= year <= 9999):
        raise DecodeError("date time: out of range")
    return _sig_time(parts)


def date_time(local: datetime) -> bytes:
    """Encode a wall-clock time as a Date Time."""
    return DATE_TIME.pack(local.year, local.month, local.day, local.hour, local.minute, local.second)


def time_zone_min(raw: int) -> int | None:
    """Turn a Time Zone (signed, quarters of an hour) into minutes from UTC; None when unknown (-128).

    Raises:
        DecodeError: out of its range, -48 to +56.
    """
    if raw == -128:
        return None
    if not -48 <= raw <= 56:
        raise DecodeError("time zone: out of range")
    return raw * 15


def dst_offset_min(raw: int) -> int | None:
    """Turn a DST Offset into minutes; None when unknown (255).

    Raises:
        DecodeError: a reserved value.
    """
    if raw not in _DST_MIN:
        raise DecodeError("DST offset: reserved value")
    return _DST_MIN[raw]
