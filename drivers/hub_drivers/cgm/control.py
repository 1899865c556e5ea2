"""CGM Specific Ops Control Point (2AAC): Bluetooth CGM Service 1.0.2, section 3.7.

Owns: the operand of every opcode, and the two that the hub writes itself.
Never: sets a patient's alert level; limits are the hub's.
"""

from struct import Struct
from typing import Any, Final, NamedTuple

from hub_agent.driver import sig_uuid
from hub_agent.errors import DecodeError
from hub_agent.registry import Fields
from hub_drivers.cgm.e2e import checked, sealed
from hub_drivers.codec.made import maker
from hub_drivers.codec.medfloat import sfloat

CONTROL_POINT: Final = sig_uuid(0x2AAC)

START_SESSION: Final = 0x1A
STOP_SESSION: Final = 0x1B
RESPONSE: Final = 0x1C
SUCCESS: Final = 1

_CALIBRATION: Final = Struct("<HHBHHB")

_INTERVALS: Final = frozenset({0x01, 0x03})
_RECORD_NUMBERS: Final = frozenset({0x05})
_CALIBRATIONS: Final = frozenset({0x04, 0x06})
_LEVELS: Final = frozenset({0x07, 0x09, 0x0A, 0x0C, 0x0D, 0x0F, 0x10, 0x12, 0x13, 0x15, 0x16, 0x18})
_BARE: Final = frozenset({0x02, 0x08, 0x0B, 0x0E, 0x11, 0x14, 0x17, 0x19, START_SESSION, STOP_SESSION})

_SIZES: Final = {
    **dict.fromkeys(_INTERVALS, 1),
    **dict.fromkeys(_RECORD_NUMBERS, 2),
    **dict.fromkeys(_CALIBRATIONS, _CALIBRATION.size),
    **dict.fromkeys(_LEVELS, 2),
    **dict.fromkeys(_BARE, 0),
    RESPONSE: 2,
}
"""Bytes of operand by opcode."""


class Operation(NamedTuple):
    """One value of 2AAC.

    Attributes:
        opcode: what is asked or answered.
        operand: of the opcode's own layout.
        crc_ok: True with a right checksum, None without any.
    """

    opcode: int
    operand: bytes
    crc_ok: bool | None


_operation: Final = maker(Operation)


def decode(data: bytes) -> Operation:
    """Take a value apart.

    Raises:
        DecodeError: empty, an opcode that is reserved, an operand of another length, or a wrong checksum.
    """
    if not data or data[0] not in _SIZES:
        raise DecodeError("CGM control: no opcode of the service")
    body, crc_ok = checked(data, 1 + _SIZES[data[0]], "CGM control")
    return _operation((body[0], body[1:], crc_ok))


def encode(opcode: int, *, crc: bool) -> bytes:
    """Make a request without operand, with a checksum where the features ask for one."""
    request = bytes((opcode,))
    return sealed(request) if crc else request


def fields(operation: Operation) -> Fields:
    """Give the fields of ``ble.2aac``."""
    opcode, operand, crc_ok = operation
    found: dict[str, Any] = {"opcode": opcode, "crc_ok": crc_ok}
    if opcode in _INTERVALS:
        found["interval_min"] = operand[0]
    elif opcode in _RECORD_NUMBERS:
        found["record"] = int.from_bytes(operand, "little")
    elif opcode in _LEVELS:
        found["level"] = sfloat(int.from_bytes(operand, "little"))
    elif opcode == RESPONSE:
        found |= {"request_opcode": operand[0], "response_code": operand[1]}
    elif opcode in _CALIBRATIONS:
        glucose, time, sample, next_time, record, status = _CALIBRATION.unpack(operand)
        found |= {
            "glucose": sfloat(glucose),
            "time": time,
            "type": sample & 0x0F,
            "location": sample >> 4,
            "next_time": next_time,
            "record": record,
            "status": status,
        }
    return found
