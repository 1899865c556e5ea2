"""The 8-byte frame of TaiDoc meters, and their date.

Owns: their layout. Never: keeps a dialogue.

Source: glucometers-tech/glucometer-protocols:src/taidoc/td42xx.md. A frame is 51, command, four bytes, A3 (to the
meter) or A5 (from it), and the sum of all before. A date is a 16-bit little-endian word of year less 2000 (7 bits),
month and day, then minute, then hour.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from hub_agent.driver import DecodeError
from hub_agent.registry import Format, FormatDecoder
from hub_drivers.codec.checksum import sum8

__all__ = ["FORMATS", "Frame", "decode_datetime", "decode_frame", "encode_frame"]

_STX: Final = 0x51
_DIRECTIONS: Final = (0xA3, 0xA5)


class Frame(NamedTuple):
    """A frame whose sum is right; ``outward`` is to the meter."""

    command: int
    payload: bytes
    outward: bool


def encode_frame(command: int, payload: bytes = bytes(4)) -> bytes:
    """Make a frame to the meter.

    Raises:
        ValueError: not four bytes.
    """
    if len(payload) != 4:
        raise ValueError("a frame carries four bytes")
    body = bytes((_STX, command)) + payload + b"\xa3"
    return body + bytes((sum8(body),))


def decode_frame(data: bytes) -> Frame:
    """Take a frame apart.

    Raises:
        DecodeError: not eight bytes, another head or direction, or a wrong sum.
    """
    if len(data) != 8:
        raise DecodeError("length")
    if data[0] != _STX or data[6] not in _DIRECTIONS:
        raise DecodeError("frame")
    if sum8(data[:-1]) != data[-1]:
        raise DecodeError("checksum")
    return Frame(data[1], data[2:6], data[6] == 0xA3)


def decode_datetime(data: bytes) -> datetime:
    """Decode a date.

    Raises:
        DecodeError: not four bytes, or no date.
    """
    if len(data) != 4:
        raise DecodeError("length")
    word = data[0] | data[1] << 8
    try:
        return datetime(2000 + (word >> 9), word >> 5 & 0x0F, word & 0x1F, data[3], data[2])
    except ValueError:
        raise DecodeError("date") from None


def _frame_fields(found: Frame) -> Mapping[str, Any]:
    return {"command": found.command, "direction": "out" if found.outward else "in", "payload": found.payload.hex()}


FORMATS: Final[Mapping[str, FormatDecoder]] = {
    "serial.td42xx.datetime": Format(decode_datetime, lambda taken: {"datetime": taken.isoformat()}),
    "serial.td42xx.frame": Format(decode_frame, _frame_fields),
}
"""This family's wire formats by name."""
