"""Readings of Heart Rate Measurement (2A37), for every device that sends it.

Owns: how a frame becomes a reading. Never: takes apart bytes; ``frame`` does.
"""

from decimal import Decimal
from functools import lru_cache
from typing import Final

from hub_agent import nomenclature as mdc
from hub_agent.driver import sig_uuid
from hub_agent.model import Absent, Measurement, Quality, Reading, ReadingClass
from hub_drivers.codec.plausibility import assess
from hub_drivers.heart_rate.frame import HeartRateFrame

MEASUREMENT: Final = sig_uuid(0x2A37)
MEASURES: Final = frozenset({mdc.HEART_RATE, mdc.RR_INTERVAL, mdc.ENERGY_EXPENDED})

_GOOD: Final = Quality.GOOD
_NO_PULSE: Final = Measurement(mdc.HEART_RATE, "/min", None, Absent.UNKNOWN)
_TICK_MS: Final = Decimal("0.9765625")  # 1/1024 s


@lru_cache(maxsize=1024)
def _interval(rr_1024: int) -> Measurement:
    """Give an RR interval in exact milliseconds."""
    return Measurement(mdc.RR_INTERVAL, "ms", rr_1024 * _TICK_MS)


@lru_cache(maxsize=512)
def _rate(bpm: int) -> Measurement:
    return Measurement(mdc.HEART_RATE, "/min", Decimal(bpm)) if bpm else _NO_PULSE


def reading(frame: HeartRateFrame, *, trust_contact: bool = True) -> Reading:
    """Turn a frame into a reading. A rate of 0 means that none is found: absent, never zero.

    Args:
        frame: what the strap sent.
        trust_contact: False for straps that deny skin contact while worn.
    """
    bpm, _supported, contact, energy_kj, rr_1024 = frame
    measurements = (_rate(bpm), *[_interval(ticks) for ticks in rr_1024 if ticks])
    if energy_kj is not None:
        measurements += (Measurement(mdc.ENERGY_EXPENDED, "kJ", Decimal(energy_kj)),)
    quality = _GOOD if bpm else Quality.SEARCHING
    if contact is False and trust_contact:
        # A strap off its wearer goes on sending the last rate for a while.
        quality |= Quality.SENSOR_OFF
    return assess(ReadingClass.CONTINUOUS, measurements, quality)
