"""What can be true of a living person, and what makes a reading whole.

Owns: the bounds beyond which a value is kept but never judged, and the rules that hold for every family's readings:
a device that calls itself invalid has no values; an infinity is out of range; an impossible value is quarantined.
Never: judges a patient. The bounds are wider than any alarm limit; they catch a byte out of place, not an illness.
"""

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from hub_agent import nomenclature as mdc
from hub_agent.model import Absent, Code, DeviceTime, Measurement, Quality, Reading, ReadingClass, Unit
from hub_agent.registry import Fields
from hub_drivers.codec.made import maker

Bounds = tuple[Decimal, Decimal]


def _bounds(low: str, high: str) -> Bounds:
    return Decimal(low), Decimal(high)


_RATE: Final = _bounds("15", "350")
_MASS_KG: Final = _bounds("0.2", "650")
_MASS_LB: Final = _bounds("0.4", "1433")
_BODY_CEL: Final = _bounds("13", "47")  # 13.7 Cel is the lowest survived
_BODY_FAHR: Final = _bounds("55", "117")
_GLUCOSE_MASS: Final = _bounds("1", "2500")
_GLUCOSE_MOLAR: Final = _bounds("0.05", "140")

_TEMPERATURES: Final = (
    mdc.TEMPERATURE,
    mdc.TEMPERATURE_TYMPANIC,
    mdc.TEMPERATURE_ORAL,
    mdc.TEMPERATURE_AXILLA,
    mdc.TEMPERATURE_EAR,
    mdc.TEMPERATURE_FINGER,
    mdc.TEMPERATURE_RECTAL,
    mdc.TEMPERATURE_GI,
    mdc.TEMPERATURE_TOE,
)
_GLUCOSES: Final = (
    mdc.GLUCOSE_CAPILLARY_WHOLE_BLOOD,
    mdc.GLUCOSE_CAPILLARY_PLASMA,
    mdc.GLUCOSE_VENOUS_WHOLE_BLOOD,
    mdc.GLUCOSE_VENOUS_PLASMA,
    mdc.GLUCOSE_ARTERIAL_WHOLE_BLOOD,
    mdc.GLUCOSE_ARTERIAL_PLASMA,
    mdc.GLUCOSE_CONTROL,
    mdc.GLUCOSE_ISF,
    mdc.GLUCOSE_UNDETERMINED_WHOLE_BLOOD,
    mdc.GLUCOSE_UNDETERMINED_PLASMA,
)

BOUNDS: Final[Mapping[tuple[Code, Unit], Bounds]] = MappingProxyType(
    {
        (mdc.SPO2, "%"): _bounds("20", "100"),
        (mdc.PERFUSION_INDEX, "%"): _bounds("0", "100"),
        (mdc.BATTERY, "%"): _bounds("0", "100"),
        **{(code, "/min"): _RATE for code in (mdc.PULSE_RATE_OXIMETER, mdc.PULSE_RATE_NIBP, mdc.HEART_RATE)},
        (mdc.RR_INTERVAL, "ms"): _bounds("150", "5000"),
        # A cuff finds no pulse below 30 mm[Hg]; a kPa value that says it is mm[Hg] lies there.
        (mdc.SYSTOLIC, "mm[Hg]"): _bounds("30", "320"),
        (mdc.SYSTOLIC, "kPa"): _bounds("4", "43"),
        (mdc.DIASTOLIC, "mm[Hg]"): _bounds("10", "250"),
        (mdc.DIASTOLIC, "kPa"): _bounds("1.3", "34"),
        (mdc.MEAN_PRESSURE, "mm[Hg]"): _bounds("15", "300"),
        (mdc.MEAN_PRESSURE, "kPa"): _bounds("2", "40"),
        (mdc.CUFF_PRESSURE, "mm[Hg]"): _bounds("0", "350"),
        (mdc.CUFF_PRESSURE, "kPa"): _bounds("0", "47"),
        **{(code, "Cel"): _BODY_CEL for code in _TEMPERATURES},
        **{(code, "[degF]"): _BODY_FAHR for code in _TEMPERATURES},
        # Fingers and toes take the temperature of the room.
        **{(code, "Cel"): _bounds("0", "47") for code in (mdc.TEMPERATURE_FINGER, mdc.TEMPERATURE_TOE)},
        **{(code, "[degF]"): _bounds("32", "117") for code in (mdc.TEMPERATURE_FINGER, mdc.TEMPERATURE_TOE)},
        **{(code, "mg/dL"): _GLUCOSE_MASS for code in _GLUCOSES},
        **{(code, "mmol/L"): _GLUCOSE_MOLAR for code in _GLUCOSES},
        (mdc.HBA1C, "%"): _bounds("2", "25"),
        **{
            (code, unit): bounds
            for code in (mdc.WEIGHT, mdc.FAT_FREE_MASS, mdc.SOFT_LEAN_MASS, mdc.BODY_WATER)
            for unit, bounds in (("kg", _MASS_KG), ("[lb_av]", _MASS_LB))
        },
        (mdc.HEIGHT, "m"): _bounds("0.2", "2.8"),
        (mdc.HEIGHT, "[in_i]"): _bounds("8", "110"),
        (mdc.BMI, "kg/m2"): _bounds("4", "250"),
        (mdc.BODY_FAT, "%"): _bounds("1", "80"),
    }
)
"""Lowest and highest believable value, both included, by quantity and unit. What has no row is not judged."""

