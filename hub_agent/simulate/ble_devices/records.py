"""A device's memory behind the Record Access Control Point.

Owns: the stored records and the answers to requests (GATT Specification Supplement, Record Access Control Point).
Never: sends; the device does, in the order that ``answer`` gives.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from hub_agent.simulate import encoders

CONTROL_POINT: Final = "2A52"

_REPORT, _DELETE, _ABORT, _COUNT = 1, 2, 3, 4
_ALL, _UP_TO, _FROM, _RANGE, _FIRST, _LAST = 1, 2, 3, 4, 5, 6
_DONE, _NO_OPCODE, _BAD_OPERATOR, _NO_OPERATOR, _BAD_OPERAND, _NO_RECORDS = 1, 2, 3, 4, 5, 6
_BY_SEQUENCE: Final = 1


@dataclass(slots=True)
class Record:
    """One stored measurement.

    Attributes:
        sequence: the device's own number.
        value: as the measurement characteristic sends it.
        delivered: whether the hub has had it before.
    """

    sequence: int
    value: bytes
    delivered: bool = False


@dataclass(slots=True)
class Answer:
    """What a request leads to: these records, then this on the control point."""

    records: list[Record]
    response: bytes


@dataclass(slots=True)
class Memory:
    """The records, oldest first."""

    records: list[Record] = field(default_factory=list)

    def answer(self, request: bytes) -> Answer:
        """Carry out a request."""
        opcode, operator = (*request[:2], 0, 0)[:2]
        try:
            chosen = self._carry_out(opcode, list(self._choose(operator, request[2:])) if opcode != _ABORT else [])
        except LookupError as error:
            return Answer([], encoders.record_response(opcode, int(error.args[0])))
        if isinstance(chosen, int):
            return Answer([], encoders.record_count(chosen))
        return Answer(chosen, encoders.record_response(opcode, _DONE))

    def _carry_out(self, opcode: int, chosen: list[Record]) -> list[Record] | int:
        """Give the records to report, or their count.

        Raises:
            LookupError: with the response code that says what is wrong.
        """
        if opcode not in {_REPORT, _DELETE, _ABORT, _COUNT}:
            raise LookupError(_NO_OPCODE)
        if opcode == _COUNT:
            return len(chosen)
        if not chosen and opcode != _ABORT:
            raise LookupError(_NO_RECORDS)
        if opcode == _DELETE:
            self.records = [record for record in self.records if record not in chosen]
            return []
        return chosen

    def _choose(self, operator: int, operand: bytes) -> Iterator[Record]:
        """Pick what operator and operand name.

        Raises:
            LookupError: with the response code that says what is wrong.
        """
        if operator == _ALL:
            yield from self.records
        elif operator in {_FIRST, _LAST}:
            yield from self.records[:1] if operator == _FIRST else self.records[-1:]
        elif operator in {_UP_TO, _FROM, _RANGE}:
            low, high = self._bounds(operator, operand)
            yield from (record for record in self.records if low <= record.sequence <= high)
        else:
            raise LookupError(_BAD_OPERATOR if operator == 0 else _NO_OPERATOR)

    @staticmethod
    def _bounds(operator: int, operand: bytes) -> tuple[int, int]:
        size = 5 if operator == _RANGE else 3
        if len(operand) != size or operand[0] != _BY_SEQUENCE:
            raise LookupError(_BAD_OPERAND)
        numbers = [int.from_bytes(operand[at : at + 2], "little") for at in range(1, size, 2)]
        if operator == _RANGE:
            return numbers[0], numbers[1]
        return (0, numbers[0]) if operator == _UP_TO else (numbers[0], 0xFFFF)
