"""The recovery ladder."""

from hypothesis import given
from hypothesis import strategies as st

from hub_agent.devices.ble.ladder import RUNGS, Ladder, Step


def test_the_rungs_are_climbed_in_order_and_then_it_rests() -> None:
    ladder = Ladder(rest_s=100.0)
    assert [ladder.climb(float(at_s), links=0) for at_s in range(5)] == [*RUNGS, Step.NONE, Step.NONE]
    assert ladder.climb(102.0, links=0) is Step.RESCAN


def test_calm_begins_at_the_bottom_again() -> None:
    ladder = Ladder(rest_s=100.0)
    ladder.climb(0.0, links=0)
    ladder.climb(1.0, links=0)
    ladder.calm()
    assert ladder.climb(2.0, links=0) is Step.RESCAN


@given(st.lists(st.tuples(st.floats(0.0, 50.0), st.integers(0, 3), st.booleans()), max_size=60))
def test_a_link_is_never_cut_and_the_adapter_is_left_alone_while_it_rests(
    turns: list[tuple[float, int, bool]],
) -> None:
    ladder, at_s, top_at_s = Ladder(rest_s=100.0), 0.0, float("-inf")
    for passed_s, links, calm in turns:
        at_s += passed_s
        if calm:
            ladder.calm()
        step = ladder.climb(at_s, links=links)
        if links or at_s < top_at_s + 100.0:
            assert step in {Step.RESCAN, Step.NONE}
        if step is Step.RESTART:
            top_at_s = at_s
