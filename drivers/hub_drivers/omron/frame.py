"""Omron's memory protocol: frames that read the EEPROM.

Owns: frames, requests, and putting a frame together from the characteristics that share it. Never: knows a record.

Source: userx14/omblepy and eigger/hass-omron (memory_protocol.py). A frame is its length, type, address, size, data, a
zero or result code, and a byte that makes the exclusive or of all zero. Older cuffs spread a frame over four
characteristics of 16 bytes, newer ones send it whole.
"""

from collections.abc import Mapping, Sequence
from struct import Struct
from typing import Any, Final, NamedTuple

from hub_agent.driver import DecodeError
from hub_agent.registry import Format, FormatDecoder
from hub_drivers.codec.checksum import xor8
from hub_drivers.codec.made import maker

__all__ = ["CLOSE", "FORMATS", "OPEN", "Assembler", "Frame", "decode", "read_request"]

READ_REQUEST: Final = 0x0100
OPENED: Final = 0x8000
READ: Final = 0x8100
CLOSED: Final = 0x8F00
OPEN: Final = bytes.fromhex("0800000000100018")
CLOSE: Final = bytes.fromhex("080f000000000007")

_HEAD: Final = Struct(">BHHB")
_LEAST: Final = 8
_PIECE: Final = 16
_MOST: Final = 64


class Frame(NamedTuple):
    """A frame whose exclusive or is zero.

    Attributes:
        type: 0100 read, 8100 its answer, 8000 opened, 8F00 closed or refused.
        address: in the EEPROM.
        size: bytes asked for.
        data: bytes read; none in a request or a refusal.
        result: 0 well.
    """

    type: int
    address: int
    size: int
    data: bytes
    result: int


_frame: Final = maker(Frame)


def decode(data: bytes) -> Frame:
    """Take a frame apart. Cuffs that send pieces of 16 bytes fill the last with zeros.

    Raises:
        DecodeError: another length than it says, or an exclusive or that is not zero.
    """
    if len(data) < _LEAST or not _LEAST <= data[0] <= len(data) or any(data[data[0] :]):
        raise DecodeError("length")
    data = data[: data[0]]
    if xor8(data):
        raise DecodeError("xor")
    _, kind, address, size = _HEAD.unpack_from(data)
    content = data[_HEAD.size : -2]
    if content and len(content) != size:
        raise DecodeError("length")
    return _frame((kind, address, size, content, data[-2]))


def read_request(address: int, size: int) -> bytes:
    """Make the request for ``size`` bytes from ``address``."""
    body = _HEAD.pack(_LEAST, READ_REQUEST, address, size) + b"\0"
    return body + bytes((xor8(body),))


class Assembler:
    """Puts frames together from the characteristics that share them, in their order.

    Args:
        channels: the characteristics, first piece first; with one, each value is a whole frame.
    """

    def __init__(self, channels: Sequence[str]) -> None:
        self._channels = tuple(channels)
        self._pieces: dict[str, bytes] = {}

    def feed(self, channel: str, data: bytes) -> bytes | None:
        """Take a value; give the frame once it is complete. A first piece throws away what came before."""
        if len(self._channels) == 1 or channel not in self._channels:
            return data[: data[0]] if data else data
        if channel == self._channels[0]:
            self._pieces.clear()
        self._pieces[channel] = data[:_PIECE]
        first = self._pieces.get(self._channels[0])
        if not first or first[0] > _MOST:
            return None
        pieces = [self._pieces.get(name) for name in self._channels[: -(-first[0] // _PIECE)]]
        if any(piece is None for piece in pieces):
            return None
        self._pieces.clear()
        return b"".join(piece or b"" for piece in pieces)[: first[0]]


def _fields(found: Frame) -> Mapping[str, Any]:
    if found.type == READ_REQUEST:
        return {"address": found.address, "size": found.size}
    return {"type": found.type, "address": found.address, "size": found.size, "data": found.data.hex()}


FORMATS: Final[Mapping[str, FormatDecoder]] = {"ble.omron_eeprom.frame": Format(decode, _fields)}
"""This module's wire formats by name."""
