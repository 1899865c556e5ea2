"""When a driver's long calls are too much."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub_agent.devices.holds import DEBT_S, HOLD_S, SHARE, Holds


def _after(calls: Sequence[tuple[float, float]]) -> tuple[Holds, int]:
    """Let time pass and a call be made, for each (pause, took); the account, and how many calls it bore."""
    holds, at_s = Holds(), 5000.0
    for number, (pause_s, took_s) in enumerate(calls):
        if holds.exceeded:
            return holds, number
        at_s += pause_s + took_s
        holds.add(took_s, at_s)
    return holds, len(calls)


@pytest.mark.parametrize(
    ("pause_s", "took_s", "borne"),
    [
        (0.7, 0.3, 50),  # almost a third of the time: too much within a minute
        (0.3, 0.2, 67),
        (0.0, 2.0, 6),
        (0.0, 15.0, 2),
        (59.0, 15.0, 2),
        (600.0, 15.0, 999),  # once in ten minutes it may
        (1.9, 0.1, 999),
        (4.0, 0.4, 999),
    ],
)
def test_what_takes_more_than_its_share_is_too_much_in_the_end(pause_s: float, took_s: float, borne: int) -> None:
    holds, found = _after([(pause_s, took_s)] * 999)
    assert found == borne
    assert holds.exceeded == (borne < 999)


@given(st.floats(HOLD_S, 1e6))
def test_once_is_no_habit(took_s: float) -> None:
    holds, _ = _after([(0.0, took_s)])
    assert not holds.exceeded


_CALLS = st.lists(st.tuples(st.floats(0.0, 100.0), st.floats(HOLD_S, 30.0)), min_size=1, max_size=60)


@given(_CALLS)
def test_nobody_is_blamed_within_his_share_and_everybody_far_beyond_it(calls: list[tuple[float, float]]) -> None:
    holds, borne = _after(calls)
    taken_s = sum(took_s for _, took_s in calls[:borne])
    passed_s = sum(map(sum, calls[:borne]))
    if taken_s <= DEBT_S:
        assert not holds.exceeded
    if taken_s - max(took_s for _, took_s in calls[:borne]) > DEBT_S + SHARE * passed_s:
        assert holds.exceeded
