"""When nothing but failures is worth a step: in numbers."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from hub_agent.devices.ble.streak import Streak


def steps(streak: Streak, *failures_at_s: float) -> list[float]:
    return [at_s for at_s in failures_at_s if streak.failed(at_s)]


def test_it_takes_six_failures_and_two_minutes() -> None:
    assert steps(Streak(120.0), *map(float, range(0, 150, 10))) == [120.0]
    assert steps(Streak(120.0), *map(float, range(0, 1500, 100))) == [500.0, 1100.0]


def test_failures_in_quick_succession_are_one_bad_moment() -> None:
    assert steps(Streak(120.0), *(at_s / 10 for at_s in range(1000))) == []


def test_a_success_begins_it_anew() -> None:
    streak = Streak(120.0)
    assert steps(streak, 0.0, 50.0, 100.0, 150.0, 200.0) == []
    streak.broken()
    assert steps(streak, 250.0, 300.0, 350.0, 400.0, 450.0, 500.0) == [500.0]


@given(st.lists(st.tuples(st.floats(0.0, 300.0), st.booleans())))
def test_between_two_steps_lie_only_failures_and_enough_of_them(turns: list[tuple[float, bool]]) -> None:
    streak, at_s, begun = Streak(120.0), 0.0, 0
    taken: list[tuple[int, float]] = []
    for number, (passed_s, fails) in enumerate(turns):
        at_s += passed_s
        if not fails:
            streak.broken()
            begun = number + 1
        elif streak.failed(at_s):
            assert number - begun >= 5
            taken.append((number, at_s))
            begun = number + 1
    assert all(later - earlier >= 6 for (earlier, _), (later, _) in pairwise(taken))
    assert all(later - earlier >= 120.0 for (_, earlier), (_, later) in pairwise(taken))
