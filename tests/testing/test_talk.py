"""Talking to a session: when it is silent, and what a call gives."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from hub_agent import nomenclature as mdc
from hub_agent.driver import BleLink, Chunk, Driver, Emit, Match, Moment, Rejected, SerialLink, Wait, Warn, Write
from hub_agent.model import Measurement, Reading, ReadingClass
from hub_agent.testing import Talk

LOCAL = datetime.fromisoformat("2026-11-22T08:00:00")


class _Session:
    """Says what time it is; waits two seconds each time it is opened or hears anything but FF, and once more then."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._wait_s = options.get("wait_s", 2.0)
        self._silences = 0

    def opened(self, moment: Moment) -> Iterable[Any]:
        yield Write("serial", str(moment.utc).encode())
        yield Wait(self._wait_s)

    def received(self, chunk: Chunk) -> Iterable[Any]:
        if chunk.data == b"\xff":
            yield Rejected("FF", chunk.data)
        elif chunk.data == b"\x00":
            yield Emit(Reading(ReadingClass.CONTINUOUS, (Measurement(mdc.SPO2, "%", Decimal(0)),)))
        else:
            yield Emit(Reading(ReadingClass.CONTINUOUS, (Measurement(mdc.SPO2, "%", Decimal(chunk.data[0])),)))
            yield Wait(2.0)

    def silent(self, moment: Moment) -> Iterable[Any]:
        self._silences += 1
        yield Write("serial", f"{moment.monotonic_s:g}".encode())
        if self._silences == 1:
            yield Wait(1.0)
        else:
            yield Warn("silent")

    def command(self, name: str, moment: Moment) -> Iterable[Any]:
        del moment
        return (Write("serial", name.encode()),)


DRIVER = Driver("echo", "an echo", SerialLink(9600), frozenset({mdc.SPO2}), _Session)


def test_it_is_silent_when_the_wait_has_run_out_and_not_again() -> None:
    talk = Talk(DRIVER)
    assert talk.sent == [b"None"]
    assert talk.rest(1.9) == []
    assert talk.rest(0.1) == [b"2"]
    assert (talk.wait_s, talk.warned) == (1.0, [])
    assert talk.rest(60.0) == [b"3"]
    assert (talk.wait_s, talk.warned, talk.now_s) == (None, ["silent"], 62.0)


def test_each_chunk_counts_anew() -> None:
    talk = Talk(DRIVER)
    assert talk.hear(*[b"\xff"] * 5, after_s=1.5) == []
    assert talk.rejected == ["FF"] * 5
    assert talk.rest(2.0) == [b"9.5"]


def test_what_happens_in_a_silence_before_a_chunk_comes_before_it() -> None:
    talk = Talk(DRIVER)
    assert talk.hear(b"\x61", after_s=2.5) == [b"2"]
    assert [type(action) for action in talk.actions] == [Write, Wait, Emit, Wait]
    assert talk.readings[0].measurements[0].value == 97
    assert talk.wait_s == 2.0


def test_the_clock_goes_on_and_may_become_known() -> None:
    talk = Talk(DRIVER, {"wait_s": 5.0}, local=LOCAL, offset_min=60)
    assert talk.sent == [b"2026-11-22 07:00:00"]
    assert talk.command("stop") == [b"stop"]
    assert Talk(DRIVER).local is None


def test_what_breaks_the_contract_is_found() -> None:
    with pytest.raises(AssertionError, match="0 is no measurement"):
        Talk(DRIVER).hear(b"\x00")
    with pytest.raises(AssertionError, match="without length"):
        Talk(DRIVER, {"wait_s": 0.0})


def test_it_listens_on_the_first_channel_unless_told_otherwise() -> None:
    first, second = "first", "second"
    heard: list[str] = []

    class Listener(_Session):
        def received(self, chunk: Chunk) -> Iterable[Any]:
            heard.append(chunk.channel)
            return ()

    talk = Talk(Driver("echo", "an echo", BleLink((first, second), Match()), frozenset({mdc.SPO2}), Listener))
    talk.hear(b"1")
    talk.hear(b"1", channel=second)
    assert heard == [first, second]
