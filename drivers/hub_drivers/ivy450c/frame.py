"""The ANSAR-B block of the Ivy 450C, one a second: FF, "ANSAR-B ", 400 waveform bytes, lines of text, FE.

Owns: its layout. Never: judges a value.

Source: mdpnp/mdpnp (org.mdpnp.devices.cpc.ansarB.AnsarB). A line is a name, an equals sign and fields divided by
semicolons, such as ``HR=1;80;ECG-II-DIAG;``; lines end with CR. Text without the frame around it is read alike.
"""

from collections.abc import Mapping
from typing import Final

from hub_agent.driver import DecodeError
from hub_agent.registry import FormatDecoder

__all__ = ["FORMATS", "decode"]

_BEGIN: Final = 0xFF
_END: Final = 0xFE
_NAME: Final = b"ANSAR-B "
_WAVES: Final = 400
_KNOWN: Final = frozenset(("ETCO2", "HR", "NIBP", "P1", "P2", "RR", "SPO2", "T1", "T2"))
_MOST: Final = 4096


def _text(data: bytes) -> bytes:
    """Take the frame off."""
    if data[:1] != bytes((_BEGIN,)):
        return data
    begin = 1 + len(_NAME) + _WAVES
    if data[1 : 1 + len(_NAME)] != _NAME or len(data) < begin:
        raise DecodeError("frame")
    return data[begin:-1] if data[-1] == _END else data[begin:]


def decode(data: bytes) -> Mapping[str, list[str]]:
    """Give the fields of every known line by its name.

    Raises:
        DecodeError: another frame, or no known line in it.
    """
    if len(data) > _MOST:
        raise DecodeError("length")
    lines: dict[str, list[str]] = {}
    for line in _text(data).replace(b"\n", b"\r").split(b"\r"):
        name, equals, rest = line.decode("latin-1").partition("=")
        if equals and name.strip() in _KNOWN:
            lines[name.strip()] = rest.split(";")
    if not lines:
        raise DecodeError("lines")
    return lines


FORMATS: Final[Mapping[str, FormatDecoder]] = {"serial.ivy450c.block": decode}
"""This family's wire formats by name."""
