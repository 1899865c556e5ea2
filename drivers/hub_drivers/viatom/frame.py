"""Frames and live payloads of Viatom's "Oxy" protocol.

Owns: their layout. Never: judges a reading.

Source: home-health-hub/viatom-o2ring-ble and ecostech/viatom-ble. A frame is AA (request) or 55 (response), command or
status, its complement, block and length as 16-bit little-endian, data, CRC-8 (polynomial 07) over all before it. A
response does not say which request it answers.
"""

from collections.abc import Mapping
from struct import Struct
from typing import Any, Final, NamedTuple

from hub_agent.driver import DecodeError
from hub_agent.registry import Format, FormatDecoder
from hub_drivers.codec.checksum import crc8_smbus
from hub_drivers.codec.made import maker
from hub_drivers.codec.oximetry import flag_implausible

__all__ = [
    "FORMATS",
    "LONGEST",
    "Frame",
    "Live",
    "Realtime",
    "decode_frame",
    "decode_live",
    "decode_realtime",
    "encode_request",
    "measure",
]

REQUEST: Final = 0xAA
RESPONSE: Final = 0x55
CONFIG: Final = 0x16
READ_SENSORS: Final = 0x17
REALTIME: Final = 0x1B

_HEAD: Final = Struct("<BBBHH")
_MOST: Final = 512
LONGEST: Final = _HEAD.size + _MOST + 1


class Frame(NamedTuple):
    """A frame whose CRC is right.

    Attributes:
        request: to the device, or from it.
        code: the command of a request, the status of a response (0 is well).
        block: block number of a transfer.
        payload: its data.
    """

    request: bool
    code: int
    block: int
    payload: bytes


_frame: Final = maker(Frame)


class Live(NamedTuple):
    """The answer to READ_SENSORS (17).

    Attributes:
        spo2: %; 0 while it searches.
        pulse_rate: /min; 0 while it searches.
        battery: %.
        charging: 0 no, 1 yes, 2 full.
        motion: how much the hand moves, in the device's steps.
        pi_raw: perfusion index in 0.1 %.
        worn: on a finger.
    """

    spo2: int
    pulse_rate: int
    battery: int
    charging: int
    motion: int
    pi_raw: int
    worn: bool


_live: Final = maker(Live)


class Realtime(NamedTuple):
    """The answer to REALTIME (1B); as :class:`Live`, with pleth samples, 125 a second, and a 16-bit rate."""

    spo2: int
    pulse_rate: int
    battery: int
    battery_state: int
    pi_raw: int
    worn: bool
    wave: bytes


_realtime: Final = maker(Realtime)


def encode_request(code: int, payload: bytes = b"", block: int = 0) -> bytes:
    """Make a request."""
    body = _HEAD.pack(REQUEST, code, code ^ 0xFF, block, len(payload)) + payload
    return body + bytes((crc8_smbus(body),))


def decode_frame(data: bytes) -> Frame:
    """Take a frame apart.

    Raises:
        DecodeError: another head, another length, or a wrong CRC.
    """
    if len(data) < _HEAD.size + 1:
        raise DecodeError("length")
    sync, code, complement, block, length = _HEAD.unpack_from(data)
    if sync not in {REQUEST, RESPONSE} or code ^ complement != 0xFF:
        raise DecodeError("sync")
    if len(data) != _HEAD.size + length + 1:
        raise DecodeError("length")
    if crc8_smbus(data[:-1]) != data[-1]:
        raise DecodeError("crc")
    return _frame((sync == REQUEST, code, block, data[_HEAD.size : -1]))


def decode_live(payload: bytes) -> Live:
    """Decode the answer to READ_SENSORS.

    Raises:
        DecodeError: fewer than 12 bytes.
    """
    if len(payload) < 12:
        raise DecodeError("length")
    return _live((payload[0], payload[1], payload[7], payload[8], payload[9], payload[10], payload[11] != 0))


def decode_realtime(payload: bytes) -> Realtime:
    """Decode the answer to REALTIME. Samples beyond what arrived are not made up.

    Raises:
        DecodeError: fewer than 12 bytes.
    """
    if len(payload) < 12:
        raise DecodeError("length")
    size = payload[10] | payload[11] << 8
    return _realtime(
        (
            payload[0],
            payload[1] | payload[2] << 8,
            payload[3],
            payload[4],
            payload[5],
            payload[6] == 1,
            payload[12 : 12 + size],
        )
    )


def measure(buffer: bytes, start: int) -> int:
    """Find a response; the :data:`~hub_drivers.codec.stream.Measure` of a deframer."""
    head = buffer[start : start + _HEAD.size]
    if head[0] != RESPONSE or (len(head) >= 3 and head[1] ^ head[2] != 0xFF):
        return -1
    if len(head) < _HEAD.size:
        return 0
    length = head[5] | head[6] << 8
    if length > _MOST:
        return -1
    size = _HEAD.size + length + 1
    found = buffer[start : start + size]
    if len(found) < size:
        return 0
    return size if crc8_smbus(found[:-1]) == found[-1] else -1


def _frame_fields(found: Frame) -> Mapping[str, Any]:
    return {
        "dir": "request" if found.request else "response",
        "cmd_or_status": found.code,
        "block": found.block,
        "payload": found.payload.hex(),
    }


def _realtime_fields(found: Realtime) -> Mapping[str, Any]:
    return flag_implausible({**found._asdict(), "wave": found.wave.hex()})


FORMATS: Final[Mapping[str, FormatDecoder]] = {
    "ble.viatom_oxy.cmd17_payload": Format(decode_live, lambda found: flag_implausible(found._asdict())),
    "ble.viatom_oxy.cmd1b_payload": Format(decode_realtime, _realtime_fields),
    "ble.viatom_oxy.frame": Format(decode_frame, _frame_fields),
}
"""This family's wire formats by name."""
