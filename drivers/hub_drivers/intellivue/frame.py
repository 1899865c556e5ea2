"""The frame of Philips IntelliVue: C0, the body with a CRC-16/X-25, escaped, C1.

Owns: its layout. Never: knows what the body says.

Source: "Data Export Interface Programming Guide", fixed baud rate protocol, checked against mdpnp/mdpnp
(TestFCSOutputStream). 7D escapes C0, C1 and itself by the exclusive or with 20; 7D C1 aborts a frame.
"""

import re
from collections.abc import Mapping
from typing import Final

from hub_agent.driver import DecodeError
from hub_agent.registry import Format, FormatDecoder
from hub_drivers.codec.checksum import crc16_ibm_sdlc

__all__ = ["FORMATS", "decode"]

_BEGIN: Final = 0xC0
_END: Final = 0xC1
_ESCAPED: Final = re.compile(rb"\x7d(.?)", re.DOTALL)


def _unescaped(data: bytes) -> bytes:
    if _BEGIN in data or _END in data:
        raise DecodeError("frame")
    return _ESCAPED.sub(_plain, data)


def _plain(escaped: re.Match[bytes]) -> bytes:
    if not escaped[1]:
        raise DecodeError("aborted")
    return bytes((escaped[1][0] ^ 0x20,))


def decode(data: bytes) -> bytes:
    """Give the body of a frame.

    Raises:
        DecodeError: another frame, an aborted one, or a wrong check sequence.
    """
    if len(data) < 4 or data[0] != _BEGIN or data[-1] != _END:
        raise DecodeError("frame")
    plain = _unescaped(data[1:-1])
    if len(plain) < 2 or crc16_ibm_sdlc(plain[:-2]) != int.from_bytes(plain[-2:], "little"):
        raise DecodeError("fcs")
    return plain[:-2]


FORMATS: Final[Mapping[str, FormatDecoder]] = {
    "serial.intellivue.frame": Format(decode, lambda body: {"body": body.hex()})
}
"""This family's wire formats by name."""
