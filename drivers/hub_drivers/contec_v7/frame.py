"""Contec protocol 7: packets whose bytes lend their bit 7 to synchronisation.

Owns: packets, live and stored payloads, commands. Never: judges a reading.

Sources: "Communication protocol of pulse oximeter V7.0" (albertcbraun/CMS50FW), checked against the recording
titinho11/CMS50E-raw-ppg-data: bit 4 of the third live byte says that the perfusion index is *invalid*; sizes, stored
start time and clock commands as SleepyHead's cms50f37_loader uses them. A packet is its type (bit 7 clear), a byte that
holds the bits 7 of what follows, and up to seven bytes with bit 7 set. There is no checksum.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

from hub_agent.driver import DecodeError
from hub_agent.registry import Format, FormatDecoder
from hub_drivers.codec.made import maker
from hub_drivers.codec.number import hundredths
from hub_drivers.codec.oximetry import flag_implausible

__all__ = [
    "FORMATS",
    "LONGEST",
    "Live",
    "Packet",
    "StoredSample",
    "command",
    "decode_live",
    "decode_packet",
    "decode_start",
    "decode_stored",
    "measure",
    "set_time",
]

LONGEST: Final = 9
LIVE: Final = 0x01
START_DATE: Final = 0x07
STORED_WITH_PI: Final = 0x09
FEEDBACK: Final = 0x0B
FREE: Final = 0x0C
DISCONNECT: Final = 0x0D
STORED: Final = 0x0F
START_TIME: Final = 0x12
COMMAND: Final = 0x7D

START_LIVE: Final = 0xA1
STOP_LIVE: Final = 0xA2
STORED_START_TIME: Final = 0xA5
START_STORED: Final = 0xA6
KEEP_ALIVE: Final = 0xAF
SET_DATE: Final = 0xB2
SET_CLOCK: Final = 0xB1

_SIZES: Final = {
    LIVE: 9,
    0x02: 9,
    0x03: 9,
    0x04: 9,
    0x05: 9,
    0x06: 4,
    START_DATE: 8,
    0x08: 8,
    STORED_WITH_PI: 6,
    0x0A: 4,
    FEEDBACK: 4,
    FREE: 2,
    DISCONNECT: 3,
    0x0E: 3,
    STORED: 8,
    0x10: 3,
    0x11: 9,
    START_TIME: 8,
    0x13: 9,
    0x14: 9,
}
_TURNED: Final = bytes(value ^ 0x80 for value in range(256))
_LENT: Final = tuple(sum((high >> at & 1) << 8 * at + 7 for at in range(7)) for high in range(256))
"""The bits 7 that a second byte of a packet lends to those that follow it, the first of them lowest."""


class Packet(NamedTuple):
    """A packet with its bits put back together."""

    type: int
    payload: bytes


_packet: Final = maker(Packet)


class Live(NamedTuple):
    """A live payload, 60 a second.

    Attributes:
        signal_strength: 0 to 8.
        searching_too_long: for a pulse.
        low_spo2: the saturation falls.
        pulse_beep: a beat.
        probe_error: broken or unplugged.
        pleth: 0 to 127.
        searching: for a pulse.
        bargraph: 0 to 15.
        pi_invalid: ``pi`` means nothing.
        pulse_rate: /min; None missing (255).
        spo2: %; None missing (127).
        pi: perfusion index in 0.01 %; None missing (65535).
    """

    signal_strength: int
    searching_too_long: bool
    low_spo2: bool
    pulse_beep: bool
    probe_error: bool
    pleth: int
    searching: bool
    bargraph: int
    pi_invalid: bool
    pulse_rate: int | None
    spo2: int | None
    pi: int | None

    @property
    def pi_percent(self) -> Decimal | None:
        """The perfusion index in %, None while it is invalid."""
        return None if self.pi is None or self.pi_invalid else hundredths(self.pi)


class StoredSample(NamedTuple):
    """One stored second.

    Attributes:
        pulse_rate: /min; None missing (255 and 0).
        spo2: %; None missing (127 and 0).
        pi: perfusion index in 0.01 %; None missing or never stored.
    """

    pulse_rate: int | None
    spo2: int | None
    pi: int | None


_stored: Final = maker(StoredSample)


_live: Final = maker(Live)


def decode_packet(data: bytes) -> Packet:
    """Put a packet together.

    Raises:
        DecodeError: fewer than three or more than nine bytes, or wrong sync bits.
    """
    if not (3 <= len(data) <= LONGEST or (len(data) == 2 and data[0] == FREE)):
        raise DecodeError("length")
    kind, high, low = data[0], data[1], data[2:].translate(_TURNED)
    if kind & 0x80 or not high & 0x80 or not low.isascii():
        raise DecodeError("sync")
    payload = int.from_bytes(low, "little") | _LENT[high] & (1 << 8 * len(low)) - 1
    return _packet((kind, payload.to_bytes(len(low), "little")))


def decode_live(payload: bytes) -> Live:
    """Decode the seven bytes of a live payload.

    Raises:
        DecodeError: not seven bytes.
    """
    if len(payload) != 7:
        raise DecodeError("length")
    b0, b1, b2, rate, spo2 = payload[:5]
    pi = int.from_bytes(payload[5:7], "little")
    return _live(
        (
            b0 & 0x0F,
            b0 & 0x10 != 0,
            b0 & 0x20 != 0,
            b0 & 0x40 != 0,
            b0 & 0x80 != 0,
            b1 & 0x7F,
            b1 & 0x80 != 0,
            b2 & 0x0F,
            b2 & 0x10 != 0,
            None if rate == 0xFF else rate,
            None if spo2 == 0x7F else spo2,
            None if pi == 0xFFFF else pi,
        )
    )


def decode_stored(packet: Packet) -> tuple[StoredSample, ...]:
    """Decode the samples of a stored packet: one with perfusion index (09) or three without (0F).

    Raises:
        DecodeError: another type or length.
    """
    payload = packet.payload
    if packet.type == STORED_WITH_PI and len(payload) == 4:
        return (_sample(payload[0], payload[1], int.from_bytes(payload[2:4], "little")),)
    if packet.type == STORED and len(payload) == 6:
        return tuple(_sample(payload[at], payload[at + 1], 0xFFFF) for at in (0, 2, 4))
    raise DecodeError("type")


def decode_start(date: Packet, time: Packet) -> datetime:
    """Join the date (07) and time (12) at which a stored segment begins: user, segment, then the digits.

    Raises:
        DecodeError: other types, or no date.
    """
    if date.type != START_DATE or time.type != START_TIME or len(date.payload) < 6 or len(time.payload) < 5:
        raise DecodeError("type")
    _user, _segment, century, year, month, day = date.payload[:6]
    try:
        return datetime(century * 100 + year, month, day, *time.payload[2:5])
    except ValueError:
        raise DecodeError("date") from None


def _sample(spo2: int, rate: int, pi: int) -> StoredSample:
    return _stored(
        (None if rate in {0, 0xFF} else rate, None if spo2 in {0, 0x7F} else spo2, None if pi == 0xFFFF else pi)
    )


def measure(buffer: bytes, start: int) -> int:
    """Find a packet; the :data:`~hub_drivers.codec.stream.Measure` of a deframer.

    A type of unknown length ends where the next packet begins, or at nine bytes.
    """
    kind = buffer[start]
    if kind & 0x80:
        return -1
    size = _SIZES.get(kind, LONGEST)
    for at in range(start + 1, min(start + size, len(buffer))):
        if not buffer[at] & 0x80:  # the next packet begins here
            return at - start if kind not in _SIZES and at - start >= 3 else start - at
    return size if len(buffer) - start >= size else 0


def command(code: int, data: bytes = b"") -> bytes:
    """Make a command: 7D, the bits 7, the code and up to six bytes of data, filled up with zeros.

    Raises:
        ValueError: more than six bytes of data.
    """
    payload = bytes((code, *data)).ljust(7, b"\0")
    if len(payload) > 7:
        raise ValueError("a command has at most six bytes of data")
    high = 0x80 | sum((byte >> 7) << at for at, byte in enumerate(payload))
    return bytes((COMMAND, high, *(byte | 0x80 for byte in payload)))


def set_time(local: datetime) -> tuple[bytes, bytes]:
    """Make the two commands that set the date (B2) and the clock (B1); each is answered by feedback 0B."""
    day = (local.year // 100, local.year % 100, local.month, local.day, local.isoweekday() % 7)
    clock = (local.hour, local.minute, local.second)
    return command(SET_DATE, bytes(day)), command(SET_CLOCK, bytes(clock))


def _decode(data: bytes) -> tuple[Packet, Live | None]:
    packet = decode_packet(data)
    return packet, decode_live(packet.payload) if packet.type == LIVE else None


def _packet_fields(found: tuple[Packet, Live | None]) -> Mapping[str, Any]:
    packet, live = found
    fields: dict[str, Any] = {"type": packet.type, "payload": packet.payload.hex()}
    if live is not None:
        fields |= live._asdict()
    return flag_implausible(fields)


def _command_fields(packet: Packet) -> Mapping[str, Any]:
    if packet.type != COMMAND:
        raise DecodeError("type")
    return {"command": packet.payload[0], "data": packet.payload[1:].hex()}


FORMATS: Final[Mapping[str, FormatDecoder]] = {
    "serial.cms50.cmd": Format(decode_packet, _command_fields),
    "serial.cms50dplus.v7": Format(_decode, _packet_fields),
}
"""This family's wire formats by name."""
