"""Nonin data formats 2 and 7: 25 frames of five bytes make a packet, three packets a second.

Owns: the frames, the packets, and where in a stream a packet starts.
Never: judges a reading; :mod:`hub_drivers.nonin_serial.driver` does.

Source: "Nonin 9560 Bluetooth Specification" (mattjlewis/NoninPulseOx, in the repository), data formats 2 and 7. Format
2 starts every frame with 01, which also occurs inside frames; format 7 has no start byte. What tells both is the same:
status bit 7, the sum of the four bytes before it in the last one, and a sync bit on the first frame of 25 only.
"""

from collections.abc import Mapping
from struct import Struct
from typing import Any, Final, NamedTuple

from hub_agent.driver import DecodeError
from hub_agent.registry import Format, FormatDecoder
from hub_drivers.codec.made import maker

__all__ = [
    "PACKET_SIZE",
    "Frame",
    "Packet",
    "decode_frame",
    "decode_packet2",
    "decode_packet7",
    "measure_packet2",
    "measure_packet7",
]

FRAMES: Final = 25
SIZE: Final = 5
PACKET_SIZE: Final = FRAMES * SIZE

SYNC: Final = 0x01
ALARM: Final = 0x08
OUT_OF_TRACK: Final = 0x10
ARTEFACT: Final = 0x20
DISCONNECTED: Final = 0x40
ALWAYS: Final = 0x80
PERFUSION: Final = 0x06
GREEN: Final = 0x02
RED: Final = 0x04

_COLOURS: Final = {0: None, GREEN: "green", RED: "red", PERFUSION: "yellow"}
_STARTS: Final = b"\x01" * FRAMES
_SYNC_BITS: Final = bytes(value & (ALWAYS | SYNC) for value in range(256))
_FRAME: Final = Struct("5B")
_STEPS: Final = bytes((ALWAYS | SYNC,)) + bytes((ALWAYS,)) * (FRAMES - 1)


class Frame(NamedTuple):
    """One frame of data format 2, 75 a second.

    Attributes:
        sync: first of its packet.
        perfusion: green (high), yellow (marginal), red (low); None outside a pulse.
        sensor_alarm: what is measured cannot be used.
        out_of_track: no run of good pulses.
        artifact: this pulse was disturbed.
        bit6_sensor_disconnect_or_reserved: OEM III: sensor unplugged; 9560: reserved.
        pleth: 0 to 255.
        float_byte: what its place in the packet says.
    """

    sync: bool
    perfusion: str | None
    sensor_alarm: bool
    out_of_track: bool
    artifact: bool
    bit6_sensor_disconnect_or_reserved: bool
    pleth: int
    float_byte: int


class Packet(NamedTuple):
    """25 frames. Rates in /min, saturations in %; None is the device's "missing" (511 and 127).

    Attributes:
        status: the status bits of its frames, or-ed together.
        pleth: 25 samples, 8 bits in format 2, 16 in format 7.
    """

    hr: int | None
    spo2: int | None
    firmware: int
    timer: int
    stat2: int
    spo2_d: int | None
    spo2_fast: int | None
    spo2_bb: int | None
    e_hr: int | None
    e_spo2: int | None
    e_spo2_d: int | None
    hr_d: int | None
    e_hr_d: int | None
    status: int
    pleth: tuple[int, ...]


_frame: Final = maker(Frame)


_made: Final = maker(Packet)


def decode_frame(data: bytes) -> Frame:
    """Decode one frame of data format 2.

    Raises:
        DecodeError: not five bytes, no start, no status bit 7, or a wrong sum.
    """
    if len(data) != SIZE:
        raise DecodeError("length")
    status = data[1]
    if data[0] != 1 or not status & ALWAYS:
        raise DecodeError("sync")
    if sum(data[:4]) & 0xFF != data[4]:
        raise DecodeError("checksum")
    return _frame(
        (
            bool(status & SYNC),
            _COLOURS[status & PERFUSION],
            bool(status & ALARM),
            bool(status & OUT_OF_TRACK),
            bool(status & ARTEFACT),
            bool(status & DISCONNECTED),
            data[2],
            data[3],
        )
    )


def rate(high: int, low: int) -> int | None:
    """Join the two bits and the seven bits of a rate; 511 is missing."""
    value = (high & 0x03) << 7 | low & 0x7F
    return None if value == 511 else value


