from hypothesis import given
from hypothesis import strategies as st

from hub_agent.commands.gate import REPORT_EVERY_S, SIGNER, Gate, TokenBucket


@given(
    capacity=st.integers(1, 20),
    per_s=st.integers(1, 50),
    steps=st.lists(st.integers(0, 40).map(lambda tenths: tenths / 8), max_size=60),
)
def test_no_window_is_granted_more_than_the_bucket_and_what_flowed_in(
    capacity: int, per_s: int, steps: list[float]
) -> None:
    bucket = TokenBucket(capacity, per_s)
    now_s, granted = 0.0, []
    for step in steps:
        now_s += step
        while bucket.take(now_s):
            granted.append(now_s)
    for first, start_s in enumerate(granted):
        for last in range(first, len(granted)):
            assert last - first + 1 <= capacity + (granted[last] - start_s) * per_s + 1e-6


def test_an_idle_bucket_is_full_and_no_fuller() -> None:
    bucket = TokenBucket(3, 1.0)
    assert [bucket.take(1e6) for _ in range(4)] == [True, True, True, False]
    assert [bucket.take(2e6) for _ in range(4)] == [True, True, True, False]


def test_a_clock_that_stands_or_goes_back_fills_nothing() -> None:
    bucket = TokenBucket(1, 1.0)
    assert bucket.take(10.0)
    assert not bucket.take(10.0)
    assert not bucket.take(5.0)
    assert not bucket.take(10.5)
    assert bucket.take(11.0)


def test_signers_pay_apart_from_each_other_and_all_of_them_must() -> None:
    gate = Gate(["a", "b"])
    assert all(gate.proven(["a"], 0.0) for _ in range(SIGNER[0]))
    assert not gate.proven(["a"], 0.0)
    assert gate.proven(["b"], 0.0)
    assert not gate.proven(["a", "b"], 0.0)
    assert sum(gate.proven(["b"], 0.0) for _ in range(SIGNER[0])) == SIGNER[0] - 2


def test_strangers_do_not_spend_a_signers_tokens() -> None:
    gate = Gate(["a"])
    for _ in range(1000):
        gate.failed(0.0)
    assert not gate.admits(0.0)
    assert gate.proven(["a"], 0.0)


def test_what_is_dropped_is_reported_once_and_in_full() -> None:
    gate = Gate([])
    reports = [gate.dropped(second / 10) for second in range(int(REPORT_EVERY_S) * 30 + 1)]
    assert sum(reports) == gate.dropped_total == len(reports)
    assert [report for report in reports if report] == [1, 600, 600, 600]
