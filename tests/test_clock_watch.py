"""What the NOC is told of the hub's clock, and what it makes of it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub_agent.clock_watch import STEP_MS, ClockWatch
from hub_agent.model import ClockState, Stamp
from hub_agent.noc.store import Store
from hub_agent.wire import Event, decode, encode

BOOT, OTHER_BOOT = "b007" * 4, "b008" * 4
TRUTH = datetime(2026, 11, 22, 12, tzinfo=UTC)
YEAR, FIVE_MINUTES = timedelta(days=365), timedelta(minutes=5)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class _Machine:
    """A machine whose wall clock is off by what the test says; true time is counted from its boot."""

    def __init__(self, off: timedelta = timedelta(), state: ClockState = ClockState.SYNCED, boot: str = BOOT) -> None:
        self.off = off
        self.state = state
        self.boot = boot

    def at(self, seconds: float) -> Stamp:
        wall = TRUTH + timedelta(seconds=seconds) + self.off
        return Stamp(self.boot, round(seconds * 1e9), (wall - _EPOCH) // timedelta(milliseconds=1) * 10**6, self.state)


def test_a_clock_that_becomes_good_is_told_once() -> None:
    machine, watch = _Machine(_EPOCH - TRUTH, ClockState.UNSYNCED), ClockWatch()
    first = watch.look(machine.at(1))
    assert (first.changed, first.record) == (True, None)
    assert watch.look(machine.at(2)) == (False, None)
    machine.off, machine.state = timedelta(), ClockState.SYNCED
    turn = watch.look(machine.at(60))
    assert turn.changed
    assert turn.record is not None
    assert turn.record.stamp == machine.at(60)
    assert turn.record.fields["step_ms"] == 0
    assert watch.look(machine.at(61)) == (False, None)


@pytest.mark.parametrize("step", [YEAR, -YEAR, FIVE_MINUTES, -FIVE_MINUTES, timedelta(milliseconds=STEP_MS)])
def test_a_step_of_a_good_clock_is_told_with_its_size(step: timedelta) -> None:
    machine, watch = _Machine(), ClockWatch()
    watch.look(machine.at(1))
    machine.off = step
    turn = watch.look(machine.at(2))
    assert not turn.changed
    assert turn.record is not None
    assert turn.record.fields["step_ms"] == step // timedelta(milliseconds=1)
    assert watch.look(machine.at(3)).record is None


def test_a_clock_that_runs_fast_is_told_before_it_is_half_a_second_off() -> None:
    machine, watch = _Machine(), ClockWatch()
    told = []
    for second in range(6000):
        machine.off = timedelta(microseconds=500 * second)  # 500 ppm, the most that NTP slews
        record = watch.look(machine.at(second)).record
        if record is not None:
            told.append(record)
    assert len(told) == 6
    assert {record.fields["step_ms"] for record in told[1:]} == {STEP_MS}


@given(st.lists(st.tuples(st.integers(-3000, 3000), st.booleans()), max_size=40))
def test_any_synced_instant_is_within_a_step_of_the_newest_record(turns: list[tuple[int, bool]]) -> None:
    machine, watch = _Machine(), ClockWatch()
    newest: Event | None = None
    for second, (off_ms, synced) in enumerate(turns):
        machine.off = timedelta(milliseconds=off_ms)
        machine.state = ClockState.SYNCED if synced else ClockState.UNSYNCED
        stamp = machine.at(second)
        newest = watch.look(stamp).record or newest
        if synced:
            assert newest is not None
            recorded = newest.stamp.wall_ns - newest.stamp.monotonic_ns
            assert abs(stamp.wall_ns - stamp.monotonic_ns - recorded) < STEP_MS * 10**6


# --- at the NOC -------------------------------------------------------------------------------------------------------


class _Dates(NamedTuple):
    """What the NOC's chart makes of stamps."""

    store: Store

    def learn(self, *events: Event) -> None:
        with self.store.transaction():
            # through the wire, as the NOC gets them
            items = [item for item in decode(encode(events)) if isinstance(item, Event)]
            self.store.chart.add_clocks(1, [item.stamp for item in items], items)

    def of(self, stamp: Stamp) -> datetime | None:
        (ms,) = self.store.chart.dated(1, [stamp])
        return None if ms is None else _EPOCH + timedelta(milliseconds=ms)


@pytest.fixture
def dates(tmp_path: Path) -> Iterator["_Dates"]:
    with Store(tmp_path / "noc.db") as opened:
        yield _Dates(opened)


def test_readings_of_a_boot_in_1970_are_dated_when_ntp_arrives(dates: _Dates) -> None:
    machine, watch = _Machine(_EPOCH - TRUTH, ClockState.UNSYNCED), ClockWatch()
    watch.look(machine.at(0))
    early = [machine.at(second) for second in (1, 600, 86_400)]
    assert [dates.of(stamp) for stamp in early] == [None, None, None]  # never guessed
    machine.off, machine.state = timedelta(), ClockState.SYNCED
    record = watch.look(machine.at(90_000)).record
    assert record is not None
    dates.learn(record)
    assert [dates.of(stamp) for stamp in early] == [TRUTH + timedelta(seconds=s) for s in (1, 600, 86_400)]
    other = _Machine(_EPOCH - TRUTH, ClockState.UNSYNCED, OTHER_BOOT)
    assert dates.of(other.at(5)) is None  # another boot's clock says nothing of this one


@pytest.mark.parametrize("step", [YEAR, -YEAR, FIVE_MINUTES, -FIVE_MINUTES])
def test_a_clock_that_is_set_wrong_while_buffering_dates_nothing(dates: _Dates, step: timedelta) -> None:
    """Setting the clock clears the kernel's word for it (ntp_clear() in kernel/time/ntp.c), so it is unsynced then."""
    machine, watch = _Machine(), ClockWatch()
    records = [watch.look(machine.at(0)).record]
    machine.off, machine.state = step, ClockState.UNSYNCED
    wrong = [machine.at(second) for second in (10, 1000)]
    records.append(watch.look(machine.at(10)).record)
    machine.off, machine.state = timedelta(), ClockState.SYNCED
    records.append(watch.look(machine.at(2000)).record)
    dates.learn(*(record for record in records if record is not None))
    assert [dates.of(stamp) for stamp in wrong] == [TRUTH + timedelta(seconds=s) for s in (10, 1000)]
    assert dates.of(machine.at(2001)) == TRUTH + timedelta(seconds=2001)
