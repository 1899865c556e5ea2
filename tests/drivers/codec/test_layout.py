"""Layouts whose flags say which fields follow."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub_agent.errors import DecodeError
from hub_drivers.codec.layout import Layout, fixed

LAYOUT = Layout("BH", (0x01, "I"), (0x04, "3s"), (0x40, "B"), name="toy")
SIZES = {0x01: 4, 0x04: 3, 0x40: 1}


def _size(flags: int) -> int:
    return 3 + sum(size for mask, size in SIZES.items() if flags & mask)


@given(st.binary(max_size=16))
def test_at_least_the_length_that_the_flags_call_for(data: bytes) -> None:
    if data and len(data) >= _size(data[0]):
        assert LAYOUT.size(data[0]) == _size(data[0])
        flags, _head, number, raw, byte = LAYOUT.unpack(data)
        assert flags == data[0]
        assert [value != b"" for value in (number, raw, byte)] == [bool(flags & mask) for mask in SIZES]
    else:
        with pytest.raises(DecodeError, match="toy"):
            LAYOUT.unpack(data)


@given(st.binary(min_size=16, max_size=16), st.binary(max_size=8))
def test_what_follows_the_last_field_is_passed_over(data: bytes, more: bytes) -> None:
    value = data[: _size(data[0])]
    assert LAYOUT.unpack(value + more) == LAYOUT.unpack(value)


def test_fields_keep_their_order_and_their_byte_order() -> None:
    assert LAYOUT.unpack(b"\x45\x01\x02" + struct.pack("<I", 7) + b"abc\xff") == (0x45, 0x0201, 7, b"abc", 255)


def test_two_bytes_of_flags() -> None:
    layout = Layout("H", (0x0100, "B"), name="wide", width=2)
    assert layout.unpack(b"\x00\x01\x2a") == (0x0100, 42)
    with pytest.raises(DecodeError):
        layout.unpack(b"\x01\x01")


def test_a_fixed_value_has_one_length() -> None:
    assert fixed(b"\x01\x00", struct.Struct("<H"), "word") == (1,)
    with pytest.raises(DecodeError, match="word: 3 bytes, not 2"):
        fixed(bytes(3), struct.Struct("<H"), "word")
