from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from hub_agent.simulate.script import Event, Step, steps
from hub_agent.simulate.script_parser import parse

FOREVER = float("inf")


def played(text: str, count: int = 100) -> list[tuple[float, str, str, bool]]:
    return [(step.at_s, step.device, step.verb, step.on) for step in islice(steps(parse(text)), count)]


def test_what_lasts_ends() -> None:
    assert played("at 30s oximeter silent for 10s\nat 35s cuff measure") == [
        (30.0, "oximeter", "silent", True),
        (35.0, "cuff", "measure", True),
        (40.0, "oximeter", "silent", False),
    ]


def test_what_has_no_end_goes_on() -> None:
    assert played("at 1s oximeter low-battery") == [(1.0, "oximeter", "low-battery", True)]


def test_the_order_is_that_of_time_and_then_of_the_script() -> None:
    assert [device for _, device, _, _ in played("at 2s b measure\nat 1s c measure\nat 2s a measure")] == [
        "c",
        "b",
        "a",
    ]


def test_a_repetition_repeats_with_its_end() -> None:
    assert played("every 10s from 5s nonin unplug for 2s", 5) == [
        (5.0, "nonin", "unplug", True),
        (7.0, "nonin", "unplug", False),
        (15.0, "nonin", "unplug", True),
        (17.0, "nonin", "unplug", False),
        (25.0, "nonin", "unplug", True),
    ]


def test_what_overlaps_begins_once_and_ends_once() -> None:
    assert played("at 1s a silent for 10s\nat 5s a silent for 2s\nat 8s a silent for 10s\nat 9s b silent for 1s") == [
        (1.0, "a", "silent", True),
        (9.0, "b", "silent", True),
        (10.0, "b", "silent", False),
        (18.0, "a", "silent", False),
    ]


def test_what_ends_when_the_next_begins_ends_first() -> None:
    assert [on for *_, on in played("at 1s a silent for 2s\nat 3s a silent for 2s")] == [True, False, True, False]


def test_arguments_come_along() -> None:
    (step,) = steps(parse("at 12s oximeter desaturate to 84% over 5s for 20s"))

    assert step == Step(12.0, "oximeter", "desaturate", args=(("to", 84.0), ("over", 5.0), ("for", 20.0)))
    assert step.arg("to") == 84.0


SPANS = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(0, 50), st.integers(1, 50), st.sampled_from(["silent", "unplug"])),
    max_size=12,
)


@given(SPANS)
def test_at_any_time_a_fault_is_on_exactly_while_a_span_of_it_is(spans: list[tuple[str, int, int, str]]) -> None:
    events = [Event(float(at), device, verb, for_s=float(lasts)) for device, at, lasts, verb in spans]
    happened = list(steps(events))

    assert [step.at_s for step in happened] == sorted(step.at_s for step in happened)
    for probe in range(101):
        for key in {(device, verb) for device, _, _, verb in spans}:
            wanted = any((d, v) == key and at <= probe + 0.5 < at + lasts for d, at, lasts, v in spans)
            state = False
            for step in happened:
                if (step.device, step.verb) == key and step.at_s <= probe + 0.5:
                    assert step.on is not state  # never begun twice, never ended twice
                    state = step.on
            assert state is wanted
