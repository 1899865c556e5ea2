import asyncio

import pytest

from hub_agent.simulate.pace import VirtualPace
from hub_agent.simulate.player import check, play
from hub_agent.simulate.script import Step
from hub_agent.simulate.script_parser import ScriptError, parse


class Noting:
    verbs = frozenset({"silent", "measure"})

    def __init__(self, pace: VirtualPace) -> None:
        self._pace = pace
        self.noted: list[tuple[float, str, bool]] = []

    def act(self, step: Step) -> None:
        assert step.at_s == self._pace.now_s()
        self.noted.append((self._pace.now_s(), step.verb, step.on))


async def test_each_step_is_played_at_its_time_to_its_device() -> None:
    pace = VirtualPace()
    a, b = Noting(pace), Noting(pace)
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(play(parse("at 2s a silent for 3s\nevery 2s b measure"), {"a": a, "b": b}, pace))
        await pace.advance(6.5)
        task.cancel()

    assert a.noted == [(2.0, "silent", True), (5.0, "silent", False)]
    assert b.noted == [(2.0, "measure", True), (4.0, "measure", True), (6.0, "measure", True)]


async def test_a_script_without_repetition_ends() -> None:
    pace = VirtualPace()
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(play(parse("at 2s a measure"), {"a": Noting(pace)}, pace))
        await pace.advance(2.0)
        assert task.done()


async def test_nothing_is_played_of_a_script_for_another_scene() -> None:
    pace = VirtualPace()
    a = Noting(pace)
    with pytest.raises(ScriptError) as caught:
        await play(parse("at 0s a measure\nat 0s z measure\nat 0s a unplug"), {"a": a}, pace)

    assert [str(mistake) for mistake in caught.value.mistakes] == [
        "line 2, column 1: no device is called 'z'; there are: a",
        "line 3, column 1: a cannot unplug; it can: measure, silent",
    ]
    assert a.noted == []


def test_a_script_can_be_checked_without_playing_it() -> None:
    check(parse("at 0s a measure"), {"a": Noting(VirtualPace())})
