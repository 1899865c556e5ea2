from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from hub_agent.mqtt import Message
from hub_agent.noc.gaps import acknowledge
from tests.noc.conftest import NOW_MS, Bench, Hub, health
from tests.noc.ends import reading


def kinds(bench: Bench) -> list[str]:
    return [fault.kind for fault in bench.store.faults.open()]


def look(bench: Bench, hub: Hub) -> tuple[int, int]:
    with bench.store.transaction():
        return acknowledge(bench.store, hub.name, NOW_MS)


def batches(hub: Hub, count: int) -> list[Message]:
    return [hub.batch([reading(90 + number)]) for number in range(count)]


def test_what_was_given_up_alarms_no_more_and_hides_nothing_that_is_lost_later(bench: Bench, hub: Hub) -> None:
    made = batches(hub, 6)
    bench.take(hub.keys(), made[0], made[4], health(hub, waiting=1))  # of 2, 3, 4 and 6
    assert (kinds(bench), look(bench, hub)) == (["gap"], (1, 3))
    bench.take(health(hub, waiting=1))
    assert (kinds(bench), look(bench, hub)) == ([], (0, 0))
    bench.take(health(hub))
    assert (kinds(bench), look(bench, hub)) == (["gap"], (1, 1))
    bench.take(health(hub))
    assert kinds(bench) == []


def test_what_was_given_up_and_comes_all_the_same_is_missed_when_it_is_lost_again(bench: Bench, hub: Hub) -> None:
    made = batches(hub, 5)
    bench.take(hub.keys(), made[0], made[4], health(hub))
    assert look(bench, hub) == (1, 3)
    bench.take(*made[1:4], health(hub))
    made += batches(hub, 1)
    assert bench.take(health(hub, waiting=1)).faults == []
    assert [fault.kind for fault in bench.take(health(hub)).faults] == ["gap"]


def test_an_acknowledgement_gives_up_nothing_that_waits_or_of_which_no_hub_has_spoken(bench: Bench, hub: Hub) -> None:
    assert look(bench, hub) == (0, 0)
    made = batches(hub, 3)
    bench.take(health(hub))
    assert look(bench, hub) == (1, 0)  # of a journal that is not here
    bench.take(hub.keys(), made[0], health(hub, waiting=2))
    assert look(bench, hub) == (0, 0)
    with bench.store.transaction():
        assert acknowledge(bench.store, "hub-9", NOW_MS) == (0, 0)


@settings(deadline=None)
@given(st.lists(st.one_of(st.integers(0, 7), st.sampled_from(["beat", "look"])), max_size=20))
def test_a_gap_is_open_exactly_while_more_is_lost_than_was_given_up(steps: list[int | str]) -> None:
    """Numbers come in any order, and of those that did not, the odd ones wait."""
    with TemporaryDirectory() as here:
        bench = Bench(Path(here) / "noc.db")
        hub = bench.register(Hub())
        bench.take(hub.keys())
        made = batches(hub, 8)
        missing, given_up = set(range(8)), 0
        bench.take(made[0])
        missing.discard(0)
        for step in [*steps, "beat"]:
            waiting = len([number for number in missing if number % 2])
            if isinstance(step, int):
                bench.take(made[step])
                missing.discard(step)
            elif step == "look":
                bench.take(health(hub, waiting=waiting))
                given_up = min(given_up, len(missing))
                more = max(0, len(missing) - given_up - waiting)
                assert look(bench, hub)[1] == more
                given_up += more
            else:
                bench.take(health(hub, waiting=waiting))
                given_up = min(given_up, len(missing))
                assert kinds(bench) == (["gap"] if len(missing) - given_up > waiting else [])
        bench.store.close()