_measurement: Final = maker(Measurement)
_reading: Final = maker(Reading)
_INFINITE: Final = (Absent.POSITIVE_INFINITY, Absent.NEGATIVE_INFINITY)
_GOOD: Final = Quality.GOOD  # flag arithmetic costs a microsecond in CPython 3.11: good readings do none


def assess(
    cls: ReadingClass,
    measurements: tuple[Measurement, ...],
    quality: Quality = _GOOD,
    measured: DeviceTime | None = None,
    record: int | None = None,
    *,
    stored: bool = False,
    user: int | None = None,
) -> Reading:
    """Make a reading, by the rules that hold for all of them.

    * ``INVALID``: what the device sent along is no value; it becomes absent (``error``).
    * An infinity adds ``OUT_OF_RANGE``.
    * A value beyond :data:`BOUNDS` adds ``IMPLAUSIBLE`` and stays, for whoever looks into the quarantine.
    """
    if quality is not _GOOD and quality & Quality.INVALID:
        measurements = tuple(
            each if each.value is None or each.code == mdc.BATTERY else without(each, Absent.ERROR)
            for each in measurements
        )
    for code, unit, value, absent in measurements:
        if value is None:
            if absent in _INFINITE:
                quality |= Quality.OUT_OF_RANGE
            continue
        bounds = BOUNDS.get((code, unit))
        if bounds is not None and not bounds[0] <= value <= bounds[1]:
            quality |= Quality.IMPLAUSIBLE
    return _reading((cls, measurements, quality, measured, record, stored, user, ()))


def contradictory(systolic: Measurement, diastolic: Measurement) -> bool:
    """Say whether of two pressures the higher one is not the higher."""
    return systolic.value is not None and diastolic.value is not None and systolic.value <= diastolic.value


def without(measurement: Measurement, why: Absent) -> Measurement:
    """Take the value out of a measurement, keeping what it would have been."""
    return Measurement(measurement.code, measurement.unit, None, why)


def gated(fields: Fields, reading: Reading) -> Fields:
    """Mark decoded fields whose reading would be quarantined."""
    return (
        fields
        if reading.quality is _GOOD or not reading.quality & Quality.IMPLAUSIBLE
        else {**fields, "implausible": True}
    )


def amount(code: Code, unit: Unit, value: Decimal) -> Measurement:
    """Make a measurement of a quantity that nobody has none of: zero is absent."""
    return _measurement((code, unit, value, None) if value else (code, unit, None, Absent.UNKNOWN))


def unless_zero(measurement: Measurement) -> Measurement:
    """Take a zero for what it is where none can be: a device that measured nothing."""
    if measurement.value is None or measurement.value:
        return measurement
    return without(measurement, Absent.UNKNOWN)
