"""The SIG formats against readers that know nothing of ours: octet by octet, as GSS and the services' tables say.

The readers here are slow and plain on purpose. They share no code with the drivers, nor their layouts.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub_agent.driver import DecodeError
from hub_drivers.formats import FORMATS

_SPECIAL: Final = {0x07FE: "+INF", 0x07FF: "NaN", 0x0800: "NRes", 0x0801: "Reserved", 0x0802: "-INF"}
_PARTS: Final = ((0, 12), (0, 31), (0, 23), (0, 59), (0, 59))
_GLUCOSE_OFFSETS: Final = {0x7FFF: "overrun", -0x8000: "underrun"}

_Fields = dict[str, Any]


class _Octets:
    """What is left of a value. Reading beyond its end is an ``IndexError``, an impossible time a ``ValueError``."""

    def __init__(self, value: bytes) -> None:
        self._left = list(value)

    def unsigned(self, octets: int = 1) -> int:
        return sum(self._left.pop(0) << 8 * at for at in range(octets))

    def signed(self, octets: int) -> int:
        number = self.unsigned(octets)
        return number - (1 << 8 * octets) if number >> 8 * octets - 1 else number

    def short_float(self) -> Decimal | str:
        word = self.unsigned(2)
        if word in _SPECIAL:
            return _SPECIAL[word]
        mantissa, exponent = word % 4096, word // 4096
        mantissa -= 4096 if mantissa > 2047 else 0
        exponent -= 16 if exponent > 7 else 0
        return Decimal(mantissa) * Decimal(10) ** exponent

    def date_time(self) -> str:
        year, *rest = self.unsigned(2), *(self.unsigned() for _ in range(5))
        possible = (year == 0 or 1582 <= year <= 9999) and all(
            least <= part <= most for part, (least, most) in zip(rest, _PARTS, strict=True)
        )
        if not possible:
            raise ValueError
        month, day, hour, minute, second = rest
        return f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"

    def user(self) -> int | None:
        number = self.unsigned()
        return None if number == 0xFF else number


def _glucose(left: _Octets) -> _Fields:
    flags = left.unsigned()
    fields: _Fields = {"sequence": left.unsigned(2), "base_time": left.date_time(), "time_offset_min": None}
    if flags & 0x01:
        offset = left.signed(2)
        fields["time_offset_min"] = _GLUCOSE_OFFSETS.get(offset, offset)
    if flags & 0x02:
        fields["concentration"] = left.short_float()
        both = left.unsigned()
        fields |= {"type": both % 16, "location": both // 16, "unit": "mol/L" if flags & 0x04 else "kg/L"}
    if flags & 0x08:
        left.unsigned(2)
    fields["context_follows"] = bool(flags & 0x10)
    return fields


def _context(left: _Octets) -> _Fields:
    flags = left.unsigned()
    fields: _Fields = {"sequence": left.unsigned(2)}
    fields["extended_flags"] = left.unsigned() if flags & 0x80 else None
    fields["carbohydrate"] = [left.unsigned(), left.short_float()] if flags & 0x01 else None
    fields["meal"] = left.unsigned() if flags & 0x02 else None
    if flags & 0x04:
        both = left.unsigned()
        fields |= {"tester": both % 16, "health": both // 16}
    fields["exercise"] = [left.unsigned(2), left.unsigned()] if flags & 0x08 else None
    fields["medication"] = [left.unsigned(), left.short_float()] if flags & 0x10 else None
    fields["hba1c_percent"] = left.short_float() if flags & 0x40 else None
    return fields


def _pressure(left: _Octets) -> _Fields:
    flags = left.unsigned()
    fields: _Fields = {name: left.short_float() for name in ("systolic", "diastolic", "map")}
    fields["unit"] = "kPa" if flags & 0x01 else "mmHg"
    fields["timestamp"] = left.date_time() if flags & 0x02 else None
    fields["pulse_rate"] = left.short_float() if flags & 0x04 else None
    fields["user_id"] = left.user() if flags & 0x08 else None
    if flags & 0x10:
        left.unsigned(2)
    return fields


def _spot(left: _Octets) -> _Fields:
    flags = left.unsigned()
    fields: _Fields = {"spo2": left.short_float(), "pulse_rate": left.short_float()}
    fields["timestamp"] = left.date_time() if flags & 0x01 else None
    left.unsigned(2 if flags & 0x02 else 0)
    left.unsigned(3 if flags & 0x04 else 0)
    fields["pulse_amplitude_index"] = left.short_float() if flags & 0x08 else None
    fields["clock_not_set"] = bool(flags & 0x10)
    return fields


def _continuous(left: _Octets) -> _Fields:
    flags = left.unsigned()
    fields: _Fields = {"spo2": left.short_float(), "pulse_rate": left.short_float()}
    fields["fast"] = [left.short_float(), left.short_float()] if flags & 0x01 else None
    fields["slow"] = [left.short_float(), left.short_float()] if flags & 0x02 else None
    left.unsigned(2 if flags & 0x04 else 0)
    left.unsigned(3 if flags & 0x08 else 0)
    fields["pulse_amplitude_index"] = left.short_float() if flags & 0x10 else None
    return fields


def _weight(left: _Octets) -> _Fields:
    flags = left.unsigned()
    imperial = flags & 0x01
    weight = left.unsigned(2)
    step = Decimal("0.01" if imperial else "0.005")
    fields: _Fields = {"unit": "lb" if imperial else "kg", "weight": None if weight == 0xFFFF else weight * step}
    fields["timestamp"] = left.date_time() if flags & 0x02 else None
    fields["user_id"] = left.user() if flags & 0x04 else None
    if flags & 0x08:
        fields["bmi"] = left.unsigned(2) * Decimal("0.1")
        fields["height"] = left.unsigned(2) * Decimal("0.1" if imperial else "0.001")
    return fields


def _composition(left: _Octets) -> _Fields:
    flags = left.unsigned(2)
    imperial = flags & 0x0001
    mass, tenth = Decimal("0.01" if imperial else "0.005"), Decimal("0.1")
    fat = left.unsigned(2)
    fields: _Fields = {"body_fat_percent": None if fat == 0xFFFF else fat * tenth}
    fields["timestamp"] = left.date_time() if flags & 0x0002 else None
    fields["user_id"] = left.user() if flags & 0x0004 else None
    fields["basal_metabolism_kj"] = left.unsigned(2) if flags & 0x0008 else None
    steps = {
        "muscle_percent": tenth,
        "muscle_mass": mass,
        "fat_free_mass": mass,
        "soft_lean_mass": mass,
        "body_water_mass": mass,
        "impedance_ohm": tenth,
        "weight": mass,
        "height": tenth if imperial else Decimal("0.001"),
    }
    for bit, (name, step) in enumerate(steps.items(), start=4):
        fields[name] = left.unsigned(2) * step if flags >> bit & 1 else None
    fields["multiple_packet"] = bool(flags & 0x1000)
    return fields


_READERS: Final[Mapping[str, tuple[Callable[[_Octets], _Fields], int]]] = {
    "ble.2a18": (_glucose, 3),
    "ble.2a34": (_context, 0),
    "ble.2a35": (_pressure, 7),
    "ble.2a5e": (_spot, 5),
    "ble.2a5f": (_continuous, 0),
    "ble.2a9c": (_composition, 4),
    "ble.2a9d": (_weight, 3),
}
"""Each with where its time stands, if it has one."""

_YEARS: Final = st.sampled_from((0, 1581, 1582, 2024, 9999, 10000))
_TIMES: Final = st.builds(
    lambda year, *rest: year.to_bytes(2, "little") + bytes(rest),
    _YEARS,
    *(st.integers(0, most + 1) for _least, most in _PARTS),
)


def _plain(value: object) -> object:
    """Spell our answer as the readers do: specials by name, tuples as lists."""
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    return getattr(value, "value", value)


@pytest.mark.parametrize("name", _READERS)
@given(value=st.binary(min_size=1, max_size=32), time=_TIMES, with_time=st.booleans())
def test_both_read_the_same(name: str, value: bytes, time: bytes, with_time: bool) -> None:  # noqa: FBT001
    reader, at = _READERS[name]
    if with_time and at:
        value = value[:at] + time + value[at:]
    try:
        expected = reader(_Octets(value))
    except (IndexError, ValueError):
        with pytest.raises(DecodeError):
            FORMATS[name](value)
    else:
        fields = FORMATS[name](value)
        assert {each: _plain(fields[each]) for each in expected} == expected


@given(word=st.integers(0, 0xFFFF))
def test_both_read_the_same_number(word: int) -> None:
    value = word.to_bytes(2, "little")
    assert _plain(FORMATS["ieee11073.sfloat"](value)["value"]) == _Octets(value).short_float()
