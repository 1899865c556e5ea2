"""Nonin Continuous Oximetry: one value a second, big-endian.

Owns: its layout and the control command. Never: judges a reading.

Source: Nonin specification 113142-000-02 revision B, as ble_nco_spec_decoder.swift (M. Villarroel) and
andreasdri/nonin-3230-ble:index.js read it. Missing: saturation 127, rate 511.
"""

from collections.abc import Mapping
from decimal import Decimal
from struct import Struct
from typing import Any, Final, NamedTuple

from hub_agent.driver import DecodeError
from hub_agent.registry import Format, FormatDecoder
from hub_drivers.codec.made import maker
from hub_drivers.codec.number import hundredths, tenths
from hub_drivers.codec.oximetry import flag_implausible

__all__ = ["COMPLETE", "FORMATS", "Oximetry", "decode", "status_names"]

WEAK_SIGNAL: Final = 0x02
SMART_POINT: Final = 0x04
SEARCHING: Final = 0x08
SENSOR_CONNECTED: Final = 0x10
LOW_BATTERY: Final = 0x20
ENCRYPTED: Final = 0x40
COMPLETE: Final = b"bNMI"
"""Written to the control characteristic: the measurement is complete."""

_LAYOUT: Final = Struct(">BBBHHBH")
_NAMES: Final = (
    (WEAK_SIGNAL, "weak_signal"),
    (SMART_POINT, "smart_point"),
    (SEARCHING, "searching"),
    (SENSOR_CONNECTED, "sensor_connected"),
    (LOW_BATTERY, "low_battery"),
    (ENCRYPTED, "encrypted"),
)


class Oximetry(NamedTuple):
    """One value.

    Attributes:
        status: the bits above.
        battery_v: V.
        pai_percent: pulse amplitude index, %.
        counter: seconds, modulo 65536.
        spo2: %; None missing.
        pulse_rate: /min; None missing.
    """

    status: int
    battery_v: Decimal
    pai_percent: Decimal
    counter: int
    spo2: int | None
    pulse_rate: int | None


_oximetry: Final = maker(Oximetry)


def decode(data: bytes) -> Oximetry:
    """Decode a value; what newer devices append is passed over.

    Raises:
        DecodeError: fewer than ten bytes, or another length than the first byte says.
    """
    if len(data) < _LAYOUT.size:
        raise DecodeError("length")
    length, status, battery, pai, counter, spo2, rate = _LAYOUT.unpack_from(data)
    if length != len(data):
        raise DecodeError("length")
    return _oximetry(
        (
            status,
            tenths(battery),
            hundredths(pai),
            counter,
            None if spo2 == 127 else spo2,
            None if rate == 511 else rate,
        )
    )


def status_names(status: int) -> list[str]:
    """Name the bits that are set."""
    return [name for bit, name in _NAMES if status & bit]


def _fields(found: Oximetry) -> Mapping[str, Any]:
    return flag_implausible({**found._asdict(), "status": status_names(found.status)})


def _control_fields(data: bytes) -> Mapping[str, Any]:
    if len(data) < 4 or data[1:4] != b"NMI":
        raise DecodeError("frame")
    return {"command": data.hex()}


FORMATS: Final[Mapping[str, FormatDecoder]] = {
    "ble.nonin_control": _control_fields,
    "ble.nonin_nco": Format(decode, _fields),
}
"""This family's wire formats by name."""
