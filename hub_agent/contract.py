"""What a reading must be, whoever made it: pure.

Owns: the rules of the model that types alone cannot hold, as the runner enforces them on every driver.
Never: knows a device. What good drivers do beyond that is the conformance kit's to say.
"""

from collections.abc import Iterable
from typing import Final

from hub_agent.model import Code, Measurement, Reading, ReadingClass, Samples
from hub_agent.nomenclature import undeclared

DIGITS_MAX: Final = 28
EXPONENT_MAX: Final = 128
"""The widest number any device format has: the IEEE 11073 FLOAT's exponent is one signed byte (11073-20601 annex F)."""


def flaw(reading: Reading, declared: Iterable[Code]) -> str | None:
    """Say why a reading must not be taken in: it would spoil the batch that it shares with others. None when it may.

    Args:
        reading: as a driver emitted it.
        declared: the MDC codes that the driver may emit.
    """
    if reading.cls is ReadingClass.ALARM:
        return "a driver raises no alarms"
    if not reading.measurements and not reading.samples:
        return "a reading without a measurement"
    if reading.measured is not None and reading.measured.local.tzinfo is not None:
        return "a device's local time is naive; its offset stands beside it"
    for measurement in reading.measurements:
        why = undeclared(measurement.code, measurement.unit, declared) or _flaw_of_value(measurement)
        if why:
            return why
    for samples in reading.samples:
        why = undeclared(samples.code, samples.unit, declared) or _flaw_of_samples(samples)
        if why:
            return why
    return None


def _flaw_of_value(measurement: Measurement) -> str | None:
    value = measurement.value
    if (value is None) == (measurement.absent is None):
        return f"MDC code {measurement.code}: absent and a value, or neither"
    if value is None:
        return None
    if not value.is_finite():
        return f"MDC code {measurement.code}: a value that is no finite decimal"
    _, digits, exponent = value.as_tuple()
    if len(digits) > DIGITS_MAX or abs(int(exponent)) > EXPONENT_MAX:
        return f"MDC code {measurement.code}: a number wider than any device's"
    return None


def _flaw_of_samples(samples: Samples) -> str | None:
    if samples.period_s.is_finite() and samples.period_s > 0 and samples.scale.is_finite():
        return None
    return f"MDC code {samples.code}: samples without period or scale"
