"""Messages of the Lumen Halo-2.

Owns: their layout, both ways, and where one ends in the stream. Never: judges a value, or when to say what.

Source: the maker's sheet, "Messages" to "From the device". C7, length of the body, body, sum of the body;
little-endian; the first byte of the body is its type.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from struct import Struct
from typing import NamedTuple

from hub_agent.errors import DecodeError
from hub_drivers.codec.checksum import sum8
from hub_drivers.codec.number import hundredths

HEAD = 0xC7
LONGEST = 13
EPOCH = datetime(2000, 1, 1)

HELLO, START, RECORDS, SAFE = 1, 2, 3, 4
DONE, BUSY, NEVER = 0, 1, 2


class Live(NamedTuple):
    """The values of a second; None where the device has none.

    Attributes:
        status: bits 0 no finger, 1 searching, 2 weak signal, 3 motion.
        spo2: in %.
        pulse_rate: in /min.
        perfusion: in %.
    """

    status: int
    spo2: int | None
    pulse_rate: int | None
    perfusion: Decimal | None


class Record(NamedTuple):
    """A stored measurement; None where the device has none.

    Attributes:
        number: the device's own.
        seconds: since 2000, UTC; 0 when the clock was not set.
        spo2: in %.
        pulse_rate: in /min.
    """

    number: int
    seconds: int
    spo2: int | None
    pulse_rate: int | None


class End(NamedTuple):
    """There are no more records; ``newest`` is the last one's number."""

    newest: int


class Answer(NamedTuple):
    """What became of a request."""

    request: int
    result: int


class Off(NamedTuple):
    """It switches off: 1 user, 2 battery, 3 fault."""

    why: int


Message = Live | Record | End | Answer | Off


def _known(raw: int, none: int) -> int | None:
    return None if raw == none else raw


def _live(status: int, spo2: int, pulse_rate: int, perfusion: int) -> Live:
    percent = None if perfusion == 0xFFFF else hundredths(perfusion)
    return Live(status, _known(spo2, 0xFF), _known(pulse_rate, 0xFFFF), percent)


def _record(number: int, seconds: int, spo2: int, pulse_rate: int) -> Record:
    return Record(number, seconds, _known(spo2, 0xFF), _known(pulse_rate, 0xFFFF))


_BODIES: dict[int, tuple[Struct, Callable[..., Message]]] = {
    0x10: (Struct("<xBBHH"), _live),
    0x11: (Struct("<xHIBH"), _record),
    0x12: (Struct("<xH"), End),
    0x81: (Struct("<xBB"), Answer),
    0x90: (Struct("<xB"), Off),
}


def measure(buffer: bytes, start: int) -> int:
    """Find a message of a type, a length and a sum that are right."""
    if buffer[start] != HEAD:
        return -1
    head = buffer[start : start + 3]
    if len(head) < 3:
        return 0
    body = _BODIES.get(head[2])
    if body is None or body[0].size != head[1]:
        return -1
    message = buffer[start : start + head[1] + 3]
    if len(message) < head[1] + 3:
        return 0
    return len(message) if sum8(message[2:-1]) == message[-1] else -1


def decode(data: bytes) -> Message:
    """Take a message apart.

    Raises:
        DecodeError: not one whole message.
    """
    if not data or measure(data, 0) != len(data):
        raise DecodeError("no message")
    layout, make = _BODIES[data[2]]
    return make(*layout.unpack(data[2:-1]))


def message(kind: int, rest: bytes = b"") -> bytes:
    """Encode what the host says."""
    body = bytes((kind,)) + rest
    return bytes((HEAD, len(body))) + body + bytes((sum8(body),))


def hello(utc: datetime | None) -> bytes:
    """Encode the greeting; without a time it is 0, "not set"."""
    seconds = 0 if utc is None else (utc - EPOCH) // timedelta(seconds=1)
    return message(HELLO, seconds.to_bytes(4, "little"))
