"""Limits: exact edges, delay, hysteresis, inhibition."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub_agent.alarms.limits import CLEAR, Limit, LimitState, Side, Transition, due_ns, elapse, inhibit, judge
from hub_agent.errors import ConfigError
from hub_agent.nomenclature import SPO2, TEMPERATURE

S = 10**9
STARTS = Transition(Side.LOW, active=True)
ENDS = Transition(Side.LOW, active=False)


def limit(low: str | None = "90", high: str | None = None, *, delay_s: float = 0.0, hysteresis: str = "0") -> Limit:
    return Limit(
        SPO2,
        "%",
        None if low is None else Decimal(low),
        None if high is None else Decimal(high),
        delay_s=delay_s,
        hysteresis=Decimal(hysteresis),
    )


def run(one: Limit, values: list[tuple[int, str]]) -> list[tuple[int, Transition]]:
    """Judge (second, value) pairs; give (second, transition) pairs."""
    state, seen = CLEAR, []
    for second, value in values:
        state, transitions = judge(one, state, Decimal(value), second * S)
        seen += [(second, transition) for transition in transitions]
    return seen


@pytest.mark.parametrize(
    ("value", "side"),
    [
        ("89.9", Side.LOW),
        ("90", None),
        ("90.0", None),
        ("100", None),
        ("100.1", Side.HIGH),
        ("89.999999999999", Side.LOW),
    ],
)
def test_a_value_equal_to_a_limit_is_within_it(value: str, side: Side | None) -> None:
    state, _ = judge(limit(high="100"), CLEAR, Decimal(value), 0)
    assert state.side is side


def test_without_delay_the_first_violation_is_the_condition() -> None:
    assert run(limit(), [(0, "90"), (1, "89"), (2, "88"), (3, "90")]) == [(1, STARTS), (3, ENDS)]


def test_the_delay_counts_from_the_first_violation_and_includes_its_end() -> None:
    one = limit(delay_s=3)
    assert run(one, [(0, "89"), (2, "89"), (3, "89")]) == [(3, STARTS)]
    assert run(one, [(0, "89"), (2, "90"), (3, "89"), (5, "89")]) == []


def test_time_alone_ends_the_delay_and_says_when() -> None:
    one = limit(delay_s=3)
    state, _ = judge(one, CLEAR, Decimal(89), 5 * S)
    assert due_ns(one, state) == 8 * S
    assert elapse(one, state, 8 * S - 1) == (state, ())
    after, transitions = elapse(one, state, 8 * S)
    assert transitions == (STARTS,)
    assert due_ns(one, after) is None
    assert elapse(one, after, 9 * S) == (after, ())


def test_hysteresis_ends_the_condition_only_well_inside() -> None:
    one = limit(hysteresis="2")
    assert run(one, [(0, "89"), (1, "90"), (2, "91.9"), (3, "92")]) == [(0, STARTS), (3, ENDS)]


def test_from_one_side_straight_to_the_other() -> None:
    one = limit(high="95", hysteresis="1")
    assert run(one, [(0, "80"), (1, "99"), (2, "94")]) == [
        (0, STARTS),
        (1, ENDS),
        (1, Transition(Side.HIGH, active=True)),
        (2, Transition(Side.HIGH, active=False)),
    ]


def test_a_pending_side_gives_way_to_the_other_with_a_delay_of_its_own() -> None:
    one = limit(high="95", delay_s=3)
    assert run(one, [(0, "80"), (2, "99"), (4, "99"), (5, "99")]) == [(5, Transition(Side.HIGH, active=True))]


def test_an_unusable_value_holds_everything_as_it_is() -> None:
    one = limit(delay_s=3)
    pending, _ = judge(one, CLEAR, Decimal(89), 0)
    held = inhibit(pending)
    assert due_ns(one, held) is None
    assert elapse(one, held, 60 * S) == (held, ())
    state, transitions = judge(one, held, Decimal(89), 4 * S)
    assert transitions == (STARTS,)
    assert inhibit(state)._replace(inhibited=False) == state
    assert inhibit(CLEAR) is CLEAR


def test_flapping_between_unusable_and_violating_still_raises() -> None:
    one, state, seen = limit(delay_s=5), CLEAR, []
    for second in range(8):
        if second % 2:
            state = inhibit(state)
        else:
            state, transitions = judge(one, state, Decimal(85), second * S)
            seen += [(second, transition) for transition in transitions]
    assert seen == [(6, STARTS)]


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: limit(low=None), "neither low nor high"),
        (lambda: limit(high="90"), "low must be below high"),
        (lambda: limit(high="95", hysteresis="6"), "wider than the room"),
        (lambda: limit(hysteresis="-1"), "cannot be negative"),
        (lambda: limit(delay_s=-1), "cannot be negative"),
        (lambda: limit(delay_s=float("nan")), "cannot be negative"),
        (lambda: limit(low="NaN"), "plain numbers"),
    ],
)
def test_a_limit_that_nothing_can_be_judged_by_is_refused(make: object, reason: str) -> None:
    assert callable(make)
    with pytest.raises(ConfigError, match=reason):
        make()


def test_a_limit_in_another_unit_is_the_same_limit() -> None:
    celsius = Limit(TEMPERATURE, "Cel", Decimal("35.0"), Decimal("38.5"), hysteresis=Decimal("0.5"))
    fahrenheit = celsius.in_unit("[degF]")
    assert (fahrenheit.low, fahrenheit.high, fahrenheit.hysteresis) == (
        Decimal("95.0"),
        Decimal("101.3"),
        Decimal("0.9"),
    )
    assert celsius.in_unit("Cel") is celsius


values = st.decimals(min_value=70, max_value=110, places=1)
tracks = st.lists(st.tuples(st.integers(1, 5), values), max_size=60)
limits = st.builds(
    lambda low, width, share, delay_s: limit(
        str(low), str(low + width), delay_s=delay_s, hysteresis=str(width * share / 10)
    ),
    st.integers(75, 100),
    st.integers(1, 20),
    st.integers(0, 10),
    st.integers(0, 8),
)


def states(
    one: Limit, track: list[tuple[int, Decimal]]
) -> list[tuple[int, Decimal, LimitState, tuple[Transition, ...]]]:
    state, second, seen = CLEAR, 0, []
    for step, value in track:
        second += step
        state, transitions = judge(one, state, value, second * S)
        seen.append((second, value, state, transitions))
    return seen


@given(limits, tracks)
def test_starts_and_ends_alternate_and_every_end_is_well_inside(one: Limit, track: list[tuple[int, Decimal]]) -> None:
    active: Side | None = None
    for _, value, state, transitions in states(one, track):
        for side, on in transitions:
            if on:
                assert active is None
                assert one.low is not None
                assert one.high is not None
                assert value < one.low if side is Side.LOW else value > one.high
                active = side
            else:
                assert active is side
                bound = one.bound(side)
                assert bound is not None
                inside = value - bound if side is Side.LOW else bound - value
                assert inside >= one.hysteresis
                active = None
        assert active is (state.side if state.on else None)


@given(limits, tracks)
def test_a_condition_starts_exactly_when_every_value_of_the_delay_violated(
    one: Limit, track: list[tuple[int, Decimal]]
) -> None:
    run_side: Side | None = None
    run_since = 0
    active: Side | None = None
    for second, value, _, transitions in states(one, track):
        assert one.low is not None
        assert one.high is not None
        side = Side.LOW if value < one.low else Side.HIGH if value > one.high else None
        if side is not run_side:
            run_side, run_since = side, second
        started = [transition.side for transition in transitions if transition.active]
        ended = [transition.side for transition in transitions if not transition.active]
        due = side is not None and second - run_since >= one.delay_s
        if ended:
            active = None
        assert started == ([side] if due and active is None else [])
        active = started[0] if started else active


@given(st.integers(0, 8), st.lists(st.tuples(st.integers(1, 5), values, st.integers(0, 10)), max_size=40))
def test_a_lower_track_is_in_alarm_at_least_as_often(delay_s: int, track: list[tuple[int, Decimal, int]]) -> None:
    one = limit(delay_s=delay_s, hysteresis="2")
    upper = states(one, [(step, value) for step, value, _ in track])
    lower = states(one, [(step, value - drop) for step, value, drop in track])
    for above, below in zip(upper, lower, strict=True):
        assert below[2].on or not above[2].on
