"""The machine's clock, and the floor under it."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub_agent.clock import Floor, SystemClock, from_ns
from hub_agent.model import ClockState
from tests.virtual import HandClock

_NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _ns(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1) * 1000


def _hand(at: datetime, state: ClockState = ClockState.SYNCED) -> HandClock:
    return HandClock(state, _ns(at))


@given(st.integers(0, 4_102_444_799_999_999_999))
def test_instants_are_exact_to_the_microsecond(wall_ns: int) -> None:
    assert from_ns(wall_ns) - _EPOCH == timedelta(microseconds=wall_ns // 1000)


def test_stamps_of_the_machine_agree_with_each_other() -> None:
    clock = SystemClock("Europe/Berlin", synced=lambda: True)
    first, second = clock.stamp(), clock.stamp()
    assert first.boot == second.boot
    assert len(bytes.fromhex(first.boot)) == 8
    assert first.monotonic_ns <= second.monotonic_ns <= clock.monotonic_s() * 1e9
    assert abs((clock.now() - from_ns(second.wall_ns)).total_seconds()) < 5


def test_the_kernel_is_asked_for_its_state_at_most_once_a_second() -> None:
    asked = 0

    def synced() -> bool:
        nonlocal asked
        asked += 1
        return True

    clock = SystemClock(synced=synced)
    assert {clock.stamp().clock for _ in range(1000)} == {ClockState.SYNCED}
    assert 1 <= asked <= 2


def test_drivers_get_the_home_s_local_time_only_from_a_good_clock() -> None:
    good = SystemClock("Asia/Kolkata", synced=lambda: True).moment()
    assert good.local is not None
    assert good.local.tzinfo is None
    away = good.local - SystemClock().now().replace(tzinfo=None)
    assert abs(away - timedelta(hours=5, minutes=30)) < timedelta(seconds=5)
    assert good.offset_min == 330
    assert good.utc == good.local - timedelta(hours=5, minutes=30)
    poor = SystemClock("Asia/Kolkata", synced=lambda: False).moment()
    assert (poor.local, poor.utc) == (None, None)


def test_a_clock_of_1970_is_lifted_to_the_release() -> None:
    clock = _hand(_EPOCH, ClockState.UNSYNCED)
    floor = Floor(clock, _ns(_NOON))
    assert floor.now() == _NOON
    clock.later(90)
    assert floor.now() == _NOON + timedelta(seconds=90)


def test_a_good_clock_above_the_floor_is_believed() -> None:
    clock = _hand(_NOON)
    assert Floor(clock, _ns(_NOON - timedelta(days=100))).now() == _NOON


@given(st.lists(st.tuples(st.floats(0, 1e5), st.integers(-(2**70), 2**70) | st.integers(0, 2**61)), max_size=10))
def test_the_floor_never_sinks_whatever_is_said(said: list[tuple[float, int]]) -> None:
    clock = _hand(_EPOCH, ClockState.UNSYNCED)
    floor = Floor(clock, _ns(_NOON))
    before = floor.now()
    for seconds, wall_ns in said:
        clock.later(seconds)
        floor.raise_to(wall_ns)
        assert floor.now() >= before
        before = floor.now()
        assert len(floor.persistable()) == 8


@pytest.mark.parametrize("wall_ns", [-1, 2**63, 2**200])
def test_a_time_that_no_clock_gives_is_passed_over(wall_ns: int) -> None:
    clock = _hand(_NOON)
    floor = Floor(clock)
    floor.raise_to(wall_ns)
    assert floor.now() == _NOON


def test_the_floor_survives_a_restart_into_1970() -> None:
    floor = Floor(_hand(_NOON, ClockState.SYNCED))
    after = Floor(_hand(_EPOCH, ClockState.UNSYNCED))
    after.raise_to(int.from_bytes(floor.persistable(), "big"))
    assert after.now() == _NOON


def test_an_unsynced_clock_is_not_persisted() -> None:
    wrong = _NOON + timedelta(days=4000)
    floor = Floor(_hand(wrong, ClockState.UNSYNCED), _ns(_NOON))
    assert from_ns(int.from_bytes(floor.persistable(), "big")) == _NOON
