import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.benchlib.peers.tally import Arrival, quantile, rate, tally

MS = 1_000_000


def test_counts_what_never_came_and_what_came_again() -> None:
    handed_over = dict.fromkeys(range(5), 0)
    arrivals = [Arrival(1 * MS, 0), Arrival(2 * MS, 1), Arrival(3 * MS, 1), Arrival(4 * MS, 1), Arrival(5 * MS, 4)]

    result = tally(handed_over, {0, 1, 2, 3}, arrivals)

    assert (result.accepted, result.lost, result.duplicates) == (4, 2, 2)
    assert result.latencies_ms == [1.0, 2.0, 5.0]  # the first coming counts, and so does what nobody had taken over


def test_passes_over_readings_of_another_phase() -> None:
    result = tally({8: 0}, {8}, [Arrival(1, 7), Arrival(2, 7), Arrival(3 * MS, 8)])

    assert (result.lost, result.duplicates, result.latencies_ms) == (0, 0, [3.0])


def test_what_was_not_taken_over_is_not_lost() -> None:
    assert tally({1: 0, 2: 0}, {1}, [Arrival(1, 1)]).lost == 0


def test_nothing_came() -> None:
    result = tally({1: 0}, {1}, [])

    assert (result.lost, result.quantile(0.5)) == (1, None)


@given(st.sets(st.integers(0, 50)), st.lists(st.integers(0, 50)))
def test_counts_agree_with_counting_by_hand(accepted: set[int], came: list[int]) -> None:
    handed_over = dict.fromkeys(range(51), 0)

    result = tally(handed_over, accepted, [Arrival(1, number) for number in came])

    assert result.lost == len(accepted - set(came))
    assert result.duplicates == len(came) - len(set(came)) == len(came) - len(result.latencies_ms)


@pytest.mark.parametrize(
    ("part", "expected"), [(0.01, 1), (0.5, 50), (0.501, 51), (0.99, 99), (0.991, 100), (1.0, 100)]
)
def test_quantile_is_the_nearest_rank(part: float, expected: int) -> None:
    assert quantile(list(range(1, 101)), part) == expected


def test_quantile_of_one_value_is_that_value() -> None:
    assert quantile([7.0], 0.01) == quantile([7.0], 1.0) == 7.0


@pytest.mark.parametrize(("values", "part"), [([], 0.5), ([1.0], 0.0), ([1.0], 1.1)])
def test_no_quantile_of_nothing(values: list[float], part: float) -> None:
    with pytest.raises(ValueError, match="no such quantile"):
        quantile(values, part)


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0.001, 1))
def test_quantile_splits_the_values(values: list[float], part: float) -> None:
    found = quantile(sorted(values), part)

    assert sum(value <= found for value in values) >= part * len(values) - 1e-6
    assert sum(value < found for value in values) < part * len(values) + 1e-6


def test_rate_counts_from_the_connection_to_nine_tenths() -> None:
    evenly = [number * MS for number in range(1, 101)]

    assert rate(0, evenly) == pytest.approx(1000)  # the last tenth may come whenever it likes:
    assert rate(0, [*evenly[:90], *(at_ns + 60_000 * MS for at_ns in evenly[90:])]) == pytest.approx(1000)


def test_one_large_message_is_not_infinitely_fast() -> None:
    assert rate(0, [500 * MS] * 1000) == pytest.approx(1800)


def test_no_rate_of_nothing() -> None:
    assert rate(0, []) is None
