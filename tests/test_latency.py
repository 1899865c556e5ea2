"""The histogram of delivery times."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub_agent.latency import Latency

_DURATIONS = st.lists(st.floats(1e-6, 1e4), min_size=1, max_size=50)
_EDGES = (0.5, 1.0, 2.0, 30.0, 300.0)


def _of(durations: list[float]) -> Latency:
    latency = Latency()
    for seconds in durations:
        latency.add(seconds)
    return latency


@given(_DURATIONS, st.floats(0.0, 1.0))
def test_a_quantile_is_right_to_five_percent(durations: list[float], q: float) -> None:
    exact = sorted(durations)[max(0, math.ceil(q * len(durations)) - 1)]
    found = _of(durations).quantile(q)
    assert found is not None
    assert exact * 0.999_999 <= found <= min(exact * 1.050_001, max(durations))


@given(_DURATIONS)
def test_buckets_count_up_to_their_edges_to_five_percent(durations: list[float]) -> None:
    for edge, counted in zip(_EDGES, _of(durations).below(_EDGES), strict=True):
        assert sum(d <= edge * 0.999_999 for d in durations) <= counted <= sum(d <= edge * 1.050_001 for d in durations)


def test_nothing_has_no_quantile() -> None:
    assert Latency().summary() == {"p50": None, "p95": None, "p99": None}
    assert Latency().below(_EDGES) == [0] * len(_EDGES)


@pytest.mark.parametrize("seconds", [0.0, -3.0])
def test_no_time_at_all_counts_as_none(seconds: float) -> None:
    latency = _of([seconds])
    assert (latency.count, latency.max_s, latency.quantile(0.5)) == (1, 0.0, 0.0)


def test_the_spread_is_of_what_came_since_it_was_cleared() -> None:
    latency = _of([0.1] * 19 + [7.0])
    assert latency.spread() == pytest.approx({"p50": 0.1, "p95": 0.1, "max": 7.0}, rel=0.05)
    latency.clear()
    assert latency.spread() == {"p50": None, "p95": None, "max": None}
    latency.add(0.2)
    assert latency.spread() == {"p50": 0.2, "p95": 0.2, "max": 0.2}
