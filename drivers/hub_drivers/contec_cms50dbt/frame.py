"""Frames of the Contec CMS50D-BT: EB 01 with values, EB 00 with pleth, both with a 7-bit sum at the end.

Owns: their layout and the start command. Never: judges a reading.

Sources: tobiasisenberg/OxiVis issue 2, whose last byte, unknown there, is the sum of those before it, modulo 128: it
fits every frame and the command ``9B 01 1C`` printed there; OSCAR (contec_ble_protocol.cpp): bit 7 is set in the first
byte of a frame alone, a rate of 255 is none; and the A&D UP-200BLE, the same oximeter under another name, whose maker's
app takes bit 7 of the rate from bit 1 of the flags (and_oximeter.py): a rate of 140 is sent as ``06 0C``.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from hub_agent.driver import DecodeError
from hub_agent.registry import Format, FormatDecoder
from hub_drivers.codec.made import maker
from hub_drivers.codec.oximetry import flag_implausible

__all__ = ["FORMATS", "LONGEST", "START", "Numeric", "Wave", "decode", "measure"]

LONGEST: Final = 8
START: Final = bytes.fromhex("9b011c")
RATE_BIT_7: Final = 0x02
NO_SPO2: Final = 127
NO_PULSE_RATE: Final = 255

_SIZES: Final = {0x00: 6, 0x01: 8}


class Numeric(NamedTuple):
    """Values, once a second.

    Attributes:
        flags: 04, 05 and 06 are seen; bit 1 is bit 7 of the rate, the others are not known.
        pulse_rate: /min; 255 and 0 are none.
        spo2: %; 127 and 0 are none.
    """

    flags: int
    pulse_rate: int
    spo2: int


_numeric: Final = maker(Numeric)


class Wave(NamedTuple):
    """A step of the pleth; its third byte is not understood.

    Attributes:
        pleth: 0 to 127.
        bargraph: 0 to 15.
    """

    pleth: int
    bargraph: int


_wave: Final = maker(Wave)


def _checked(data: bytes) -> None:
    if sum(data[:-1]) & 0x7F != data[-1]:
        raise DecodeError("checksum")


def decode(data: bytes) -> Numeric | Wave:
    """Decode a frame.

    Raises:
        DecodeError: another head, another length, or a wrong sum.
    """
    if len(data) < 2 or data[0] != 0xEB or data[1] not in _SIZES:
        raise DecodeError("frame")
    if len(data) != _SIZES[data[1]]:
        raise DecodeError("length")
    _checked(data)
    if not data[1]:
        return _wave((data[3], data[4]))
    flags = data[2]
    return _numeric((flags, data[3] | (flags & RATE_BIT_7) << 6, data[4]))


def measure(buffer: bytes, start: int) -> int:
    """Find a frame; the :data:`~hub_drivers.codec.stream.Measure` of a deframer."""
    if buffer[start] != 0xEB:
        return -1
    if len(buffer) - start < 2:
        return 0
    size = _SIZES.get(buffer[start + 1])
    if size is None:
        return -1
    found = buffer[start : start + size]
    if len(found) < size:
        return 0
    return size if sum(found[:-1]) & 0x7F == found[-1] else -1


def _fields(found: Numeric | Wave) -> Mapping[str, Any]:
    if isinstance(found, Wave):
        return {"kind": "wave", **found._asdict()}
    fields = {"kind": "numeric", **found._asdict()}
    return fields if found.spo2 == NO_SPO2 else flag_implausible(fields)


def _command_fields(data: bytes) -> Mapping[str, Any]:
    if len(data) < 3 or data[0] != 0x9B:
        raise DecodeError("frame")
    _checked(data)
    return {"command": data.hex()}


FORMATS: Final[Mapping[str, FormatDecoder]] = {
    "ble.contec_cms50dbt": Format(decode, _fields),
    "ble.contec_cms50dbt.cmd": _command_fields,
}
"""This family's wire formats by name."""
