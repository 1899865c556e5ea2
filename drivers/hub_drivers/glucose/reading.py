"""Glucose frames as coded readings.

Owns: what a meter's record means. Never: takes apart bytes, or keeps state.
"""

from datetime import timedelta
from typing import Final

from hub_agent import nomenclature as mdc
from hub_agent.model import Absent, Code, DeviceTime, Measurement, Quality, Reading, ReadingClass
from hub_drivers.codec.medfloat import measured
from hub_drivers.codec.plausibility import assess, unless_zero
from hub_drivers.glucose.context import ContextFrame, measurements
from hub_drivers.glucose.frame import OVERRUN, STATUS, UNDERRUN, GlucoseFrame

KINDS: Final = {
    1: mdc.GLUCOSE_CAPILLARY_WHOLE_BLOOD,
    2: mdc.GLUCOSE_CAPILLARY_PLASMA,
    3: mdc.GLUCOSE_VENOUS_WHOLE_BLOOD,
    4: mdc.GLUCOSE_VENOUS_PLASMA,
    5: mdc.GLUCOSE_ARTERIAL_WHOLE_BLOOD,
    6: mdc.GLUCOSE_ARTERIAL_PLASMA,
    7: mdc.GLUCOSE_UNDETERMINED_WHOLE_BLOOD,
    8: mdc.GLUCOSE_UNDETERMINED_PLASMA,
    9: mdc.GLUCOSE_ISF,
    10: mdc.GLUCOSE_CONTROL,
}
"""What a sample type of 2A18 (and 2AA8) is called; others are reserved."""

UNDETERMINED: Final = mdc.GLUCOSE_UNDETERMINED_WHOLE_BLOOD
_CONTROL_KIND: Final = 10
_CONTROL_LOCATION: Final = 4


def device_time(frame: GlucoseFrame) -> DeviceTime | None:
    """Give the time that the meter showed its user: its own clock and the user's offset; None when unknown."""
    base = frame.base_time.local()
    if base is None or frame.offset_min in {OVERRUN, UNDERRUN}:
        return None
    try:
        return DeviceTime(base + timedelta(minutes=frame.offset_min or 0))
    except OverflowError:
        return None  # before the year 1 or after 9999


def reading(frame: GlucoseFrame, context: ContextFrame | None = None, *, stored: bool = True) -> Reading:
    """Make a reading of a record and of what the patient noted beside it.

    HI and LO, which meters send as infinities, are absent and out of range. Control solution is a test.
    """
    code: Code = UNDETERMINED
    quality = STATUS.quality(frame.status) if frame.status else Quality.GOOD
    if frame.sample is None:
        glucose = Measurement(code, "mg/dL", None, Absent.NOT_PERFORMED)
    else:
        code = KINDS.get(frame.sample.kind, UNDETERMINED)
        value, unit = frame.sample.value()
        glucose = unless_zero(measured(code, unit, value))
        if frame.sample.kind == _CONTROL_KIND or frame.sample.location == _CONTROL_LOCATION:
            quality |= Quality.TEST
    time = device_time(frame)
    if time is None:
        quality |= Quality.CLOCK_NOT_SET
    notes = () if context is None else tuple(measurements(context))
    return assess(ReadingClass.EPISODIC, (glucose, *notes), quality, time, frame.sequence, stored=stored)
