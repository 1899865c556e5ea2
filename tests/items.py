"""Anything that a hub may put into a batch, for hypothesis."""

from decimal import Decimal
from typing import Final

from hypothesis import strategies as st

from hub_agent.model import (
    Absent,
    ClockState,
    Code,
    DeviceTime,
    Measurement,
    Quality,
    Reading,
    ReadingClass,
    ReceivedReading,
    Samples,
    Stamp,
)
from hub_agent.wire import Event

MS: Final = 1_000_000

UNITS = st.sampled_from(["%", "/min", "mm[Hg]", "Cel", "1"])
CODES = st.sampled_from([150456, 149530, 150021, 150364]).map(Code)
VALUES = st.builds(
    lambda number, exponent: Decimal(number).scaleb(exponent),
    st.integers(-(10**9), 10**9),
    st.integers(-6, 4),
)
"""Exact decimals of many exponents; a negative zero is none that a device's integer can say."""
MEASUREMENTS = st.one_of(
    st.builds(Measurement, CODES, UNITS, VALUES, st.none()),
    st.builds(Measurement, CODES, UNITS, st.none(), st.sampled_from(Absent)),
)
SAMPLES = st.builds(
    Samples,
    CODES,
    UNITS,
    st.sampled_from([Decimal("0.02"), Decimal(1)]),
    st.sampled_from([Decimal("0.50"), Decimal(3)]),
    st.lists(st.none() | st.integers(-40_000, 40_000), max_size=6).map(tuple),
)
LOCAL_TIMES = st.datetimes().map(lambda local: local.replace(fold=0))
DEVICE_TIMES = st.builds(DeviceTime, LOCAL_TIMES, st.none() | st.integers(-840, 840))
READINGS = st.builds(
    Reading,
    st.sampled_from(ReadingClass),
    st.lists(MEASUREMENTS, max_size=3).map(tuple),
    st.integers(0, (1 << 22) - 1).map(Quality),
    st.none() | DEVICE_TIMES,
    st.none() | st.integers(0, 1 << 32),
    st.booleans(),
    st.none() | st.integers(0, 255),
    st.just(()) | st.lists(SAMPLES, max_size=2).map(tuple),
).filter(lambda reading: reading.measurements or reading.samples)


@st.composite
def stamps(draw: st.DrawFn) -> Stamp:
    """Draw a stamp in whole milliseconds: what the wire carries."""
    monotonic_ms = draw(st.integers(0, 10**10))
    wall_ms = draw(st.sampled_from([0, 1_767_225_600_000, 1_767_225_600_001, 1_800_000_000_000])) + monotonic_ms
    boot = draw(st.sampled_from(["00112233445566aa", "ffffffffffffffff"]))
    return Stamp(boot, monotonic_ms * MS, wall_ms * MS, draw(st.sampled_from(ClockState)))


RECEIVED = st.builds(
    ReceivedReading,
    st.sampled_from(["oximeter", "cuff", "scale-2"]),
    READINGS,
    stamps(),
    st.just("") | st.binary(min_size=16, max_size=16).map(bytes.hex),
)

FIELDS = st.dictionaries(
    st.text(max_size=8),
    st.recursive(
        st.none() | st.booleans() | st.integers(-(1 << 62), 1 << 62) | st.text(max_size=8) | st.binary(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
        max_leaves=6,
    ),
    max_size=4,
)
EVENTS = st.builds(Event, st.sampled_from(["alarm", "time", "result", "rejected"]), stamps(), FIELDS)
ITEMS = st.lists(RECEIVED | EVENTS, max_size=6)
