"""Medical floats: decimal numbers in 16 or 32 bits, with five values that are none.

Owns: SFLOAT and FLOAT of IEEE 11073-20601 (annex F.7 and F.2), little-endian words as Bluetooth sends them.
Never: goes through binary floating point; ``36.40`` stays ``36.40``.

Mantissa and exponent are both two's complement. The special values are whole words: only exponent 0 makes them special,
so ``0xF7FF`` is 204.7 and ``0x07FF`` is no number.
"""

from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Final

from hub_agent.errors import DecodeError
from hub_agent.model import Absent, Code, Measurement, Unit
from hub_drivers.codec.made import maker


class Special(StrEnum):
    """A value that is not a number."""

    NAN = "NaN"
    NRES = "NRes"
    """Not at this resolution."""
    POSITIVE_INFINITY = "+INF"
    NEGATIVE_INFINITY = "-INF"
    RESERVED = "Reserved"


MedicalFloat = Decimal | Special

ABSENT: Final = {
    Special.NAN: Absent.NOT_A_NUMBER,
    Special.NRES: Absent.ERROR,
    Special.POSITIVE_INFINITY: Absent.POSITIVE_INFINITY,
    Special.NEGATIVE_INFINITY: Absent.NEGATIVE_INFINITY,
    Special.RESERVED: Absent.ERROR,
}
"""Why a special value is absent, as the HL7 personal health device guide maps it."""

_SFLOAT_SPECIALS: Final = {
    0x07FF: Special.NAN,
    0x0800: Special.NRES,
    0x07FE: Special.POSITIVE_INFINITY,
    0x0802: Special.NEGATIVE_INFINITY,
    0x0801: Special.RESERVED,
}
_FLOAT32_SPECIALS: Final = {
    0x007FFFFF: Special.NAN,
    0x00800000: Special.NRES,
    0x007FFFFE: Special.POSITIVE_INFINITY,
    0x00800002: Special.NEGATIVE_INFINITY,
    0x00800001: Special.RESERVED,
}

_measurement: Final = maker(Measurement)


# A patient's values repeat: the cache turns arithmetic into one look-up, and its bound keeps a hostile device cheap.
@lru_cache(maxsize=2048)
def sfloat(word: int) -> MedicalFloat:
    """Decode a 16-bit word: 12 bits of mantissa, 4 of exponent."""
    special = _SFLOAT_SPECIALS.get(word)
    if special is not None:
        return special
    mantissa = word & 0x0FFF
    exponent = word >> 12
    return Decimal(f"{mantissa - ((mantissa & 0x0800) << 1)}E{exponent - ((exponent & 0x8) << 1)}")


@lru_cache(maxsize=1024)
def float32(word: int) -> MedicalFloat:
    """Decode a 32-bit word: 24 bits of mantissa, 8 of exponent."""
    special = _FLOAT32_SPECIALS.get(word)
    if special is not None:
        return special
    mantissa = word & 0x00FF_FFFF
    exponent = word >> 24
    return Decimal(f"{mantissa - ((mantissa & 0x0080_0000) << 1)}E{exponent - ((exponent & 0x80) << 1)}")


def read_sfloat(data: bytes) -> MedicalFloat:
    """Decode two bytes.

    Raises:
        DecodeError: not two bytes.
    """
    if len(data) != 2:
        raise DecodeError(f"SFLOAT: {len(data)} bytes, not 2")
    return sfloat(int.from_bytes(data, "little"))


def read_float32(data: bytes) -> MedicalFloat:
    """Decode four bytes.

    Raises:
        DecodeError: not four bytes.
    """
    if len(data) != 4:
        raise DecodeError(f"FLOAT: {len(data)} bytes, not 4")
    return float32(int.from_bytes(data, "little"))


def measured(code: Code, unit: Unit, value: MedicalFloat) -> Measurement:
    """Make a measurement of a medical float: a special value becomes absent, with its reason."""
    if isinstance(value, Decimal):
        return _measurement((code, unit, value, None))
    return _measurement((code, unit, None, ABSENT[value]))
