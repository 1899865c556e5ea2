import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from hub_agent import nomenclature as mdc
from hub_agent.captures import Capture, Line, Turn, line_text, parse, play
from hub_agent.devices.recording import Recorder
from hub_agent.driver import SERIAL, Action, Chunk, Driver, Emit, Moment, Rejected, SerialLink, Wait, Write
from hub_agent.model import Measurement, Reading, ReadingClass

LOCAL = datetime(2026, 11, 22, 8, 0)  # noqa: DTZ001 - the home's wall clock


class _Session:
    """Emits the first byte; asks again when told to or when nothing comes; breaks on FF."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._ask = bytes([options.get("ask", 0x3F)])

    def opened(self, moment: Moment) -> Iterable[Action]:
        del moment
        return (Write(SERIAL, self._ask), Wait(1.0))

    def received(self, chunk: Chunk) -> Iterable[Action]:
        if chunk.data == b"\xff":
            raise IndexError
        if not chunk.data[0]:
            yield Rejected("zero", chunk.data)
            return
        yield Emit(Reading(ReadingClass.CONTINUOUS, (Measurement(mdc.SPO2, "%", Decimal(chunk.data[0])),)))

    def silent(self, moment: Moment) -> Iterable[Action]:
        return self.opened(moment)

    def command(self, name: str, moment: Moment) -> Iterable[Action]:
        del name
        return self.opened(moment)


DRIVER = Driver("toy", "a toy", SerialLink(9600), frozenset({mdc.SPO2}), _Session, commands=frozenset({"ask"}))


def at(monotonic_s: float) -> Moment:
    return Moment(monotonic_s, LOCAL)


def test_what_a_session_lives_through_is_a_capture_that_plays_the_same() -> None:
    file = io.StringIO()
    told: list[tuple[Line, Sequence[Action]]] = []
    recorder = Recorder(
        DRIVER, {"ask": 7}, "a test", tell=lambda line, actions: told.append((line, actions)), file=file
    )
    recorder.turned("connected", at(100.0))
    session = recorder.driver.session({"ask": 7})
    assert list(session.opened(at(100.5))) == [Write(SERIAL, b"\x07"), Wait(1.0)]
    assert list(session.received(Chunk(SERIAL, b"\x61", at(101.0))))
    list(session.received(Chunk(SERIAL, b"\x00", at(100.9))))  # it had waited for its turn
    list(session.silent(at(102.0)))
    list(session.command("ask", at(103.0)))
    recorder.turned("lost", at(104.0))

    capture = parse(file.getvalue())
    assert (capture.head.driver, capture.head.source, capture.head.local) == (
        "toy",
        "a test",
        LOCAL.replace(tzinfo=UTC),
    )
    assert [line.at_s for line in capture.lines] == [0.0, 0.5, 0.5, 1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 4.0]
    assert [played.readings for played in play(DRIVER, capture)] == [line.readings for line in capture.lines]
    assert [line._replace(readings=()) for line, _actions in told] == [
        line._replace(readings=()) for line in capture.lines
    ]
    assert [type(action) for _line, actions in told for action in actions] == [
        Write, Wait, Emit, Rejected, Write, Wait, Write, Wait
    ]  # fmt: skip


def test_the_line_that_breaks_a_driver_is_kept() -> None:
    file = io.StringIO()
    recorder = Recorder(DRIVER, {}, "a test", tell=lambda _line, _actions: None, file=file)
    session = recorder.driver.session({})
    list(session.opened(at(0.0)))
    with pytest.raises(IndexError):
        list(session.received(Chunk(SERIAL, b"\xff", at(1.0))))
    assert file.getvalue().splitlines()[-1] == '{"at_s": 1.0, "channel": "serial", "hex": "ff"}'


def test_without_a_file_there_is_only_the_screen() -> None:
    told: list[str] = []
    recorder = Recorder(DRIVER, {}, "a test", tell=lambda line, _actions: told.append(line_text(line)))
    recorder.turned("connected", at(5.0))
    assert told == [line_text(Turn(0.0, "connected"))]
    assert isinstance(parse("".join(told)), Capture)
