"""Current Time (2A2B): Bluetooth Current Time Service 1.1, section 3.1.

Owns: the ten bytes, both ways. Never: reads a clock.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final, NamedTuple

from hub_agent.driver import sig_uuid
from hub_agent.errors import DecodeError
from hub_agent.registry import Fields, Format, FormatDecoder
from hub_drivers.codec.made import maker
from hub_drivers.codec.sig_time import SigTime, date_time, read_date_time

DATE_TIME: Final = sig_uuid(0x2A08)
CURRENT_TIME: Final = sig_uuid(0x2A2B)

MANUAL: Final = 1
"""Bit of the adjust reason: somebody set the clock."""


class CurrentTime(NamedTuple):
    """One value of 2A2B.

    Attributes:
        time: the wall clock.
        day_of_week: 1 Monday to 7 Sunday, 0 unknown.
        fractions256: 1/256 s.
        adjust_reason: bits 0 manual, 1 external reference, 2 time zone, 3 daylight saving.
    """

    time: SigTime
    day_of_week: int
    fractions256: int
    adjust_reason: int


_current: Final = maker(CurrentTime)


def decode(data: bytes) -> CurrentTime:
    """Take a value apart.

    Raises:
        DecodeError: not ten bytes, or a part out of its range.
    """
    if len(data) != 10:
        raise DecodeError(f"current time: {len(data)} bytes, not 10")
    if data[7] > 7:
        raise DecodeError("current time: day of the week out of range")
    return _current((read_date_time(data[:7]), data[7], data[8], data[9]))


def encode(local: datetime) -> bytes:
    """Make the value that sets a device's clock to ``local``."""
    return date_time(local) + bytes((local.isoweekday(), local.microsecond * 256 // 1_000_000, MANUAL))


def fields(current: CurrentTime) -> Fields:
    """Give the fields of ``ble.2a2b``."""
    return {
        "datetime": str(current.time),
        "day_of_week": current.day_of_week,
        "fractions256": current.fractions256,
        "adjust_reason": current.adjust_reason,
    }


FORMATS: Final[Mapping[str, FormatDecoder]] = {"ble.2a2b": Format(decode, fields)}
