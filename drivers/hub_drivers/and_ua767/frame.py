"""What the A&D UA-767PC and its host say: ASCII commands with a sum, a six-byte answer, ten hexadecimal digits.

Owns: their layout. Never: judges a reading.

Sources: forum.arduino.cc 274855 (command, first one only wakes it) and a public UA767 JavaScript parser, which agree on
``02 "CPC05" 3B``; the parser also has the answers and the result. A result is five bytes in hexadecimal: 80 (an error
otherwise), systolic minus diastolic, diastolic, pulse, and one that is not understood. Not seen on a device.
"""

import re
from typing import Final, NamedTuple

from hub_agent.driver import DecodeError
from hub_drivers.codec.checksum import sum8

__all__ = ["ACK", "LONGEST", "NAK", "OPEN", "Result", "command", "decode", "measure"]

STX: Final = 0x02
ACK: Final = bytes.fromhex("013730504306")
NAK: Final = bytes.fromhex("013730504315")
LONGEST: Final = 10

_RESULT: Final = re.compile(rb"8[0-9A-F]{9}")
_DIGITS: Final = b"0123456789ABCDEF"


def command(text: str) -> bytes:
    """Make a command: STX, ASCII text, sum of the text."""
    data = text.encode("ascii")
    return bytes((STX, *data, sum8(data)))


OPEN: Final = command("CPC05")
"""Opens the line; after it the cuff tells every measurement."""


class Result(NamedTuple):
    """A measurement in mmHg and /min.

    Attributes:
        code: 80 hexadecimal is well, 81 to 83 are errors.
    """

    code: int
    systolic: int
    diastolic: int
    pulse_rate: int


def decode(data: bytes) -> Result:
    """Decode a result.

    Raises:
        DecodeError: not ten hexadecimal digits that begin with 8.
    """
    if _RESULT.fullmatch(data) is None:
        raise DecodeError("result")
    code, difference, diastolic, pulse_rate, _ = bytes.fromhex(data.decode("ascii"))
    return Result(code, diastolic + difference, diastolic, pulse_rate)


def measure(buffer: bytes, start: int) -> int:
    """Find an answer or a result; the :data:`~hub_drivers.codec.stream.Measure` of a deframer."""
    answer = buffer[start : start + len(ACK)]
    if answer in {ACK, NAK}:
        return len(ACK)
    if answer[:5] == ACK[: len(answer[:5])]:
        return 0 if len(answer) < len(ACK) else -1
    found = buffer[start : start + LONGEST]
    if found[0] != ord("8") or any(byte not in _DIGITS for byte in found):
        return -1
    return LONGEST if len(found) == LONGEST else 0
