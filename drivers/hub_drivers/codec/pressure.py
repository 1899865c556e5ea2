"""Readings of cuffs: the same rules for every maker's format.

Owns: how systolic, diastolic and mean pressure and the pulse become an episodic reading, and when they are absent.
Never: knows a wire format; the family's codec says what the device meant.
"""

from typing import Final

from hub_agent.model import Absent, Code, DeviceTime, Measurement, Quality, Reading, ReadingClass, Unit
from hub_agent.nomenclature import DIASTOLIC, MEAN_PRESSURE, PULSE_RATE_NIBP, SYSTOLIC
from hub_drivers.codec.number import whole
from hub_drivers.codec.plausibility import assess, contradictory

__all__ = ["MEASURES", "blood_pressure", "implausible"]

MEASURES: Final = frozenset((SYSTOLIC, DIASTOLIC, MEAN_PRESSURE, PULSE_RATE_NIBP))


def implausible(systolic: int, diastolic: int, pulse_rate: int) -> bool:
    """Say whether no living person has these, in mmHg and /min; 0 means "none" and does not count."""
    return bool(blood_pressure(systolic, diastolic, pulse_rate).quality & Quality.IMPLAUSIBLE)


def _measurement(code: Code, unit: Unit, value: int, why: Absent) -> Measurement:
    return Measurement(code, unit, whole(value)) if value else Measurement(code, unit, None, why)


def blood_pressure(
    systolic: int,
    diastolic: int,
    pulse_rate: int,
    quality: Quality = Quality.GOOD,
    *,
    mean: int | None = None,
    measured: DeviceTime | None = None,
    record: int | None = None,
    stored: bool = False,
    user: int | None = None,
) -> Reading:
    """Make a reading of a cuff, in mmHg and /min.

    Args:
        systolic: as sent; 0 is absent.
        diastolic: as sent; 0 is absent.
        pulse_rate: as sent; 0 is absent.
        quality: what the device says; with ``INVALID`` no value stays.
        mean: None for devices that send none.
        measured: the device's own time.
        record: the device's own record number.
        stored: from the device's memory.
        user: the device's user index.
    """
    why = Absent.ERROR if quality & Quality.INVALID else Absent.UNKNOWN
    measurements = (
        _measurement(SYSTOLIC, "mm[Hg]", systolic, why),
        _measurement(DIASTOLIC, "mm[Hg]", diastolic, why),
        *(() if mean is None else (_measurement(MEAN_PRESSURE, "mm[Hg]", mean, why),)),
        _measurement(PULSE_RATE_NIBP, "/min", pulse_rate, why),
    )
    if contradictory(*measurements[:2]) and not quality & Quality.INVALID:
        quality |= Quality.IMPLAUSIBLE
    return assess(ReadingClass.EPISODIC, measurements, quality, measured, record, stored=stored, user=user)
