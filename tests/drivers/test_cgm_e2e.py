"""The checksum behind a value of a glucose sensor, and CRC-16/MCRF4XX against its definition, a bit at a time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub_agent.errors import DecodeError
from hub_drivers.cgm.e2e import checked, sealed
from hub_drivers.codec.checksum import crc16_mcrf4xx


def _by_bits(data: bytes) -> int:
    crc = 0xFFFF
    for byte in data:
        for bit in range(8):
            mixed = (crc ^ byte >> bit) & 1
            crc = crc >> 1 ^ (0x8408 if mixed else 0)
    return crc


@given(st.binary(max_size=40))
def test_the_table_is_the_polynomial(data: bytes) -> None:
    assert crc16_mcrf4xx(data) == _by_bits(data)


@given(st.binary(min_size=1, max_size=20), st.integers(0, 7), st.data())
def test_one_wrong_bit_is_noticed(data: bytes, bit: int, draw: st.DataObject) -> None:
    value = bytearray(sealed(data))
    assert checked(bytes(value), len(data), "toy") == (data, True)
    value[draw.draw(st.integers(0, len(value) - 1))] ^= 1 << bit
    with pytest.raises(DecodeError, match="checksum"):
        checked(bytes(value), len(data), "toy")


def test_without_a_checksum_there_is_none_to_be_right() -> None:
    assert checked(b"ab", 2, "toy") == (b"ab", None)
    with pytest.raises(DecodeError, match="3 bytes"):
        checked(b"abc", 2, "toy")
