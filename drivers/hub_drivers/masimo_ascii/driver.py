"""The driver of Masimo oximeters that write ASCII lines.

Owns: how lines become readings. Never: parses bytes.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

from hub_agent.driver import SERIAL, Action, Driver, Emit, SerialLink, Session
from hub_agent.model import DeviceTime, Quality, Reading
from hub_agent.nomenclature import PERFUSION_INDEX, PULSE_RATE_OXIMETER, SPO2
from hub_drivers.codec.oximetry import oximetry, perfusion
from hub_drivers.codec.stream import Deframer, StreamSession
from hub_drivers.masimo_ascii import frame
from hub_drivers.masimo_ascii.frame import Line

__all__ = ["DRIVER", "line_reading"]

_EXCEPTIONS: Final = (
    (0x01, Quality.SENSOR_OFF),  # no sensor
    (0x02, Quality.SENSOR_FAULT),  # defective sensor
    (0x04, Quality.LOW_PERFUSION),
    (0x08, Quality.SEARCHING),  # pulse search
    (0x10, Quality.ARTEFACT),  # interference
    (0x20, Quality.SENSOR_OFF),
    (0x40, Quality.ARTEFACT),  # ambient light
    (0x80, Quality.SENSOR_FAULT),  # unrecognised sensor
    (0x400, Quality.WEAK_SIGNAL),  # low signal IQ
)
_ALARMS: Final = 0x1F  # saturation high and low, rate high and low, any


def _integer(value: Decimal | None) -> int | None:
    return None if value is None else int(value)


def line_reading(found: Line) -> Reading:
    """Make the reading of a line."""
    quality = Quality.GOOD
    for bit, flag in _EXCEPTIONS:
        if (found.exc or 0) & bit:
            quality |= flag
    if (found.alarm or 0) & _ALARMS:
        quality |= Quality.DEVICE_ALARM
    return oximetry(
        _integer(found.spo2),
        _integer(found.pulse_rate),
        quality,
        more=(perfusion(found.pi, quality),),
        measured=DeviceTime(found.timestamp) if found.timestamp else None,
    )


def _handle(data: bytes) -> Iterable[Action]:
    return (Emit(line_reading(frame.decode(data))),)


def _session(options: Mapping[str, Any]) -> Session:
    del options
    return StreamSession(SERIAL, Deframer(frame.measure, frame.LONGEST), _handle)


DRIVER: Final = Driver(
    name="masimo-ascii",
    title="Masimo Rad-8, Radical-7 (serial output set to ASCII 1)",
    link=SerialLink(9600),
    measures=frozenset((SPO2, PULSE_RATE_OXIMETER, PERFUSION_INDEX)),
    session=_session,
    cadence_s=1.0,
    repeats=False,
    quirks=(
        "The serial output must be set to ASCII 1 in the device's menu.",
        "The alarm bits are known by experiment only.",
    ),
)
"""Configure it as ``masimo-ascii``."""
