import asyncio
import io
from collections.abc import Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from hub_agent import nomenclature as mdc
from hub_agent.captures import Frame, Line, Turn, parse
from hub_agent.clock import SystemClock
from hub_agent.config import Device
from hub_agent.devices.replay import ReplayConnector
from hub_agent.driver import SERIAL, Action, Chunk, Driver, Emit, Moment, Rejected, SerialLink, Warn, Write
from hub_agent.errors import ConfigError, DriverError, LinkError
from hub_agent.field.reach import RADIO_REMEDY
from hub_agent.field.screen import RadioNews, Screen
from hub_agent.field.trial import Tally, trial
from hub_agent.model import Absent, Measurement, Quality, Reading, ReadingClass

CAPTURE = parse(
    '{"event": "connected"}\n'
    '{"channel": "serial", "hex": "61"}\n'
    '{"channel": "serial", "hex": "00"}\n'
    '{"event": "lost"}\n'
    '{"event": "connected"}\n'
    '{"channel": "serial", "hex": "62"}\n'
)
DEVICE = Device(name="toy", driver="toy", port=Path("/dev/serial/by-id/toy"))


class _Session:
    def __init__(self, options: Mapping[str, Any]) -> None:
        del options

    def opened(self, moment: Moment) -> Iterable[Action]:
        del moment
        return (Warn("toy_begins"),)

    def received(self, chunk: Chunk) -> Iterable[Action]:
        if chunk.data == b"\xff":
            raise IndexError
        if chunk.data == b"\0":
            return (Rejected("zero", chunk.data),)
        value = Measurement(mdc.SPO2, "%", Decimal(chunk.data[0]))
        return (Emit(Reading(ReadingClass.CONTINUOUS, (value,), Quality.LOW_PERFUSION)),)

    def silent(self, moment: Moment) -> Iterable[Action]:
        return self.opened(moment)

    def command(self, name: str, moment: Moment) -> Iterable[Action]:
        del moment
        return (Write(SERIAL, name.encode()),)


TOY = Driver("toy", "a toy", SerialLink(9600), frozenset({mdc.SPO2}), _Session, commands=frozenset({"wake"}))


async def test_a_device_is_run_through_its_losses_and_everything_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub_agent.field.trial._AGAIN_S", 0.0)
    file, shown = io.StringIO(), list[str]()
    screen = Screen(shown.append, as_json=False, width=4)
    tally = await trial(DEVICE, TOY, ReplayConnector(CAPTURE), SystemClock(), 0.2, tell=screen.line, file=file)
    screen.end(tally)

    assert tally == Tally(2, 2, 1, ("toy_begins",), ("the capture's connection is over",) * 2)
    events = [line.event for line in parse(file.getvalue()).lines if isinstance(line, Turn)]
    assert events == ["connected", "opened", "lost"] * 2
    text = "\n".join(shown)
    assert "< serial   61            oxygen saturation 97 %, [low_perfusion]" in text
    assert "rejected: zero" in text
    assert "-- opened                warned: toy_begins" in text
    assert "2 readings, 1 rejected frame, 2 connections" in text


async def test_a_command_is_given_once_when_the_device_has_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub_agent.field.trial._AGAIN_S", 0.0)
    file, device = io.StringIO(), ReplayConnector(CAPTURE)
    tally = await trial(
        DEVICE, TOY, device, SystemClock(), 0.2, tell=lambda _line, _actions: None, file=file, command="wake"
    )
    assert (tally.connections, tally.readings) == (2, 2)
    assert device.written == [(SERIAL, b"wake")]
    turns = [line for line in parse(file.getvalue()).lines if isinstance(line, Turn)]
    assert [turn.event for turn in turns[:3]] == ["connected", "opened", "command"]
    assert [turn.name for turn in turns if turn.event == "command"] == ["wake"]


async def test_a_command_that_the_driver_does_not_have_is_refused_before_anything_is_opened() -> None:
    with pytest.raises(ConfigError, match=r"no command 'sleep'.*wake"):
        await trial(DEVICE, TOY, _Refusing(), SystemClock(), 5.0, tell=lambda _line, _actions: None, command="sleep")


async def test_a_driver_that_breaks_its_contract_ends_the_trial_and_the_capture_tells_why() -> None:
    file = io.StringIO()
    broken = ReplayConnector(parse('{"channel": "serial", "hex": "ff"}'))
    with pytest.raises(DriverError, match="IndexError"):
        await trial(DEVICE, TOY, broken, SystemClock(), 5.0, tell=lambda _line, _actions: None, file=file)
    assert any(isinstance(line, Frame) and line.data == b"\xff" for line in parse(file.getvalue()).lines)


class _Refusing:
    @asynccontextmanager
    async def connect(self) -> Any:  # noqa: ANN401 - never gives a connection
        await asyncio.sleep(0)
        raise LinkError("no such port")
        yield


async def test_what_cannot_be_reached_is_told() -> None:
    shown: list[str] = []
    tally = await trial(DEVICE, TOY, _Refusing(), SystemClock(), 0.05, tell=lambda _line, _actions: None)
    Screen(shown.append, as_json=False, width=4).end(tally)
    assert shown == ["0 readings, 0 rejected frames, 0 connections", "trouble: no such port"]


async def test_what_never_appears_is_told() -> None:
    shown: list[str] = []
    tally = await trial(DEVICE, TOY, ReplayConnector(parse("")), SystemClock(), 0.05, tell=lambda _line, _actions: None)
    Screen(shown.append, as_json=False, width=4).end(tally)
    assert shown[1].startswith("It was not there")


def test_for_programs_the_screen_is_the_capture() -> None:
    shown: list[str] = []
    screen = Screen(shown.append, as_json=True, width=4)
    absent = Reading(ReadingClass.EPISODIC, (Measurement(mdc.SPO2, "%", None, Absent.UNKNOWN),), stored=True)
    line: Line = Frame(1.0, SERIAL, b"\x01")
    actions: Sequence[Action] = (Emit(absent),)
    screen.line(line, actions)
    assert parse(shown[0]).lines[-1].readings[0]["stored"] is True


def test_long_frames_go_on_below() -> None:
    shown: list[str] = []
    Screen(shown.append, as_json=False, width=2).line(Frame(1.0, SERIAL, b"\x01\x02\x03"), ())
    assert shown == ["    1.000  < serial   01 02", "                      03"]


def test_a_radio_that_is_not_there_is_told_at_the_end_and_one_that_came_back_is_not() -> None:
    shown: list[str] = []
    news = RadioNews(shown.append)
    news.end()
    news("radio_down", {"reason": "timeout"})
    news.end()
    news("radio_up", {})
    news.end()
    assert shown[:2] == ["radio: radio_down reason=timeout", f"There is no radio: {RADIO_REMEDY}"]
    assert shown[2:] == ["radio: radio_up"]


@pytest.mark.parametrize(
    ("tally", "words"),
    [
        (Tally(1, 0, 3, (), ()), "not as this driver expects"),
        (Tally(1, 0, 0, (), ()), "gave no reading"),
        (Tally(0, 0, 0, (), ()), "It was not there"),
        (Tally(1, 5, 1, (), ()), ""),
    ],
)
def test_a_trial_without_readings_says_what_to_look_at(tally: Tally, words: str) -> None:
    shown: list[str] = []
    Screen(shown.append, as_json=False, width=4).end(tally)
    assert len(shown) == (2 if words else 1)
    assert words in shown[-1]
