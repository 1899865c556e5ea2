"""The wait before the next attempt."""

import random

from hypothesis import given
from hypothesis import strategies as st

from hub_agent.backoff import Backoff


def _rng(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - jitter, not a secret


@given(st.integers(), st.integers(1, 60), st.floats(0.01, 1e4))
def test_a_wait_lies_between_nothing_and_the_lower_of_cap_and_ceiling(seed: int, failures: int, cap_s: float) -> None:
    backoff = Backoff(0.1, rng=_rng(seed))
    for _ in range(failures):
        backoff.failed()
    assert 0.0 <= backoff.delay_s(cap_s) <= min(cap_s, 0.1 * 2 ** (failures - 1))


def test_waits_at_the_cap_stay_spread() -> None:
    backoff, waits = Backoff(rng=_rng(1)), []
    for _ in range(1000):
        backoff.failed()
        waits.append(backoff.delay_s(4.0))
    thirds = [sum(low <= wait < low + 4 / 3 for wait in waits[20:]) for low in (0.0, 4 / 3, 8 / 3)]
    assert min(thirds) > 250


def test_another_cap_scales_the_same_wait() -> None:
    backoff = Backoff(rng=_rng(2))
    for _ in range(30):
        backoff.failed()
    assert backoff.delay_s(60.0) == 15 * backoff.delay_s(4.0) > 0


def test_begins_anew_after_a_reset() -> None:
    backoff = Backoff(0.1, rng=_rng(3))
    assert backoff.delay_s(60.0) == 0.0
    for _ in range(30):
        backoff.failed()
    backoff.reset()
    backoff.failed()
    assert 0 < backoff.delay_s(60.0) <= 0.1
