"""One question at a time, though other bytes come in between."""

from collections.abc import Iterable

from hub_agent.driver import SERIAL, Action, Moment, Wait, Warn, Write
from hub_drivers.codec.asking import Asking

ASK = Write(SERIAL, b"?")
NEXT = Write(SERIAL, b"!")


def at(second: float) -> Moment:
    return Moment(second, None)


def ask(moment: Moment) -> Iterable[Action]:
    del moment
    yield ASK


def asking() -> Asking:
    one = Asking(answer_s=2.0)
    assert one.ask(at(0.0), ask) == (ASK,)
    return one


def due(one: Asking, second: float) -> list[Action]:
    return list(one.due(at(second)))


def test_what_comes_in_between_does_not_put_the_answer_off() -> None:
    one = asking()
    assert due(one, 0.5) == [Wait(1.5)]
    assert due(one, 1.5) == [Wait(0.5)]
    assert due(one, 2.5) == [ASK, Wait(2.0)]


def test_who_does_not_answer_is_asked_three_times_and_left_alone_for_a_minute() -> None:
    one = asking()
    assert [due(one, second) for second in (2.0, 4.0)] == [[ASK, Wait(2.0)]] * 2
    assert due(one, 6.0) == [Warn("no_answer"), Wait(60.0)]
    assert due(one, 66.0) == [ASK, Wait(2.0)]


def test_the_next_question_may_follow_one_that_is_given_up() -> None:
    one = Asking(answer_s=2.0, tries=1)

    def otherwise(moment: Moment) -> Iterable[Action]:
        return one.ask(moment, lambda _moment: (NEXT,))

    one.ask(at(0.0), ask, otherwise)
    assert due(one, 2.0) == [Warn("no_answer"), NEXT, Wait(2.0)]
    assert due(one, 4.0) == [Warn("no_answer"), Wait(60.0)]


def test_busy_is_asked_again_with_all_its_tries() -> None:
    one = asking()
    due(one, 2.0)
    due(one, 4.0)
    one.again(at(4.0), 1.0)
    assert due(one, 4.5) == [Wait(0.5)]
    assert [due(one, second) for second in (5.0, 7.0, 9.0)] == [[ASK, Wait(2.0)]] * 3


def test_a_part_of_the_answer_gives_the_rest_as_long_again() -> None:
    one = asking()
    one.more(at(1.5))
    assert due(one, 2.5) == [Wait(1.0)]
    assert due(one, 3.5) == [ASK, Wait(2.0)]


def test_an_answer_ends_it() -> None:
    one = asking()
    one.answered()
    assert due(one, 100.0) == []


def test_a_question_is_made_anew_each_time() -> None:
    one = Asking(answer_s=2.0)
    one.ask(at(0.0), lambda moment: (Write(SERIAL, f"{moment.monotonic_s:g}".encode()),))
    assert due(one, 2.0) == [Write(SERIAL, b"2"), Wait(2.0)]


def test_nothing_is_due_before_anything_is_asked() -> None:
    one = Asking(answer_s=2.0)
    one.again(at(0.0), 1.0)
    assert due(one, 1.0) == [Wait(2.0)]
