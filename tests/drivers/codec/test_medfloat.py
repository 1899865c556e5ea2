"""Medical floats against the definition in IEEE 11073-20601, computed another way."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub_agent import nomenclature as mdc
from hub_agent.errors import DecodeError
from hub_agent.model import Absent, Measurement
from hub_drivers.codec.medfloat import Special, float32, measured, read_float32, read_sfloat, sfloat

SPECIAL_16 = {0x07FE, 0x07FF, 0x0800, 0x0801, 0x0802}
SPECIAL_32 = {0x7FFFFE, 0x7FFFFF, 0x800000, 0x800001, 0x800002}


def _power(exponent: int) -> Fraction:
    return Fraction(10) ** exponent


def test_every_sfloat_is_mantissa_times_a_power_of_ten() -> None:
    for word in range(0x10000):
        value = sfloat(word)
        if word in SPECIAL_16:
            assert isinstance(value, Special)
            continue
        assert not isinstance(value, Special)
        mantissa = int.from_bytes(((word & 0xFFF) << 4).to_bytes(2, "little"), "little", signed=False)
        signed = (mantissa ^ 0x8000) - 0x8000 >> 4
        exponent = (word >> 12 ^ 0x8) - 0x8
        assert Fraction(value) == signed * _power(exponent)
        assert value.as_tuple().exponent == exponent


@given(st.integers(-(1 << 23), (1 << 23) - 1), st.integers(-128, 127))
def test_any_float_is_mantissa_times_a_power_of_ten(mantissa: int, exponent: int) -> None:
    word = int.from_bytes(
        (mantissa & 0xFFFFFF).to_bytes(3, "little") + exponent.to_bytes(1, "little", signed=True), "little"
    )
    value = float32(word)
    if word in SPECIAL_32:
        assert isinstance(value, Special)
    else:
        assert not isinstance(value, Special)
        assert Fraction(value) == mantissa * _power(exponent)


@pytest.mark.parametrize(
    ("word", "special", "absent"),
    [
        (0x07FF, Special.NAN, Absent.NOT_A_NUMBER),
        (0x0800, Special.NRES, Absent.ERROR),
        (0x07FE, Special.POSITIVE_INFINITY, Absent.POSITIVE_INFINITY),
        (0x0802, Special.NEGATIVE_INFINITY, Absent.NEGATIVE_INFINITY),
        (0x0801, Special.RESERVED, Absent.ERROR),
    ],
)
def test_a_special_value_is_absent_with_its_reason(word: int, special: Special, absent: Absent) -> None:
    assert sfloat(word) is special
    assert measured(mdc.SPO2, "%", sfloat(word)) == Measurement(mdc.SPO2, "%", None, absent)


@pytest.mark.parametrize(("data", "written"), [("b00e00fe", "37.60"), ("6c0100ff", "36.4"), ("78000000", "120")])
def test_the_device_s_precision_is_kept(data: str, written: str) -> None:
    assert str(read_float32(bytes.fromhex(data))) == written


@given(st.binary(max_size=8))
def test_only_the_right_length_is_read(data: bytes) -> None:
    for read, size in ((read_sfloat, 2), (read_float32, 4)):
        if len(data) == size:
            read(data)
        else:
            with pytest.raises(DecodeError):
                read(data)
