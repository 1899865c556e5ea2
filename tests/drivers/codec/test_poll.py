"""Asking again and again."""

from hub_agent.driver import SERIAL, Wait, Warn, Write
from hub_drivers.codec.poll import Poll

ASK = Write(SERIAL, b"?")
AGAIN = Wait(60.0)


def poll() -> Poll:
    return Poll(lambda: (ASK,), 3.0)


def test_who_does_not_answer_is_asked_three_times_and_left_alone_for_a_while() -> None:
    asking = poll()
    assert list(asking.ask()) == [ASK, Wait(3.0)]
    for _round in range(2):
        assert list(asking.silent()) == [ASK, Wait(3.0)]
        assert list(asking.silent()) == [ASK, Wait(3.0)]
        assert list(asking.silent()) == [Warn("no_answer"), AGAIN]
        assert not asking.asked
        assert list(asking.silent()) == [ASK, Wait(3.0)]


def test_a_whole_answer_is_followed_by_a_rest_and_the_tries_count_anew() -> None:
    asking = poll()
    asking.ask()
    list(asking.silent())
    list(asking.silent())
    assert asking.rest() == AGAIN
    assert list(asking.silent()) == [ASK, Wait(3.0)]
    assert list(asking.silent()) == [ASK, Wait(3.0)]


def test_a_part_of_an_answer_keeps_it_waiting() -> None:
    asking = poll()
    asking.ask()
    list(asking.silent())
    list(asking.silent())
    asking.heard()
    assert list(asking.silent()) == [ASK, Wait(3.0)]
    assert asking.asked
