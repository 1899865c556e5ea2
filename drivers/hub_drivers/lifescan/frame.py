"""Frames and lines of LifeScan meters.

Owns: the binary frame of the Ultra Easy and Verio with its messages, the checked line of the Ultra 2 with its records.
Never: judges a reading, keeps a dialogue.

Source: glucometers-tech/glucometer-protocols (lifescan/shared-binary-protocol.md) and glucometerutils (otultraeasy.py,
otultra2.py). A frame is 02, its length, link control, message, 03 and a CRC-16 (CCITT, start FFFF), little-endian. A
line ends with a space and the sum of what is before it as four hexadecimal digits. Both tell mg/dL, whatever they show.
The Ultra before it sends the same records without meal and comment (a log in gnu-gluco-control:OneTouchUltra.java).
"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from struct import Struct
from typing import Any, Final, NamedTuple

from hub_agent.driver import DecodeError
from hub_agent.registry import Format, FormatDecoder
from hub_drivers.codec.checksum import crc16_ibm_3740, sum16
from hub_drivers.codec.made import maker

__all__ = [
    "FORMATS",
    "LONGEST",
    "Count",
    "Frame",
    "Result",
    "Ultra2Result",
    "decode_frame",
    "decode_line",
    "decode_message",
    "decode_ultra2",
    "decode_ultra2_count",
    "encode_frame",
    "measure",
    "record_request",
]

SENT: Final = 0x01
EXPECTED: Final = 0x02
ACKNOWLEDGE: Final = 0x04
DISCONNECT: Final = 0x08
COUNT_RECORD: Final = 501
LONGEST: Final = 64

_STX: Final = 0x02
_ETX: Final = 0x03
_READ_RECORD: Final = b"\x05\x1f"
_WELL: Final = b"\x05\x06"
_COUNT: Final = b"\x05\x0f"
_RESULT: Final = Struct("<2xII")
_EPOCH: Final = datetime(1970, 1, 1)
_LINE: Final = re.compile(rb"([ -~]+) ([0-9A-F]{4})\r?\n?")
_ULTRA2: Final = re.compile(
    r'P "[A-Z]{3}","(\d\d)/(\d\d)/(\d\d)","(\d\d):(\d\d):(\d\d)   ","([C ]) (\d{3})([? ])",(?:"[NBA]","\d\d",)? 00'
)
_ULTRA2_COUNT: Final = re.compile(r'P (\d{3}),"[0-9A-Z]{9}","(?:MG/DL |MMOL/L)"')


class Frame(NamedTuple):
    """A frame whose CRC is right: link control bits, and the message."""

    link: int
    message: bytes


_frame: Final = maker(Frame)


class Count(NamedTuple):
    """How many records the meter holds."""

    records: int


class Result(NamedTuple):
    """A record: when, by the meter's clock, and mg/dL."""

    taken: datetime
    mg_dl: int


class Ultra2Result(NamedTuple):
    """A record of the Ultra 2: when (None for no date), mg/dL, control solution, and a memory error in it."""

    taken: datetime | None
    mg_dl: int
    control: bool
    damaged: bool


def encode_frame(link: int, message: bytes = b"") -> bytes:
    """Make a frame."""
    body = bytes((_STX, len(message) + 6, link)) + message + bytes((_ETX,))
    return body + crc16_ibm_3740(body).to_bytes(2, "little")


def decode_frame(data: bytes) -> Frame:
    """Take a frame apart.

    Raises:
        DecodeError: another frame, another length, or a wrong CRC.
    """
    if len(data) < 6 or data[1] != len(data):
        raise DecodeError("length")
    if data[0] != _STX or data[-3] != _ETX:
        raise DecodeError("frame")
    if crc16_ibm_3740(data[:-2]) != int.from_bytes(data[-2:], "little"):
        raise DecodeError("crc")
    return _frame((data[2], data[3:-3]))


def record_request(number: int) -> bytes:
    """Make the message that asks for a record, the newest being 0; 501 asks how many there are."""
    return _READ_RECORD + number.to_bytes(2, "little")


def decode_message(message: bytes) -> Count | Result:
    """Decode the answer to a record request.

    Raises:
        DecodeError: another message.
    """
    if message[:2] == _COUNT and len(message) == 4:
        return Count(message[2] | message[3] << 8)
    if message[:2] == _WELL and len(message) == _RESULT.size:
        seconds, mg_dl = _RESULT.unpack(message)
        return Result(_EPOCH + timedelta(seconds=seconds), mg_dl)
    raise DecodeError("message")


def measure(buffer: bytes, start: int) -> int:
    """Find a frame; the :data:`~hub_drivers.codec.stream.Measure` of a deframer."""
    if buffer[start] != _STX:
        return -1
    if len(buffer) - start < 2:
        return 0
    size = buffer[start + 1]
    if not 6 <= size <= LONGEST:
        return -1
    found = buffer[start : start + size]
    if len(found) < size:
        return 0
    return size if crc16_ibm_3740(found[:-2]) == int.from_bytes(found[-2:], "little") else -1


def decode_line(data: bytes) -> str:
    """Give the body of an Ultra 2 line.

    Raises:
        DecodeError: no sum at its end, or a wrong one.
    """
    found = _LINE.fullmatch(data)
    if found is None:
        raise DecodeError("line")
    if sum16(found[1]) != int(found[2], 16):
        raise DecodeError("checksum")
    return found[1].decode("ascii")


def decode_ultra2_count(body: str) -> int | None:
    """Give the number of records that the first line of a dump announces; None for another line."""
    found = _ULTRA2_COUNT.fullmatch(body)
    return None if found is None else int(found[1])


def decode_ultra2(body: str) -> Ultra2Result:
    """Decode a record of a dump.

    Raises:
        DecodeError: another line.
    """
    found = _ULTRA2.fullmatch(body)
    if found is None:
        raise DecodeError("record")
    month, day, year, hour, minute, second = map(int, found.groups()[:6])
    try:
        taken = datetime(2000 + year, month, day, hour, minute, second)
    except ValueError:
        taken = None
    return Ultra2Result(taken, int(found[8]), found[7] == "C", found[9] == "?")


def _frame_fields(found: Frame) -> Mapping[str, Any]:
    return {"link": found.link, "message": found.message.hex()}


FORMATS: Final[Mapping[str, FormatDecoder]] = {
    "serial.lifescan.frame": Format(decode_frame, _frame_fields),
    "serial.onetouch_ultra2.checksum": Format(sum16, lambda total: {"checksum16": total}),
    "serial.onetouch_ultra2.line": Format(decode_line, lambda body: {"body": body}),
}
"""This family's wire formats by name."""
