"""Frames of the PC-60 family: AA 55, token, length, type, payload, CRC-8.

Owns: their layout. Never: judges a reading.

Sources: sza2/viatom_pc60fw:README.md; "PC-60NW BT Oximeter" (comp.os.linux, bbs.magnum.uk.net thread 55), whose frames
have this CRC; the bits of ``b5`` as viatom-develop/LepuDemo reads them (probe off, pulse searching). The length counts
type, payload and CRC; CRC-8/MAXIM-DOW covers the whole frame.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, NamedTuple

from hub_agent.driver import DecodeError
from hub_agent.registry import Format, FormatDecoder
from hub_drivers.codec.checksum import crc8_maxim
from hub_drivers.codec.made import maker
from hub_drivers.codec.number import tenths
from hub_drivers.codec.oximetry import flag_implausible

__all__ = ["FORMATS", "LONGEST", "Frame", "Param", "decode", "decode_frame", "decode_wave", "measure"]

TOKEN: Final = 0x0F
PARAM: Final = 0x01
WAVE: Final = 0x02
PROBE_OFF: Final = 0x02
SEARCHING: Final = 0x04

_HEAD: Final = b"\xaa\x55"
_MOST: Final = 40
LONGEST: Final = 4 + _MOST


class Frame(NamedTuple):
    """A frame whose CRC is right."""

    token: int
    type: int
    payload: bytes


_frame: Final = maker(Frame)


class Param(NamedTuple):
    """Values, once a second.

    Attributes:
        spo2: %; 0 none.
        pulse_rate: /min; 0 none.
        pi: perfusion index, %.
        b5: bit 1 probe off, bit 2 searching for a pulse.
        b6: bits 6 and 7 battery, 0 to 3.
    """

    spo2: int
    pulse_rate: int
    pi: Decimal
    b5: int
    b6: int


_param: Final = maker(Param)


def decode_frame(data: bytes) -> Frame:
    """Take a frame apart.

    Raises:
        DecodeError: another head, another length, or a wrong CRC.
    """
    if len(data) < 6:
        raise DecodeError("length")
    if data[:2] != _HEAD:
        raise DecodeError("frame")
    if len(data) != data[3] + 4:
        raise DecodeError("length")
    if crc8_maxim(data[:-1]) != data[-1]:
        raise DecodeError("crc")
    return _frame((data[2], data[4], data[5:-1]))


def decode(found: Frame) -> Param | None:
    """Decode values; None for another type of frame.

    Raises:
        DecodeError: fewer than six bytes of values.
    """
    if found.token != TOKEN or found.type != PARAM:
        return None
    payload = found.payload
    if len(payload) < 6:
        raise DecodeError("length")
    return _param((payload[0], payload[1] | payload[2] << 8, tenths(payload[3]), payload[4], payload[5]))


def decode_wave(found: Frame) -> tuple[int, ...] | None:
    """Give the pleth samples (bit 7 marks a beat); None for another type of frame."""
    return tuple(found.payload) if found.token == TOKEN and found.type == WAVE else None


def measure(buffer: bytes, start: int) -> int:
    """Find a frame; the :data:`~hub_drivers.codec.stream.Measure` of a deframer."""
    head = buffer[start : start + 4]
    if head[:2] != _HEAD[: len(head)]:
        return -1
    if len(head) < 4:
        return 0
    if not 2 <= head[3] <= _MOST:
        return -1
    size = head[3] + 4
    found = buffer[start : start + size]
    if len(found) < size:
        return 0
    return size if crc8_maxim(found[:-1]) == found[-1] else -1


def _decode(data: bytes) -> tuple[Frame, Param | None, tuple[int, ...] | None]:
    found = decode_frame(data)
    return found, decode(found), decode_wave(found)


def _fields(decoded: tuple[Frame, Param | None, tuple[int, ...] | None]) -> Mapping[str, Any]:
    found, values, samples = decoded
    if values is not None:
        return flag_implausible({"kind": "param", **values._asdict()})
    if samples is not None:
        return {"kind": "wave", "samples": list(samples)}
    return {"kind": "other", "token": found.token, "type": found.type, "payload": found.payload.hex()}


FORMATS: Final[Mapping[str, FormatDecoder]] = {
    "ble.pc60fw.frame": Format(_decode, _fields),
    "serial.pc60.frame": Format(_decode, _fields),
}
"""This family's wire formats by name."""