def saturation(byte: int) -> int | None:
    """Take the seven bits of a saturation; 127 is missing."""
    value = byte & 0x7F
    return None if value == 127 else value


def _packet(status: bytes, floats: bytes, pleth: tuple[int, ...]) -> Packet:
    """Read the float bytes by their place: document's frame n is index n - 1."""
    union = 0
    for byte in status:
        union |= byte
    return _made(
        (
            rate(floats[0], floats[1]),
            saturation(floats[2]),
            floats[3],
            (floats[5] & 0x7F) << 7 | floats[6] & 0x7F,
            floats[7],
            saturation(floats[8]),
            saturation(floats[9]),
            saturation(floats[10]),
            rate(floats[13], floats[14]),
            saturation(floats[15]),
            saturation(floats[16]),
            rate(floats[19], floats[20]),
            rate(floats[21], floats[22]),
            union,
            pleth,
        )
    )


def _sums_are_right(data: bytes) -> bool:
    """Check each frame of whole ones; the beginning of one has no sum yet."""
    if len(data) < SIZE:
        return True
    for first, second, third, fourth, total in _FRAME.iter_unpack(data):
        if (first + second + third + fourth) & 0xFF != total:
            return False
    return True


def _check(data: bytes, status: bytes) -> None:
    if not _sums_are_right(data):
        raise DecodeError("checksum")
    if status.translate(_SYNC_BITS) != _STEPS:
        raise DecodeError("sync")


def decode_packet2(data: bytes) -> Packet:
    """Decode a packet of data format 2.

    Raises:
        DecodeError: not 125 bytes, a frame out of step, or a wrong sum in one of them.
    """
    if len(data) != PACKET_SIZE:
        raise DecodeError("length")
    status = data[1::SIZE]
    if data[0::SIZE] != _STARTS or not status[0] & ALWAYS:
        raise DecodeError("sync")
    _check(data, status)
    return _packet(status, data[3::SIZE], tuple(data[2::SIZE]))


def decode_packet7(data: bytes) -> Packet:
    """Decode a packet of data format 7.

    Raises:
        DecodeError: not 125 bytes, a frame out of step, or a wrong sum in one of them.
    """
    if len(data) != PACKET_SIZE:
        raise DecodeError("length")
    status = data[0::SIZE]
    if not status[0] & ALWAYS:
        raise DecodeError("sync")
    _check(data, status)
    pleth = tuple(high << 8 | low for high, low in zip(data[1::SIZE], data[2::SIZE], strict=True))
    return _packet(status, data[3::SIZE], pleth)


def _measure(buffer: bytes, start: int, status_at: int) -> int:
    """Follow the sync bits, only the first frame's being set, and the first sum; add up all once they are there."""
    packet = buffer[start : start + PACKET_SIZE]
    steps = packet[status_at::SIZE].translate(_SYNC_BITS)
    if not _STEPS.startswith(steps) or not _sums_are_right(packet[:SIZE]):
        return -1
    if len(packet) < PACKET_SIZE:
        return 0
    return PACKET_SIZE if _sums_are_right(packet) else -1


def measure_packet2(buffer: bytes, start: int) -> int:
    """Find a packet of data format 2; the :data:`~hub_drivers.codec.stream.Measure` of its deframer."""
    if buffer[start] != 1:
        found = buffer.find(1, start)
        return start - (found if found >= 0 else len(buffer))
    if not _STARTS.startswith(buffer[start : start + PACKET_SIZE : SIZE]):
        return -1
    return _measure(buffer, start, 1)


def measure_packet7(buffer: bytes, start: int) -> int:
    """Find a packet of data format 7; the :data:`~hub_drivers.codec.stream.Measure` of its deframer."""
    return _measure(buffer, start, 0)


def _packet_fields(packet: Packet) -> Mapping[str, Any]:
    found = packet._asdict()
    del found["status"], found["pleth"]
    return found


FORMATS: Final[Mapping[str, FormatDecoder]] = {
    "serial.nonin.df2.frame": Format(decode_frame, lambda found: found._asdict()),
    "serial.nonin.df2.packet": Format(decode_packet2, _packet_fields),
    "serial.nonin.df7.packet": Format(decode_packet7, _packet_fields),
}
"""This module's wire formats by name."""
