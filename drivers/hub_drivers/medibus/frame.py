"""The MEDIBUS frame: ESC (command) or SOH (response), code, ASCII data, sum, CR; and its padded numbers.

Owns: their layout. Never: knows what a code means.

Source: framing as devices/draeger of mdpnp/mdpnp (Medibus.java, TestRTMedibus.java) and xeonfusion/VSCaptureDrgVent
have it. The sum of all bytes before it is spelt in two hexadecimal digits.
"""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from hub_agent.driver import DecodeError
from hub_agent.registry import Format, FormatDecoder
from hub_drivers.codec.checksum import sum8
from hub_drivers.codec.made import maker

__all__ = ["FORMATS", "Frame", "decode", "decode_integer"]

_KINDS: Final = {0x1B: "command", 0x01: "response"}
_NUMBER: Final = re.compile(rb" *([+-]?) *(\d{1,9})(?:\.\d*)? *")


class Frame(NamedTuple):
    """A frame whose sum is right."""

    kind: str
    code: int
    data: str


_frame: Final = maker(Frame)


def decode(data: bytes) -> Frame:
    """Take a frame apart.

    Raises:
        DecodeError: another head or end, or a wrong sum.
    """
    if len(data) < 5:
        raise DecodeError("length")
    if data[0] not in _KINDS or data[-1] != 0x0D:
        raise DecodeError("frame")
    if data[-3:-1].upper() != b"%02X" % sum8(data[:-3]):
        raise DecodeError("checksum")
    return _frame((_KINDS[data[0]], data[1], data[2:-3].decode("latin-1")))


def decode_integer(data: bytes) -> int:
    """Read a number padded with spaces, after its sign as well; what follows its decimal point is cut off, not rounded.

    Raises:
        DecodeError: no number.
    """
    found = _NUMBER.fullmatch(data)
    if found is None:
        raise DecodeError("number")
    return int(found[1] + found[2])


FORMATS: Final[Mapping[str, FormatDecoder]] = {
    "serial.medibus.frame": Format(decode, lambda found: found._asdict()),
    "serial.medibus.int": Format(decode_integer, lambda number: {"int": number}),
}
"""This family's wire formats by name."""
