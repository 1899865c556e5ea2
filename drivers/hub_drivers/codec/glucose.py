"""Readings of glucose meters that are read by a cable: the same rules for every maker's format.

Owns: how a stored concentration becomes an episodic reading.
Never: knows a wire format; the family's codec says what the meter meant.
"""

from datetime import datetime
from typing import Final

from hub_agent.model import Absent, DeviceTime, Measurement, Quality, Reading, ReadingClass
from hub_agent.nomenclature import GLUCOSE_CAPILLARY_PLASMA, GLUCOSE_CONTROL
from hub_drivers.codec.number import whole
from hub_drivers.codec.plausibility import assess

__all__ = ["MEASURES", "glucose"]

MEASURES: Final = frozenset((GLUCOSE_CAPILLARY_PLASMA, GLUCOSE_CONTROL))


def glucose(
    mg_dl: int | None,
    taken: datetime | None,
    *,
    control: bool = False,
    quality: Quality = Quality.GOOD,
) -> Reading:
    """Make a reading of a stored result.

    Args:
        mg_dl: the concentration; None is above what the meter can measure, 0 is none.
        taken: the meter's own time.
        control: of control solution, nobody's blood.
        quality: what the meter says.
    """
    code = GLUCOSE_CONTROL if control else GLUCOSE_CAPILLARY_PLASMA
    if control:
        quality |= Quality.TEST
    if taken is None:
        quality |= Quality.CLOCK_NOT_SET
    if mg_dl is None:
        measurement = Measurement(code, "mg/dL", None, Absent.POSITIVE_INFINITY)
    elif not mg_dl:
        measurement = Measurement(code, "mg/dL", None, Absent.UNKNOWN)
    else:
        measurement = Measurement(code, "mg/dL", whole(mg_dl))
    measured = DeviceTime(taken) if taken else None
    return assess(ReadingClass.EPISODIC, (measurement,), quality, measured, stored=True)
