"""The records in an Omron cuff's memory, in the three layouts of 14 bytes.

Owns: their layout. Never: judges a reading.

Source: eigger/hass-omron (record_parsers.py; issue 71 prints raw and parsed records) and userx14/omblepy. The
little-endian layout begins with the systolic pressure less 25, diastolic, pulse, year; the big-endian ones swap the
pressures, and year and pulse. Seconds above 59 occur and are cut to 59. Layouts of 16 bytes begin with the same.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple

from hub_agent.driver import DecodeError
from hub_agent.registry import FormatDecoder
from hub_drivers.codec.pressure import implausible

__all__ = ["FORMATS", "SIZE", "Layout", "Record", "decode_big", "decode_big_6232", "decode_little"]

SIZE: Final = 14

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
    data: bytes, places: tuple[int, int, int, int], order: Literal["little", "big"], *, swapped: bool
) -> Record | None:
    """Read a record whose systolic, diastolic, pulse and year are at ``places``."""
    if len(data) != SIZE:
        raise DecodeError("length")
    systolic, diastolic, pulse, year = (data[place] for place in places)
    day_word = int.from_bytes(data[4:6], order)
    time_word = int.from_bytes(data[6:8], order)
    if systolic > _HIGHEST_RAW or not (diastolic or pulse or year & 0x3F or day_word or time_word):
        return None
    high, low = day_word & 0x8000 != 0, day_word & 0x4000 != 0
    irregular, movement = (high, low) if swapped else (low, high)
    taken = _date(year, day_word, time_word)
    return Record(systolic + _OFFSET, diastolic, pulse, taken, irregular, movement)


def decode_little(data: bytes) -> Record | None:
    """Decode the little-endian layout (HEM-7155T, 7342T, 714xT2, 738xT1…).

    Raises:
        DecodeError: not 14 bytes.
    """
    return _record(data, (0, 1, 2, 3), "little", swapped=False)


def decode_big(data: bytes) -> Record | None:
    """Decode the big-endian layout (HEM-7322T, 7600T, 7530T…).

    Raises:
        DecodeError: not 14 bytes.
    """
    return _record(data, (1, 0, 3, 2), "big", swapped=False)


def decode_big_6232(data: bytes) -> Record | None:
    """Decode the big-endian layout of the HEM-6232T, whose irregular and movement bits are exchanged.

    Raises:
        DecodeError: not 14 bytes.
    """
    return _record(data, (1, 0, 3, 2), "big", swapped=True)


def _fields(data: bytes) -> Mapping[str, Any]:
    found = decode_little(data)
    if found is None:
        return {"empty": True}
    fields: dict[str, Any] = {**found._asdict()}
    taken = fields.pop("taken")
    fields["datetime"] = taken and taken.isoformat()
    if implausible(found.systolic, found.diastolic, found.pulse_rate):
        fields["implausible"] = True
    return fields


FORMATS: Final[Mapping[str, FormatDecoder]] = {"ble.omron_eeprom.record14_le": _fields}
"""This module's wire formats by name."""
