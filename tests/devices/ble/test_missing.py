"""When a silence is worth a step, and which: in numbers."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from hub_agent.devices.ble.ladder import Step
from hub_agent.devices.ble.missing import Missing

CUFF, RING = "C0:00:00:00:00:01", "C0:00:00:00:00:02"
LOOK_S = 15


class Home:
    """Looks every fifteen seconds, as the radio does, and takes each step at once."""

    def __init__(self) -> None:
        self.heard: dict[str, float] = {}
        self.missing = Missing(60.0, 3600.0, lambda address: self.heard.get(address, float("-inf")))
        self.at_s = 0.0
        self.works = True
        self.steps: list[tuple[float, Step]] = []
        self.found: list[tuple[str, Step]] = []

    def passes(self, seconds: float, *awaited: str, links: int = 0) -> None:
        until_s = self.at_s + seconds
        while self.at_s < until_s:
            self.at_s += LOOK_S
            self.found += self.missing.over(awaited)
            step = self.missing.next(self.at_s, awaited, links=links)
            if step is not None:
                self.missing.took(step, self.at_s, done=self.works)
                self.steps.append((self.at_s, step))

    def hears(self, address: str) -> None:
        self.heard[address] = self.at_s

    def taken(self, step: Step) -> list[float]:
        return [at_s for at_s, taken in self.steps if taken is step]


def test_a_cuff_that_is_off_all_day_costs_little_and_never_a_power_cycle() -> None:
    home = Home()
    home.passes(24 * 3600.0, CUFF)
    assert [round(at_s / 60) for at_s, _ in home.steps[:7]] == [1, 2, 4, 8, 16, 32, 64]
    assert len(home.steps) == len(home.taken(Step.RESCAN)) <= 32
    assert home.found == []


def test_many_that_are_off_share_each_step() -> None:
    home = Home()
    home.passes(24 * 3600.0, CUFF, *(f"C0:00:00:00:01:{number:02X}" for number in range(20)))
    assert len(home.steps) <= 32


def test_who_is_heard_is_not_missing() -> None:
    home = Home()
    for _ in range(100):
        home.passes(45.0, CUFF)
        home.hears(CUFF)
    assert home.steps == []


def test_whom_a_step_brought_back_is_told_once_and_who_came_later_is_not() -> None:
    home = Home()
    home.passes(65.0, CUFF, RING)
    home.at_s += 1.0
    home.hears(CUFF)
    home.passes(60.0, RING)
    home.hears(RING)
    home.passes(600.0)
    assert home.found == [(CUFF, Step.RESCAN)]


def test_a_connect_that_was_given_up_leads_to_one_power_cycle() -> None:
    home = Home()
    home.hears(RING)
    home.missing.gave_up(RING, 0.5)
    home.passes(3 * 3600.0, RING)
    assert home.taken(Step.POWER_CYCLE) == [135.0]
    assert home.taken(Step.RESCAN)[0] == 75.0


def test_who_was_heard_after_all_is_nobody_s_prisoner() -> None:
    home = Home()
    home.missing.gave_up(RING, 0.5)
    home.at_s = 12.0
    home.hears(RING)
    home.passes(3 * 3600.0, RING)
    assert home.taken(Step.POWER_CYCLE) == []


def test_an_echo_from_before_linux_cancelled_proves_nothing() -> None:
    home = Home()
    home.missing.gave_up(RING, 0.5)
    home.at_s = 3.0
    home.hears(RING)
    home.passes(3 * 3600.0, RING)
    assert len(home.taken(Step.POWER_CYCLE)) == 1


def test_who_was_reached_soon_after_is_nobody_s_prisoner_either() -> None:
    home = Home()
    home.missing.gave_up(RING, 0.5)
    home.at_s = 3.0
    home.hears(RING)
    home.missing.reached(RING)
    home.passes(3 * 3600.0, RING)
    assert home.taken(Step.POWER_CYCLE) == []


def test_a_power_cycle_that_failed_is_tried_again_an_hour_later() -> None:
    home = Home()
    home.missing.gave_up(RING, 0.5)
    home.works = False
    home.passes(2 * 3600.0, RING)
    assert home.taken(Step.POWER_CYCLE) == [120.0 + LOOK_S, 3720.0 + LOOK_S]


def test_a_live_link_puts_a_power_cycle_off_for_a_minute() -> None:
    home = Home()
    home.missing.gave_up(RING, 0.5)
    home.passes(2 * 3600.0, RING, links=1)
    assert home.taken(Step.POWER_CYCLE) == [180.0 + LOOK_S]


@given(st.lists(st.tuples(st.integers(1, 400), st.sampled_from(["heard", "gave up", "nothing"]), st.integers(0, 1))))
def test_whatever_happens_power_cycles_are_an_hour_apart_and_steps_a_minute(
    turns: list[tuple[int, str, int]],
) -> None:
    home = Home()
    for looks, what, links in turns:
        home.passes(looks * LOOK_S, CUFF, RING, links=links)
        if what == "heard":
            home.hears(RING)
        elif what == "gave up":
            home.missing.gave_up(RING, home.at_s)
    cycles, rescans = home.taken(Step.POWER_CYCLE), home.taken(Step.RESCAN)
    assert all(later - earlier >= 3600.0 for earlier, later in pairwise(cycles))
    assert all(later - earlier >= 60.0 for earlier, later in pairwise(rescans))
