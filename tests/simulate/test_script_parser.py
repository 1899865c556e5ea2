import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub_agent.simulate.script import VERBS, Event
from hub_agent.simulate.script_parser import Mistake, ScriptError, parse

FOREVER = float("inf")

SCENE = """
# a bad minute
at 12s oximeter desaturate to 84% over 5s for 20s   # and back
at 30s oximeter silent for 10s
every 60s cuff measure
every 1.5m from 10s cuff measure
at 40s nonin unplug for 5s
at 50s strap out-of-range for 8s
at 55s strap lose-bond
at 58s nonin garbage 64
at 1h nonin wrong-clock by -2h
at 250ms nonin nan
"""


def test_a_scene_is_read() -> None:
    assert parse(SCENE) == (
        Event(12.0, "oximeter", "desaturate", (("to", 84.0), ("over", 5.0), ("for", 20.0)), line=3),
        Event(30.0, "oximeter", "silent", for_s=10.0, line=4),
        Event(60.0, "cuff", "measure", every_s=60.0, line=5),
        Event(10.0, "cuff", "measure", every_s=90.0, line=6),
        Event(40.0, "nonin", "unplug", for_s=5.0, line=7),
        Event(50.0, "strap", "out-of-range", for_s=8.0, line=8),
        Event(55.0, "strap", "lose-bond", line=9),
        Event(58.0, "nonin", "garbage", (("", 64.0),), line=10),
        Event(3600.0, "nonin", "wrong-clock", (("by", -7200.0),), for_s=FOREVER, line=11),
        Event(0.25, "nonin", "nan", for_s=FOREVER, line=12),
    )


def test_parts_come_in_any_order_and_some_may_be_left_out() -> None:
    (event,) = parse("at 1s o desaturate for 9s to 80%")

    assert event.args == (("to", 80.0), ("over", 5.0), ("for", 9.0))


@pytest.mark.parametrize(
    ("text", "column", "reason", "remedy"),
    [
        ("on 5s a measure", 1, "'on' is not known here", "write one of: at, every"),
        ("at 5 a measure", 4, "'5' is no time", "write a time such as 12s"),
        ("at -5s a measure", 4, "'-5s' is no time", "write a time such as 12s"),
        ("at 5s", 6, "the line ends too soon", "add a device's name"),
        ("at 5s A measure", 7, "'A' is no name", "names are small letters"),
        ("at 5s a explode", 9, "'explode' is not known here", "write one of: desaturate, measure, "),
        ("at 5s a measure now", 17, "'now' is too much", "end the line before it"),
        ("at 5s a silent 10s", 16, "'10s' is not known here", "write one of: for"),
        ("at 5s a silent for", 19, "the line ends too soon", "add a time such as 5s"),
        ("at 5s a silent for 1s for 2s", 23, "'for' is too much", "end the line before it"),
        ("at 5s a desaturate for 20s   # to", 27, "to is missing", "add to 84%"),
        ("at 5s a desaturate to 84 for 20s", 23, "'84' does not fit", "write a percentage such as 84%"),
        ("at 5s a desaturate to 101% for 20s", 23, "'101%' does not fit", "write a percentage"),
        ("at 5s a desaturate to 84% to 85% for 2s", 27, "'to' is not known here", "write one of: over, for"),
        ("at 5s a garbage", 16, "a number is missing", "add 64"),
        ("at 5s a garbage 99999", 17, "'99999' does not fit", "write a number up to 65536"),
        ("at 5s a wrong-clock", 20, "by is missing", "add by -2h"),
        ("every 0s a measure", 7, "a repetition takes time", "write how often"),
        ("every 5s a silent for 5s", 23, "it lasts longer than until its next time", "for less than 5s"),
        ("every 5s a silent", 12, "it lasts longer than until its next time", "for less than 5s"),
        ("   every 5s from a measure", 18, "'a' is no time", "write a time such as 10s"),
    ],
)
def test_a_mistake_has_its_place_its_reason_and_a_remedy(text: str, column: int, reason: str, remedy: str) -> None:
    with pytest.raises(ScriptError) as caught:
        parse(f"# first line\n{text}")

    (mistake,) = caught.value.mistakes
    assert (mistake.line, mistake.column, mistake.reason) == (2, column, reason)
    assert mistake.remedy.startswith(remedy)
    assert str(caught.value).startswith(f"line 2, column {column}: {reason}; {remedy}")


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(ScriptError) as caught:
        parse("at 5s a measure\nat x a measure\n\nat 5s a explode")

    assert [mistake.line for mistake in caught.value.mistakes] == [2, 4]


TIMES = st.integers(1, 10**7).map(lambda ms: ms / 1000)


@st.composite
def events(draw: st.DrawFn) -> Event:
    name = draw(st.sampled_from(sorted(VERBS)))
    verb = VERBS[name]
    values = {
        "time": TIMES,
        "offset": TIMES.flatmap(lambda s: st.sampled_from([s, -s])),
        "percent": st.integers(0, 100).map(float),
        "count": st.integers(0, 65_536).map(float),
    }
    args = tuple((part.word, draw(values[part.kind])) for part in verb.parts)
    for_s = draw(st.one_of(TIMES, st.just(FOREVER))) if verb.lasts else None
    every_s = draw(st.none() | TIMES)
    if every_s is not None and for_s is not None and for_s >= every_s:
        every_s = None
    device = draw(st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True))
    return Event(draw(TIMES), device, name, args, for_s, every_s, line=1)


@given(events())
def test_what_is_written_reads_back_the_same(event: Event) -> None:
    assert parse(str(event)) == (event,)


WORDS = ["at", "every", "from", "for", "to", "over", "by", "5s", "-2h", "84%", "64", "a", "#", "\t", *VERBS]


def read(text: str) -> tuple[tuple[Event, ...], tuple[Mistake, ...]]:
    try:
        return parse(text), ()
    except ScriptError as error:
        return (), error.mistakes


@given(st.one_of(st.text(), st.lists(st.sampled_from(WORDS)).map(" ".join)))
def test_any_text_is_read_or_refused_with_a_place_in_it(text: str) -> None:
    found, mistakes = read(text)
    lines = text.split("\n")
    assert all(1 <= event.line <= len(lines) for event in found)
    for mistake in mistakes:
        assert 1 <= mistake.line <= len(lines)
        assert 1 <= mistake.column <= len(lines[mistake.line - 1]) + 1
        assert mistake.reason
        assert mistake.remedy
