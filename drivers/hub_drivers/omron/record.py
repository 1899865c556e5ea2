"""The records in an Omron cuff's memory, in the three layouts of 14 bytes.

Owns: their layout. Never: judges a reading.

Source: eigger/hass-omron (record_parsers.py; issue 71 prints raw and parsed records) and userx14/omblepy. The
little-endian layout begins with the systolic pressure less 25, diastolic, pulse, year; the big-endian ones swap the
pressures, and year and pulse. Seconds above 59 occur and are cut to 59. Layouts of 16 bytes begin with the same.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from struct import Struct
from typing import Any, Final, NamedTuple

from hub_agent.registry import Format, FormatDecoder
from hub_drivers.codec.layout import fixed
from hub_drivers.codec.made import maker
from hub_drivers.codec.pressure import implausible

__all__ = ["FORMATS", "SIZE", "Layout", "Record", "decode_big", "decode_big_6232", "decode_little"]

_LITTLE: Final = Struct("<BBBBHH6x")
_BIG: Final = Struct(">BBBBHH6x")
SIZE: Final = _LITTLE.size

_HIGHEST_RAW: Final = 0xE1  # more is an empty slot
_OFFSET: Final = 25


class Record(NamedTuple):
    """A measurement in mmHg and /min.

    Attributes:
        taken: the cuff's clock; None where its digits are no date.
        irregular: the pulse was.
        movement: the body moved.
    """

    systolic: int
    diastolic: int
    pulse_rate: int
    taken: datetime | None
    irregular: bool
    movement: bool


_made: Final = maker(Record)


Layout = Callable[[bytes], Record | None]
"""Fourteen bytes → their record, None for an empty slot; DecodeError for another length."""


def _date(year: int, day_word: int, time_word: int) -> datetime | None:
    minute, second = min(time_word >> 6 & 0x3F, 59), min(time_word & 0x3F, 59)
    try:
        return datetime(
            2000 + (year & 0x3F), day_word >> 10 & 0x0F, day_word >> 5 & 0x1F, day_word & 0x1F, minute, second
        )
    except ValueError:
        return None


def _record(
    systolic: int, diastolic: int, pulse: int, year: int, day_word: int, time_word: int, *, swapped: bool = False
) -> Record | None:
    if systolic > _HIGHEST_RAW or not (diastolic or pulse or year & 0x3F or day_word or time_word):
        return None
    high, low = day_word & 0x8000 != 0, day_word & 0x4000 != 0
    irregular, movement = (high, low) if swapped else (low, high)
    taken = _date(year, day_word, time_word)
    return _made((systolic + _OFFSET, diastolic, pulse, taken, irregular, movement))


def decode_little(data: bytes) -> Record | None:
    """Decode the little-endian layout (HEM-7155T, 7342T, 714xT2, 738xT1…).

    Raises:
        DecodeError: not 14 bytes.
    """
    return _record(*fixed(data, _LITTLE, "record"))


def decode_big(data: bytes) -> Record | None:
    """Decode the big-endian layout (HEM-7322T, 7600T, 7530T…).

    Raises:
        DecodeError: not 14 bytes.
    """
    diastolic, systolic, year, pulse, day_word, time_word = fixed(data, _BIG, "record")
    return _record(systolic, diastolic, pulse, year, day_word, time_word)


def decode_big_6232(data: bytes) -> Record | None:
    """Decode the big-endian layout of the HEM-6232T, whose irregular and movement bits are exchanged.

    Raises:
        DecodeError: not 14 bytes.
    """
    diastolic, systolic, year, pulse, day_word, time_word = fixed(data, _BIG, "record")
    return _record(systolic, diastolic, pulse, year, day_word, time_word, swapped=True)


def _fields(found: Record | None) -> Mapping[str, Any]:
    if found is None:
        return {"empty": True}
    fields: dict[str, Any] = {**found._asdict()}
    taken = fields.pop("taken")
    fields["datetime"] = taken and taken.isoformat()
    if implausible(found.systolic, found.diastolic, found.pulse_rate):
        fields["implausible"] = True
    return fields


FORMATS: Final[Mapping[str, FormatDecoder]] = {"ble.omron_eeprom.record14_le": Format(decode_little, _fields)}
"""This module's wire formats by name."""
