"""Events about delivery, told seldom."""

from typing import Any

from hub_agent.telling import Telling
from tests.virtual import HandClock


def test_the_first_of_each_code_is_told_at_once() -> None:
    told: list[tuple[str, dict[str, Any]]] = []
    telling = Telling(lambda code, fields: told.append((code, fields)), HandClock().monotonic_s)
    telling("a", {"seq": 1})
    telling("b", {})
    assert told == [("a", {"seq": 1, "times": 1}), ("b", {"times": 1})]


def test_a_flood_is_one_event_and_the_next_says_how_many_there_were() -> None:
    told: list[dict[str, Any]] = []
    clock = HandClock()
    telling = Telling(lambda _code, fields: told.append(fields), clock.monotonic_s, again_s=60)
    for _ in range(1000):
        telling("a", {})
        clock.later(0.05)
    clock.later(11)
    telling("a", {"seq": 7})
    assert told == [{"times": 1}, {"seq": 7, "times": 1000}]


def test_an_event_that_breeds_itself_dies_out() -> None:
    told: list[str] = []

    def tell(code: str, _fields: dict[str, Any]) -> None:
        told.append(code)
        telling(code, {})

    telling = Telling(tell, HandClock().monotonic_s)
    telling("no_subscribers", {})
    assert told == ["no_subscribers"]
