"""Frames of the Acme OX-1.

Owns: their layout. Never: judges a value; the driver does.

Source: the sheet "Acme OX-1: serial interface". Seven bytes: A5, type, four bytes by type, exclusive or of the six.
"""

from decimal import Decimal
from struct import Struct
from typing import NamedTuple

from hub_agent.errors import DecodeError
from hub_drivers.codec.checksum import xor8
from hub_drivers.codec.number import hundredths

SIZE = 7
START = bytes.fromhex("a5 53 00 00 00 00 f6")

_HEAD = 0xA5
_LIVE = Struct(">BHB")
_PERFUSION = Struct(">H2x")


class Live(NamedTuple):
    """Saturation in %, pulse rate in /min (None: none), and the status bits."""

    spo2: int | None
    pulse_rate: int | None
    status: int


class Perfusion(NamedTuple):
    """The perfusion index in %; None: none."""

    percent: Decimal | None


class Answer(NamedTuple):
    """What the device says to a command."""

    command: int
    done: bool


class Identification(NamedTuple):
    """Who the device is."""

    model: int
    firmware: int


Frame = Live | Perfusion | Answer | Identification


def decode(data: bytes) -> Frame:
    """Take a frame apart.

    Raises:
        DecodeError: another length, head or type, or a wrong checksum.
    """
    if len(data) != SIZE:
        raise DecodeError(f"{len(data)} bytes, not {SIZE}")
    if data[0] != _HEAD:
        raise DecodeError("head")
    if xor8(data[:-1]) != data[-1]:
        raise DecodeError("checksum")
    kind, body = data[1], data[2:6]
    match kind:
        case 0x01:
            spo2, pulse_rate, status = _LIVE.unpack(body)
            return Live(None if spo2 == 0x7F else spo2, None if pulse_rate == 0x1FF else pulse_rate, status)
        case 0x04:
            (raw,) = _PERFUSION.unpack(body)
            return Perfusion(None if raw == 0xFFFF else hundredths(raw))
        case 0x06 | 0x15:
            return Answer(body[0], kind == 0x06)
        case 0x10:
            return Identification(body[0], body[1])
        case _:
            raise DecodeError("type")


def measure(buffer: bytes, start: int) -> int:
    """Find a frame."""
    if buffer[start] != _HEAD:
        return -1
    frame = buffer[start : start + SIZE]
    if len(frame) < SIZE:
        return 0
    return SIZE if xor8(frame[:-1]) == frame[-1] else -1
