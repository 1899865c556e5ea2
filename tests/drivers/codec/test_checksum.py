"""Each checksum against the check value that the CRC catalogue prints for "123456789"."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub_drivers.codec import checksum

TEXT = b"123456789"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("crc8_smbus", 0xF4),
        ("crc8_maxim", 0xA1),
        ("crc16_ibm_3740", 0x29B1),
        ("crc16_ibm_sdlc", 0x906E),
        ("crc16_mcrf4xx", 0x6F91),
        ("sum8", 0xDD),
        ("sum16", 0x01DD),
        ("xor8", 0x31),
    ],
)
def test_check_value(name: str, value: int) -> None:
    assert getattr(checksum, name)(TEXT) == value


def test_nothing_has_the_start_value() -> None:
    assert (checksum.xor8(b""), checksum.sum8(b""), checksum.crc8_maxim(b""), checksum.crc16_ibm_3740(b"")) == (
        0,
        0,
        0,
        0xFFFF,
    )


@given(st.binary(max_size=64))
def test_the_mirrored_crc_is_the_one_that_shifts_right(data: bytes) -> None:
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x8408 if crc & 1 else 0)
    assert checksum.crc16_mcrf4xx(data) == crc
