"""Nonin data formats 1, 8 and 13, one short frame at a time, and the commands of the line.

Owns: the frames that carry values alone (1 and 8 once a second, 13 a spot check) and commands with their answers.
Never: judges a reading; :mod:`hub_drivers.nonin_serial.driver` does.

Source: "Nonin 9560 Bluetooth Specification" (mattjlewis/NoninPulseOx, in the repository). Data format 1 of the OEM III
and Xpod is format 8 without its last byte; no public document that we read says so in full.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from hub_agent.driver import DecodeError
from hub_agent.registry import Format, FormatDecoder
from hub_drivers.codec.checksum import sum8
from hub_drivers.codec.made import maker
from hub_drivers.nonin_serial.packet import rate, saturation

__all__ = [
    "ACK",
    "LONGEST_SPOT",
    "NAK",
    "Command",
    "Live",
    "Spot",
    "decode_command",
    "decode_df1",
    "decode_df8",
    "decode_df13",
    "encode_command",
    "measure_df1",
    "measure_df8",
    "measure_df13",
    "select_format",
    "set_time",
]

ACK: Final = 0x06
NAK: Final = 0x15
STX: Final = 0x02
ETX: Final = 0x03
SELECT_FORMAT: Final = 0x70
SET_TIME: Final = 0x72

_BCD: Final = {int(str(value), 16): value for value in range(100)}
_SPOT_HEAD: Final = bytes((0x00, 0x02, 0x00, 0x0D))
_SPOT_LEAST: Final = 14
_SPOT_MOST: Final = 64  # "the data section is expandable": today it is 14 bytes
LONGEST_SPOT: Final = len(_SPOT_HEAD) + 2 + _SPOT_MOST + 2


class Live(NamedTuple):
    """A frame of data format 8 (or 1). The "-D" values hold for 10 s after the finger is gone: see the alarm.

    Attributes:
        hr_d: pulse rate for display, /min; None missing.
        spo2_d: saturation for display, %; None missing.
        out_of_track: no run of good pulses.
        low_perfusion: amplitude of the pulse is low.
        marginal_perfusion: it is in between.
        artifact: pulses were disturbed.
        spa: SmartPoint: of high quality (format 8 only).
        sensor_alarm: what is measured cannot be used (format 8 only).
        low_battery: change it (format 8 only).
    """

    hr_d: int | None
    spo2_d: int | None
    out_of_track: bool
    low_perfusion: bool
    marginal_perfusion: bool
    artifact: bool
    spa: bool
    sensor_alarm: bool
    low_battery: bool


class Spot(NamedTuple):
    """A spot check of data format 13.

    Attributes:
        timestamp: the device's clock; None where its digits are no date.
        spa: SmartPoint: of high quality.
        no_measurement: the check ended without one.
        from_memory: kept in the device until now.
        low_battery: change it.
        hr: pulse rate, /min; None missing.
        spo2: saturation, %; None missing.
    """

    timestamp: datetime | None
    spa: bool
    no_measurement: bool
    from_memory: bool
    low_battery: bool
    hr: int | None
    spo2: int | None


_spot: Final = maker(Spot)


class Command(NamedTuple):
    """What the hub says: 02, opcode, length, data, 03."""

    opcode: int
    data: bytes


_made: Final = maker(Live)


def _live(data: bytes, more: int) -> Live:
    status = data[0]
    if not status & 0x80 or not data[1:].isascii():
        raise DecodeError("sync")
    return _made(
        (
            rate(status, data[1]),
            saturation(data[2]),
            bool(status & 0x20),
            bool(status & 0x10),
            bool(status & 0x08),
            bool(status & 0x04),
            bool(more & 0x20),
            bool(more & 0x08),
            bool(more & 0x01),
        )
    )


def decode_df8(data: bytes) -> Live:
    """Decode a frame of data format 8.

    Raises:
        DecodeError: not four bytes, or bit 7 elsewhere than in the first.
    """
    if len(data) != 4:
        raise DecodeError("length")
    return _live(data, data[3])


def decode_df1(data: bytes) -> Live:
    """Decode a frame of data format 1.

    Raises:
        DecodeError: not three bytes, or bit 7 elsewhere than in the first.
    """
    if len(data) != 3:
        raise DecodeError("length")
    return _live(data, 0)


def _measure_live(buffer: bytes, start: int, size: int) -> int:
    if not buffer[start] & 0x80:
        return -1
    rest = buffer[start + 1 : start + size]
    if not rest.isascii():
        return -1
    return size if len(rest) == size - 1 else 0


def measure_df8(buffer: bytes, start: int) -> int:
    """Find a frame of data format 8; the :data:`~hub_drivers.codec.stream.Measure` of its deframer."""
    return _measure_live(buffer, start, 4)


def measure_df1(buffer: bytes, start: int) -> int:
    """Find a frame of data format 1; the :data:`~hub_drivers.codec.stream.Measure` of its deframer."""
    return _measure_live(buffer, start, 3)


def _bcd_time(digits: bytes) -> datetime | None:
    """Read century, year, month, day, hour, minute and second, two decimal digits each."""
    try:
        century, year, month, day, hour, minute, second = [_BCD[byte] for byte in digits]
        return datetime(century * 100 + year, month, day, hour, minute, second)
    except (KeyError, ValueError):
        return None


def decode_df13(data: bytes) -> Spot:
    """Decode a spot check.

    Raises:
        DecodeError: another head or length, or a wrong sum.
    """
    if len(data) < 6 + _SPOT_LEAST + 2:
        raise DecodeError("length")
    if data[:4] != _SPOT_HEAD or data[-1] != ETX:
        raise DecodeError("frame")
    if int.from_bytes(data[4:6]) != len(data) - 8:
        raise DecodeError("length")
    content = data[6:-2]
    if sum8(content) != data[-2]:
        raise DecodeError("checksum")
    status = int.from_bytes(content[8:10])
    hr = int.from_bytes(content[10:12])
    return _spot(
        (
            _bcd_time(content[:7]),
            bool(status & 0x0200),
            bool(status & 0x0100),
            bool(status & 0x0010),
            bool(status & 0x0001),
            None if hr == 511 else hr,
            None if content[13] == 127 else content[13],
        )
    )


def measure_df13(buffer: bytes, start: int) -> int:
    """Find a spot check; the :data:`~hub_drivers.codec.stream.Measure` of its deframer."""
    head = buffer[start : start + 6]
    if head[:4] != _SPOT_HEAD[: len(head)]:
        return -1
    if len(head) < 6:
        return 0
    size = int.from_bytes(head[4:6])
    if not _SPOT_LEAST <= size <= _SPOT_MOST:
        return -1
    end = start + 6 + size
    if len(buffer) < end + 2:
        return 0
    whole = sum8(buffer[start + 6 : end]) == buffer[end] and buffer[end + 1] == ETX
    return size + 8 if whole else -1


def encode_command(command: Command) -> bytes:
    """Make the bytes of a command."""
    return bytes((STX, command.opcode, len(command.data))) + command.data + bytes((ETX,))


def decode_command(data: bytes) -> Command:
    """Decode a command.

    Raises:
        DecodeError: another frame or length.
    """
    if len(data) < 4 or data[2] != len(data) - 4:
        raise DecodeError("length")
    if data[0] != STX or data[-1] != ETX:
        raise DecodeError("frame")
    return Command(data[1], data[3:-1])


def select_format(number: int) -> bytes:
    """Make the command that selects a data format; the device answers ACK or NAK."""
    return encode_command(Command(SELECT_FORMAT, bytes((0x02, number))))


def set_time(local: datetime) -> bytes:
    """Make the command that sets the device's clock (binary, two-digit year); the device answers ACK or NAK."""
    return encode_command(
        Command(SET_TIME, bytes((local.year % 100, local.month, local.day, local.hour, local.minute, local.second)))
    )


def _spot_fields(spot: Spot) -> Mapping[str, Any]:
    return spot._asdict() | {"timestamp": spot.timestamp and spot.timestamp.isoformat()}


def _command_fields(command: Command) -> Mapping[str, Any]:
    return {"opcode": command.opcode, "data": command.data.hex()}


FORMATS: Final[Mapping[str, FormatDecoder]] = {
    "serial.nonin.cmd": Format(decode_command, _command_fields),
    "serial.nonin.df13": Format(decode_df13, _spot_fields),
    "serial.nonin.df8": Format(decode_df8, lambda found: found._asdict()),
}
"""This module's wire formats by name."""
