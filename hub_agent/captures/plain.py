"""The plain form of a reading: what JSON can hold, for captures, answers and people.

Owns: its keys. Never: reads a file, or rounds a value.
"""

from typing import Any

from hub_agent.model import Measurement, Quality, Reading, Samples
from hub_agent.nomenclature import QUANTITIES

Plain = dict[str, Any]


def plain_measurement(measurement: Measurement) -> Plain:
    """Spell a measurement: reference identifier, unit, and value (text, exact) or reason of absence."""
    quantity = QUANTITIES.get(measurement.code)
    plain: Plain = {"code": quantity.refid if quantity else str(measurement.code), "unit": measurement.unit}
    if measurement.value is not None:
        plain["value"] = str(measurement.value)
    if measurement.absent is not None:
        plain["absent"] = str(measurement.absent)
    return plain


def _plain_samples(samples: Samples) -> Plain:
    quantity = QUANTITIES.get(samples.code)
    return {
        "code": quantity.refid if quantity else str(samples.code),
        "unit": samples.unit,
        "period_s": str(samples.period_s),
        "scale": str(samples.scale),
        "data": list(samples.data),
    }


def plain(reading: Reading) -> Plain:
    """Spell a reading as JSON may hold it; what is empty is left out."""
    spelled: Plain = {
        "class": reading.cls.name.lower(),
        "measurements": [plain_measurement(each) for each in reading.measurements],
    }
    if reading.quality is not Quality.GOOD:
        spelled["quality"] = sorted(flag.name or "" for flag in reading.quality)
    if reading.measured is not None:
        spelled["measured"] = reading.measured.local.isoformat()
        if reading.measured.offset_min is not None:
            spelled["offset_min"] = reading.measured.offset_min
    if reading.record is not None:
        spelled["record"] = reading.record
    if reading.stored:
        spelled["stored"] = True
    if reading.user is not None:
        spelled["user"] = reading.user
    if reading.samples:
        spelled["samples"] = [_plain_samples(each) for each in reading.samples]
    return spelled
