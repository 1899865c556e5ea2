"""The frames of ASTM E1381 and result records of ASTM E1394 as Contour meters send them.

Owns: their layout. Never: keeps a dialogue.

Source: glucometers-tech/glucometerutils (support/contourusb.py). A frame is STX, a digit, text, CR, ETB or ETX, and
the sum from the digit to there as two hexadecimal digits, CR LF; EOT may come before it and ENQ after. A frame that a
record goes on after has no CR before its ETB.
"""

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from hub_agent.driver import DecodeError
from hub_agent.registry import Format, FormatDecoder
from hub_drivers.codec.checksum import sum8

__all__ = ["FORMATS", "Frame", "Result", "decode_frame", "decode_result"]

_FRAME: Final = re.compile(rb"\x04?\x02(([0-7])([^\r\x02\x03\x17]*)\r?[\x03\x17])([0-9A-F]{2})\r\n[\x04\x05]?")
_RESULT: Final = re.compile(
    rb"R\|(\d+)\|\w*\^\w*\^\w*\^(\w+)\|(\d+(?:\.\d+)?)\|([\w/]+)\^([BPD]?)\|\|([><A-Z/0-9]*)\|\|(\d{8,14})"
)
_SHOWN: Final = 20


class Frame(NamedTuple):
    """A frame whose sum is right: its number, 0 to 7, and its record."""

    number: str
    text: str


class Result(NamedTuple):
    """A result record, every field as the meter spells it.

    Attributes:
        seq: its number.
        test: what was measured.
        value: the concentration.
        unit: its unit; of carbohydrates and insulin, which the wearer enters, the number of one.
        ref: reference method: B whole blood, P plasma, D deproteinised; empty for what the wearer enters.
        markers: before or after a meal and the like, divided by slashes.
        taken: YYYYMMDDhhmm.
    """

    seq: str
    test: str
    value: str
    unit: str
    ref: str
    markers: str
    taken: str


def decode_frame(data: bytes) -> Frame:
    """Take a frame apart.

    Raises:
        DecodeError: another frame, or a wrong sum.
    """
    found = _FRAME.fullmatch(data)
    if found is None:
        raise DecodeError("frame")
    if sum8(found[1]) != int(found[4], 16):
        raise DecodeError("checksum")
    return Frame(found[2].decode("ascii"), found[3].decode("latin-1"))


def decode_result(data: bytes) -> Result:
    """Decode a result record.

    Raises:
        DecodeError: another record.
    """
    found = _RESULT.fullmatch(data.rstrip(b"\r"))
    if found is None:
        raise DecodeError("record")
    return Result(*(group.decode("ascii") for group in found.groups()))


def _frame_fields(found: Frame) -> Mapping[str, Any]:
    """Show a frame's number and the beginning of its record: a header names the meter's serial number further on."""
    return {"frame_no": found.number, "text": found.text[:_SHOWN]}


def _result_fields(found: Result) -> Mapping[str, Any]:
    fields: dict[str, Any] = {**found._asdict()}
    fields["datetime"] = fields.pop("taken")
    return fields


FORMATS: Final[Mapping[str, FormatDecoder]] = {
    "serial.contour_astm.R": Format(decode_result, _result_fields),
    "serial.contour_astm.frame": Format(decode_frame, _frame_fields),
}
"""This family's wire formats by name."""
