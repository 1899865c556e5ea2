"""Oximetry frames as coded readings.

Owns: what an oximeter's frame means. Never: takes apart bytes, or keeps state.

A saturation or pulse of 0 is what searching oximeters send: absent, never a measurement. Fast and slow averages are the
same quantity once more and stay out of the reading; the normal average is the one that limits are written for.
"""

from decimal import Decimal
from typing import Final

from hub_agent import nomenclature as mdc
from hub_agent.model import Absent, Measurement, Quality, Reading, ReadingClass
from hub_drivers.codec.medfloat import MedicalFloat, measured
from hub_drivers.codec.plausibility import assess
from hub_drivers.codec.sig_time import dated
from hub_drivers.pulse_oximeter.frame import (
    DEVICE_STATUS,
    FROM_STORAGE,
    MEASUREMENT_STATUS,
    ContinuousFrame,
    SpotFrame,
)

MEASURES: Final = frozenset({mdc.SPO2, mdc.PULSE_RATE_OXIMETER, mdc.PERFUSION_INDEX})

_GOOD: Final = Quality.GOOD
_ZERO: Final = Decimal(0)
_NO_SPO2: Final = Measurement(mdc.SPO2, "%", None, Absent.UNKNOWN)
_NO_PULSE: Final = Measurement(mdc.PULSE_RATE_OXIMETER, "/min", None, Absent.UNKNOWN)


def _measurements(
    spo2: MedicalFloat, rate: MedicalFloat, pai: MedicalFloat | None
) -> tuple[tuple[Measurement, ...], Quality]:
    """Code the values; without either of the two, the device is still searching."""
    saturation = _NO_SPO2 if spo2 == _ZERO else measured(mdc.SPO2, "%", spo2)
    pulse = _NO_PULSE if rate == _ZERO else measured(mdc.PULSE_RATE_OXIMETER, "/min", rate)
    quality = Quality.SEARCHING if saturation.value is None and pulse.value is None else _GOOD
    if pai is None:
        return (saturation, pulse), quality
    return (saturation, pulse, measured(mdc.PERFUSION_INDEX, "%", pai)), quality


def _status(measurement_status: int | None, device_status: int | None) -> Quality:
    if not device_status:
        return MEASUREMENT_STATUS.quality(measurement_status) if measurement_status else _GOOD
    quality = DEVICE_STATUS.quality(device_status)
    return quality | MEASUREMENT_STATUS.quality(measurement_status) if measurement_status else quality


def continuous(frame: ContinuousFrame) -> Reading:
    """Make a reading of a value of 2A5F."""
    measurements, quality = _measurements(frame.spo2, frame.pulse_rate, frame.pai)
    status = _status(frame.measurement_status, frame.device_status)
    if status is not _GOOD:
        quality |= status
    stored = bool((frame.measurement_status or 0) & FROM_STORAGE)
    return assess(ReadingClass.CONTINUOUS, measurements, quality, stored=stored)


def spot(frame: SpotFrame, *, stored: bool = False) -> Reading:
    """Make a reading of a value of 2A5E.

    Args:
        frame: what the device sent.
        stored: whether it answers a request for its memory; the frame's own status may say so too.
    """
    measurements, quality = _measurements(frame.spo2, frame.pulse_rate, frame.pai)
    status = _status(frame.measurement_status, frame.device_status)
    if status is not _GOOD:
        quality |= status
    time, unset = dated(frame.time)
    if unset or frame.clock_not_set:
        quality |= Quality.CLOCK_NOT_SET
    stored = stored or bool((frame.measurement_status or 0) & FROM_STORAGE)
    return assess(ReadingClass.EPISODIC, measurements, quality, time, stored=stored)
