"""NEWS2 against the RCP's chart: every band, both edges, both scales."""

from decimal import Decimal
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub_agent.alarms.news2 import Observed, Parameter, Risk, Value, points, score

P = Parameter
# parameter, (first value of a band, its points)…; the band ends one step below the next one's first value
CHART = [
    (P.RESPIRATION, 1, False, "1", [("0", 3), ("9", 1), ("12", 0), ("21", 2), ("25", 3)]),
    (P.SPO2, 1, False, "1", [("0", 3), ("92", 2), ("94", 1), ("96", 0)]),
    (P.SPO2, 1, True, "1", [("0", 3), ("92", 2), ("94", 1), ("96", 0)]),
    (P.SPO2, 2, False, "1", [("0", 3), ("84", 2), ("86", 1), ("88", 0)]),
    (P.SPO2, 2, True, "1", [("0", 3), ("84", 2), ("86", 1), ("88", 0), ("93", 1), ("95", 2), ("97", 3)]),
    (P.SYSTOLIC, 1, False, "1", [("0", 3), ("91", 2), ("101", 1), ("111", 0), ("220", 3)]),
    (P.PULSE, 1, False, "1", [("0", 3), ("41", 1), ("51", 0), ("91", 1), ("111", 2), ("131", 3)]),
    (P.TEMPERATURE, 1, False, "0.1", [("30.0", 3), ("35.1", 1), ("36.1", 0), ("38.1", 1), ("39.1", 2)]),
]
EDGES = [
    (parameter, scale, oxygen, value, expected)
    for parameter, scale, oxygen, step, bands in CHART
    for place, (first, expected) in enumerate(bands)
    for value in (
        Decimal(first),
        Decimal(bands[place + 1][0]) - Decimal(step) if place + 1 < len(bands) else Decimal(first) + 20,
    )
]


@pytest.mark.parametrize(("parameter", "scale", "oxygen", "value", "expected"), EDGES)
def test_both_edges_of_every_band(
    parameter: Parameter,
    scale: Literal[1, 2],
    oxygen: bool,  # noqa: FBT001 - a table's column
    value: Decimal,
    expected: int,
) -> None:
    assert points(parameter, value, scale=scale, oxygen=oxygen) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [("35.04", 3), ("35.05", 1), ("36.04", 1), ("36.05", 0), ("38.04", 0), ("38.05", 1), ("39.05", 2)],
)
def test_a_temperature_is_rounded_to_a_tenth_before_it_is_scored(value: str, expected: int) -> None:
    assert points(P.TEMPERATURE, Decimal(value), scale=1, oxygen=False) == expected


def test_what_people_enter() -> None:
    assert [points(P.CONSCIOUSNESS, letter, scale=1, oxygen=False) for letter in ("A", "C", "V", "P", "U")] == [
        0,
        3,
        3,
        3,
        3,
    ]
    assert [points(P.OXYGEN, given, scale=1, oxygen=False) for given in (False, True)] == [0, 2]


@pytest.mark.parametrize(("parameter", "value"), [(P.PULSE, "A"), (P.OXYGEN, Decimal(1)), (P.CONSCIOUSNESS, True)])
def test_a_value_of_the_wrong_kind_is_refused(parameter: Parameter, value: Value) -> None:
    with pytest.raises(TypeError, match=parameter):
        points(parameter, value, scale=1, oxygen=False)


def seen(**changed: Value) -> dict[Parameter, Observed]:
    values: dict[Parameter, Value] = {
        P.RESPIRATION: Decimal(18),
        P.SPO2: Decimal(97),
        P.OXYGEN: False,
        P.SYSTOLIC: Decimal(120),
        P.PULSE: Decimal(70),
        P.CONSCIOUSNESS: "A",
        P.TEMPERATURE: Decimal("37.0"),
    }
    return {
        one: Observed(value, 0.0) for one, value in (values | {P(name): new for name, new in changed.items()}).items()
    }


GRAVE = {
    "respiration": Decimal(25),
    "spo2": Decimal(91),
    "systolic": Decimal(90),
    "pulse": Decimal(131),
    "temperature": Decimal("35.0"),
}


@pytest.mark.parametrize(
    ("observed", "scale", "total", "risk"),
    [
        (seen(), 1, 0, Risk.LOW),
        (seen(**GRAVE, consciousness="V"), 1, 18, Risk.HIGH),
        (seen(**GRAVE, consciousness="V", oxygen=True), 1, 20, Risk.HIGH),
        (seen(oxygen=True), 2, 5, Risk.MEDIUM),
        (seen(), 2, 0, Risk.LOW),
        (seen(pulse=Decimal(131)), 1, 3, Risk.LOW_MEDIUM),
        (seen(pulse=Decimal(111), oxygen=True), 1, 4, Risk.LOW),
        (seen(pulse=Decimal(131), oxygen=True), 1, 5, Risk.MEDIUM),
        (seen(pulse=Decimal(131), respiration=Decimal(25)), 1, 6, Risk.MEDIUM),
        (seen(pulse=Decimal(131), respiration=Decimal(25), temperature=Decimal("38.1")), 1, 7, Risk.HIGH),
    ],
)
def test_totals(observed: dict[Parameter, Observed], scale: Literal[1, 2], total: int, risk: Risk) -> None:
    result = score(observed, at_s=0, window_s=900, scale=scale)
    assert (result.total, result.risk, result.missing, result.stale) == (total, risk, (), ())
    assert sum(result.points.values()) == total


def test_what_is_missing_is_named_and_never_made_up() -> None:
    observed = seen()
    del observed[P.CONSCIOUSNESS]
    result = score(observed, at_s=0, window_s=900, scale=1)
    assert (result.total, result.risk, result.missing) == (None, None, (P.CONSCIOUSNESS,))
    assert set(result.points) == set(P) - {P.CONSCIOUSNESS}
    assert score({}, at_s=0, window_s=900, scale=1).missing == tuple(P)


def test_what_is_stale_or_from_the_future_is_named_at_the_exact_edge() -> None:
    observed = seen() | {P.SYSTOLIC: Observed(Decimal(120), -900.0), P.PULSE: Observed(Decimal(70), 0.5)}
    assert score(observed, at_s=0, window_s=900, scale=1).stale == (P.PULSE,)
    late = score(observed, at_s=0.5, window_s=900, scale=1)
    assert (late.total, late.stale) == (None, (P.SYSTOLIC,))


def test_scale_2_needs_to_know_about_oxygen() -> None:
    observed = seen()
    del observed[P.OXYGEN]
    assert P.SPO2 not in score(observed, at_s=0, window_s=900, scale=2).points
    assert score(observed, at_s=0, window_s=900, scale=1).points[P.SPO2] == 0


@given(st.dictionaries(st.sampled_from(P), st.floats(-2000, 100)), st.sampled_from([1, 2]))
def test_a_total_there_is_exactly_when_nothing_is_missing_or_stale(
    times: dict[Parameter, float], scale: Literal[1, 2]
) -> None:
    base = seen()
    observed = {one: Observed(base[one].value, at_s) for one, at_s in times.items()}
    result = score(observed, at_s=0, window_s=900, scale=scale)
    whole = len(times) == len(P) and all(-900 <= at_s <= 0 for at_s in times.values())
    assert (result.total is not None) is whole is (result.risk is not None)
    assert set(result.missing) | set(result.stale) | set(result.points) >= set(P) - {P.SPO2}
    assert not (set(result.missing) | set(result.stale)) & set(result.points)
