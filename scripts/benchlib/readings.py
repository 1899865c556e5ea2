"""Readings for measurements: what eight oximeters would say. Pure but for the clock that is handed in."""

import json
from collections.abc import Iterator
from decimal import Decimal
from functools import lru_cache
from random import Random
from typing import Final

from hub_agent.clock import Clock
from hub_agent.model import Measurement, Reading, ReadingClass, ReceivedReading, Stamp
from hub_agent.nomenclature import PULSE_RATE_OXIMETER, SPO2

DEVICES: Final = tuple(f"oximeter-{number}" for number in range(1, 9))
LOW: Final = 84
"""A saturation below the limit of the bench's configuration."""


@lru_cache(256)
def _saturation(percent: int) -> Measurement:
    return Measurement(SPO2, "%", Decimal(percent))


@lru_cache(256)
def _pulse(rate: int) -> Measurement:
    return Measurement(PULSE_RATE_OXIMETER, "/min", Decimal(rate))


def reading(spo2: int, pulse: int, cls: ReadingClass = ReadingClass.CONTINUOUS) -> Reading:
    """Make a pulse oximeter's reading, of measurements that are kept as drivers keep theirs."""
    return Reading(cls, (_saturation(spo2), _pulse(pulse)))


def walk(cls: ReadingClass = ReadingClass.CONTINUOUS, seed: int = 1) -> Iterator[Reading]:
    """Give readings that wander as a patient's do, without crossing a limit."""
    noise = Random(seed)  # noqa: S311 - a patient, no secret
    spo2, pulse = 96, 70
    while True:
        spo2 = min(99, max(92, spo2 + noise.choice((-1, 0, 0, 0, 0, 1))))
        pulse = min(110, max(55, pulse + noise.choice((-1, 0, 0, 1))))
        yield reading(spo2, pulse, cls)


def received(clock: Clock, count: int, seed: int = 1) -> list[ReceivedReading]:
    """Give ``count`` readings of the eight devices, all received now."""
    stamp = clock.stamp()
    values = walk(seed=seed)
    return [ReceivedReading(DEVICES[number % 8], next(values), stamp) for number in range(count)]


def history(start: Stamp, seconds: int, seed: int = 1) -> Iterator[list[ReceivedReading]]:
    """Give, second by second from ``start``, what eight devices at 1 Hz say, each at its own moment of the second."""
    sources = [walk(seed=seed + number) for number in range(len(DEVICES))]
    noise = Random(seed)  # noqa: S311 - as above
    for second in range(seconds):
        rows = []
        for number, source in enumerate(sources):
            after_ns = second * 10**9 + number * 120_000_000 + noise.randrange(15_000_000)
            stamp = start._replace(monotonic_ns=start.monotonic_ns + after_ns, wall_ns=start.wall_ns + after_ns)
            rows.append(ReceivedReading(DEVICES[number], next(source), stamp))
        yield rows


def as_json(one: ReceivedReading) -> bytes:
    """Spell a reading as the plain JSON that other gateways keep: some 200 bytes."""
    spo2, pulse = one.reading.measurements
    return json.dumps(
        {
            "device": one.device,
            "boot": one.stamp.boot,
            "monotonic_ns": one.stamp.monotonic_ns,
            "wall_ns": one.stamp.wall_ns,
            "measurements": [
                {"code": spo2.code, "unit": spo2.unit, "value": str(spo2.value)},
                {"code": pulse.code, "unit": pulse.unit, "value": str(pulse.value)},
            ],
        },
        separators=(",", ":"),
    ).encode()
