"""Frames of the SunTech Advantage module: 3A from the host, 3E length from the module, and a sum of zero.

Owns: their layout. Never: judges a reading.

Sources: ak-git's com.ak suntech classes (NIBPRequest, NIBPResponse) and the bedside-monitor ``nibp.c`` that lists the
error codes. All bytes of a frame add up to 0 modulo 256. A module frame's length says what it is: 4 an answer of one
letter, 5 the cuff pressure, 24 a result.
"""

from collections.abc import Mapping
from struct import Struct
from typing import Any, Final, NamedTuple

from hub_agent.driver import DecodeError
from hub_agent.registry import Format, FormatDecoder
from hub_drivers.codec.checksum import sum8
from hub_drivers.codec.made import maker
from hub_drivers.codec.pressure import implausible

__all__ = [
    "ABORT",
    "CUFF_PRESSURE",
    "FORMATS",
    "LONGEST",
    "RESULT",
    "START",
    "Answer",
    "Cuff",
    "Other",
    "Result",
    "decode",
    "measure",
]

START: Final = bytes.fromhex("3a20a6")
ABORT: Final = bytes.fromhex("3a7901004c")
RESULT: Final = bytes.fromhex("3a7903004a")
CUFF_PRESSURE: Final = bytes.fromhex("3a79050048")

LONGEST: Final = 0x43

_HOST: Final = 0x3A
_MODULE: Final = 0x3E
_RESULT_SIZE: Final = 24
_RESULT: Final = Struct("<2xHHBB8xBxHBxxx")


class Answer(NamedTuple):
    """One letter: O well, K done, B busy, A aborted, N not understood, S and R of a start or reset."""

    letter: str


_answer: Final = maker(Answer)


class Cuff(NamedTuple):
    """Pressure in the cuff now, mmHg."""

    mmhg: int


_cuff: Final = maker(Cuff)


class Result(NamedTuple):
    """The last measurement, in mmHg and /min; zeros with an error.

    Attributes:
        systolic: mmHg.
        diastolic: mmHg.
        beats: how many were counted; 0 while it runs.
        status: of the measurement.
        pulse_rate: /min.
        mean: mmHg.
        error: 0 none, 1 weak signal, 2 erratic signal, 3 too many retries, 4 too long, 85 blocked, 87 inflation
            took too long, 89 pressure too high, 90 bad supply.
    """

    systolic: int
    diastolic: int
    beats: int
    status: int
    pulse_rate: int
    mean: int
    error: int


_result: Final = maker(Result)


class Other(NamedTuple):
    """A frame of another length: a return code (6), module data (67)."""

    data: bytes


_other: Final = maker(Other)


def decode(data: bytes) -> Answer | Cuff | Result | Other:
    """Decode a module frame.

    Raises:
        DecodeError: another head, another length, or a sum that is not 0.
    """
    if len(data) < 4 or data[0] != _MODULE:
        raise DecodeError("frame")
    if len(data) != data[1]:
        raise DecodeError("length")
    if sum8(data):
        raise DecodeError("checksum")
    if len(data) == 4:
        return _answer((chr(data[2]),))
    if len(data) == 5:
        return _cuff((data[2] | data[3] << 8,))
    return _result(_RESULT.unpack(data)) if len(data) == _RESULT_SIZE else _other((data[2:-1],))


def measure(buffer: bytes, start: int) -> int:
    """Find a module frame; the :data:`~hub_drivers.codec.stream.Measure` of a deframer."""
    if buffer[start] != _MODULE:
        return -1
    if len(buffer) - start < 2:
        return 0
    size = buffer[start + 1]
    if not 4 <= size <= LONGEST:
        return -1
    found = buffer[start : start + size]
    if len(found) < size:
        return 0
    return -1 if sum8(found) else size


def _fields(found: Answer | Cuff | Result | Other) -> Mapping[str, Any]:
    if isinstance(found, Answer):
        return {"ack": found.letter}
    if isinstance(found, Cuff):
        return {"cuff_pressure_mmhg": found.mmhg}
    if isinstance(found, Other):
        raise DecodeError("length")
    fields: dict[str, Any] = {**found._asdict()}
    fields["map"] = fields.pop("mean")
    del fields["error"]
    if implausible(found.systolic, found.diastolic, found.pulse_rate):
        fields["implausible"] = True
    return fields


def _command_fields(data: bytes) -> Mapping[str, Any]:
    if len(data) < 3 or data[0] != _HOST:
        raise DecodeError("frame")
    if sum8(data):
        raise DecodeError("checksum")
    return {"command": data.hex()}


FORMATS: Final[Mapping[str, FormatDecoder]] = {
    "serial.suntech": Format(decode, _fields),
    "serial.suntech.cmd": _command_fields,
}
"""This family's wire formats by name."""
