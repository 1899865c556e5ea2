"""Values of the Record Access Control Point (2A52): Bluetooth GATT Specification Supplement, same name.

Owns: what is written to it and what it answers. Never: keeps state; ``transfer`` does.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from hub_agent.driver import sig_uuid
from hub_agent.errors import DecodeError
from hub_agent.registry import Fields, Format, FormatDecoder
from hub_drivers.codec.made import maker

CONTROL_POINT: Final = sig_uuid(0x2A52)

REPORT: Final = 1
DELETE: Final = 2
ABORT: Final = 3
COUNT_RESPONSE: Final = 5
RESPONSE: Final = 6

SUCCESS: Final = 1
NO_RECORDS: Final = 6
FILTER_REFUSED: Final = frozenset({3, 4, 5, 9})
"""Answers that say the operator or the operand is beyond the device."""

REPORT_ALL: Final = bytes((REPORT, 1))
DELETE_ALL: Final = bytes((DELETE, 1))
ABORT_ALL: Final = bytes((ABORT, 0))

_COUNT_SIZES: Final = (1, 2, 4)  # the service that uses the control point says which


def report_from(number: int, *, filter_type: int = 1) -> bytes:
    """Ask for the records whose ``filter_type`` field (1: sequence number or time offset) is at least ``number``."""
    return bytes((REPORT, 3, filter_type)) + number.to_bytes(2, "little")


class CountAnswer(NamedTuple):
    """How many records match."""

    records: int


_count_answer: Final = maker(CountAnswer)


class Answer(NamedTuple):
    """How a request ended: 1 success, 6 no records, everything else an error."""

    request: int
    code: int


_answer: Final = maker(Answer)


class Request(NamedTuple):
    """What a hub writes, or an answer whose layout the maker defines."""

    opcode: int
    operator: int
    operand: bytes


_request: Final = maker(Request)


def decode(data: bytes) -> CountAnswer | Answer | Request:
    """Take a value apart.

    Raises:
        DecodeError: shorter than two bytes, or an answer of the wrong length or with an operator.
    """
    if len(data) < 2:
        raise DecodeError(f"record access: {len(data)} bytes, not 2 or more")
    opcode, operator = data[0], data[1]
    operand = data[2:]
    if opcode not in {COUNT_RESPONSE, RESPONSE}:
        return _request((opcode, operator, operand))
    if operator:
        raise DecodeError("record access: an answer with an operator")
    if opcode == RESPONSE:
        if len(operand) != 2:
            raise DecodeError(f"record access: an answer of {len(data)} bytes, not 4")
        return _answer((operand[0], operand[1]))
    if len(operand) not in _COUNT_SIZES:
        raise DecodeError(f"record access: a count of {len(operand)} bytes")
    return _count_answer((int.from_bytes(operand, "little"),))


def fields(value: CountAnswer | Answer | Request) -> Fields:
    """Give the fields of ``ble.2a52``."""
    match value:
        case CountAnswer(records):
            return {"opcode": COUNT_RESPONSE, "count": records}
        case Answer(request, code):
            return {"opcode": RESPONSE, "request_opcode": request, "response_code": code}
        case Request(opcode, operator, operand):
            return {"opcode": opcode, "operator": operator, "operand": operand.hex()}


FORMATS: Final[Mapping[str, FormatDecoder]] = {"ble.2a52": Format(decode, fields)}
