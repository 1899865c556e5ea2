"""Readings of pulse oximeters: the same rules for every maker's format.

Owns: how saturation, pulse rate, perfusion index and pleth become a reading, and when they are absent.
Never: knows a wire format; the family's codec says what the device meant.

The rules: a sensor on nobody, a broken sensor and a search for a pulse leave no value, whatever number the frame still
carries; 0 is how many devices say "none" and is never a value; what ``plausibility`` does not believe is kept, flagged
:attr:`Quality.IMPLAUSIBLE`. Whole numbers are compared as such: a decimal costs more than the rest of a frame.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from hub_agent.model import Absent, DeviceTime, Measurement, Quality, Reading, ReadingClass, Samples
from hub_agent.nomenclature import PERFUSION_INDEX, PLETH, PULSE_RATE_OXIMETER, SPO2
from hub_drivers.codec.made import maker
from hub_drivers.codec.number import whole
from hub_drivers.codec.plausibility import BOUNDS

__all__ = ["flag_implausible", "implausible", "oximetry", "perfusion", "pleth"]

_reading: Final = maker(Reading)
_NO_VALUE: Final = int(Quality.SENSOR_OFF | Quality.SENSOR_FAULT | Quality.SEARCHING | Quality.INVALID)
_FAULT: Final = int(Quality.SENSOR_FAULT | Quality.INVALID)
_SENSOR_OFF: Final = int(Quality.SENSOR_OFF)
_SEARCHING: Final = int(Quality.SEARCHING)
_IMPLAUSIBLE: Final = int(Quality.IMPLAUSIBLE)
_GOOD: Final = Quality.GOOD
_LOWEST_SPO2, _HIGHEST_SPO2 = map(int, BOUNDS[SPO2, "%"])
_LOWEST_PULSE, _HIGHEST_PULSE = map(int, BOUNDS[PULSE_RATE_OXIMETER, "/min"])

_SPO2: Final = tuple(Measurement(SPO2, "%", whole(value)) for value in range(256))
_PULSE: Final = tuple(Measurement(PULSE_RATE_OXIMETER, "/min", whole(value)) for value in range(512))
_NO_SPO2: Final = {reason: Measurement(SPO2, "%", None, reason) for reason in Absent}
_NO_PULSE: Final = {reason: Measurement(PULSE_RATE_OXIMETER, "/min", None, reason) for reason in Absent}
_NO_PERFUSION: Final = {reason: Measurement(PERFUSION_INDEX, "%", None, reason) for reason in Absent}


def implausible(spo2: int | Decimal | None, pulse_rate: int | Decimal | None) -> bool:
    """Say whether a saturation in % or a pulse rate in /min is beyond its bounds; 0 means "none" and does not count."""
    return bool(
        (spo2 and not _LOWEST_SPO2 <= spo2 <= _HIGHEST_SPO2)
        or (pulse_rate and not _LOWEST_PULSE <= pulse_rate <= _HIGHEST_PULSE)
    )


def flag_implausible(fields: dict[str, Any], spo2: str = "spo2", pulse_rate: str = "pulse_rate") -> Mapping[str, Any]:
    """Add ``"implausible": True`` to a format's fields where their saturation cannot be true."""
    if implausible(fields.get(spo2), fields.get(pulse_rate)):
        fields["implausible"] = True
    return fields


@lru_cache(maxsize=256)
def _flags(flags: int) -> Quality:
    """Give the flags as such: making them of an integer, and arithmetic with them, costs a microsecond each."""
    return Quality(flags)


def _why(quality: int) -> Absent:
    """Say why a value is missing, from what the device says of itself."""
    if quality & _FAULT:
        return Absent.ERROR
    if quality & _SENSOR_OFF:
        return Absent.NOT_PERFORMED
    return Absent.UNKNOWN


def _saturation(spo2: int) -> Measurement:
    """Give the ready-made measurement; formats with wide fields may send what no table holds."""
    return _SPO2[spo2] if spo2 < len(_SPO2) else Measurement(SPO2, "%", whole(spo2))


def _rate(pulse_rate: int) -> Measurement:
    return (
        _PULSE[pulse_rate] if pulse_rate < len(_PULSE) else Measurement(PULSE_RATE_OXIMETER, "/min", whole(pulse_rate))
    )


def perfusion(value: Decimal | None, quality: Quality = _GOOD) -> Measurement:
    """Make a perfusion index in %; None, and whatever comes while there is no signal, is absent."""
    flags = int(quality)
    if value is None or flags & _NO_VALUE:
        return _NO_PERFUSION[_why(flags)]
    return Measurement(PERFUSION_INDEX, "%", value)


def _without_perfusion(more: tuple[Measurement, ...], flags: int) -> tuple[Measurement, ...]:
    return tuple(_NO_PERFUSION[_why(flags)] if each.code == PERFUSION_INDEX else each for each in more)


def pleth(data: Sequence[int | None], period_s: Decimal) -> Reading:
    """Make the waveform reading of a block of pleth samples, in the device's own steps."""
    return Reading(ReadingClass.WAVEFORM, (), samples=(Samples(PLETH, "1", period_s, Decimal(1), tuple(data)),))


def oximetry(
    spo2: int | None,
    pulse_rate: int | None,
    quality: Quality = _GOOD,
    *,
    more: tuple[Measurement, ...] = (),
    cls: ReadingClass = ReadingClass.CONTINUOUS,
    measured: DeviceTime | None = None,
    record: int | None = None,
    stored: bool = False,
) -> Reading:
    """Make a reading of a saturation in % and a pulse rate in /min.

    Args:
        spo2: as sent; None and 0 are absent.
        pulse_rate: as sent; None and 0 are absent.
        quality: what the device says; both missing without a reason given is a search for a pulse, unless it is stored.
        more: measurements beside them, as they are; but no perfusion index beside neither.
        cls: continuous unless it is a spot check.
        measured: the device's own time.
        record: the device's own record number.
        stored: from the device's memory.
    """
    flags = int(quality)
    if not spo2 and not pulse_rate and not flags & _NO_VALUE:
        if not stored:
            flags |= _SEARCHING
        more = _without_perfusion(more, flags)
    if flags & _NO_VALUE:
        spo2 = pulse_rate = None
    elif implausible(spo2, pulse_rate):
        flags |= _IMPLAUSIBLE
    saturation = _saturation(spo2) if spo2 else _NO_SPO2[_why(flags)]
    pulse = _rate(pulse_rate) if pulse_rate else _NO_PULSE[_why(flags)]
    return _reading((cls, (saturation, pulse, *more), _flags(flags), measured, record, stored, None, ()))
