"""The SunTech driver: start, result, abort."""

from collections.abc import Callable

import pytest

from hub_agent.driver import SERIAL, Action, Emit, Moment, Session, Wait, Warn, Write
from hub_agent.model import Absent, Quality, Reading
from hub_drivers.formats import FORMATS
from hub_drivers.suntech.driver import DRIVER

Play = Callable[..., list[Action]]
NOW = Moment(0.0, None)
START = Write(SERIAL, bytes.fromhex("3a20a6"))
ABORT = Write(SERIAL, bytes.fromhex("3a7901004c"))
RESULT = Write(SERIAL, bytes.fromhex("3a7903004a"))
CUFF = Write(SERIAL, bytes.fromhex("3a79050048"))


def summed(body: bytes) -> bytes:
    body = bytes((0x3E, len(body) + 3)) + body
    return body + bytes((-sum(body) & 0xFF,))


def result(systolic: int = 120, diastolic: int = 80, rate: int = 72, mean: int = 93, error: int = 0) -> bytes:
    body = systolic.to_bytes(2, "little") + diastolic.to_bytes(2, "little") + bytes((14, 0)) + bytes(8)
    return summed(body + bytes((rate, 0)) + mean.to_bytes(2, "little") + bytes((error, 0, 0)))


def running() -> Session:
    session = DRIVER.session({})
    assert list(session.opened(NOW)) == []
    assert list(session.command("start", NOW)) == [START, Wait(2.0)]
    return session


def test_measures_on_command(play: Play) -> None:
    session = running()
    assert play(session, [summed(b"O")]) == []
    assert list(session.silent(Moment(2.0, None))) == [CUFF, Wait(2.0)]
    assert play(session, [summed(b"\x96\x00")]) == [Wait(2.0)]
    assert play(session, [summed(b"K")]) == [RESULT, Wait(2.0)]
    (emit,) = play(session, [result()])
    assert isinstance(emit, Emit)
    assert [each.value for each in emit.reading.measurements] == [120, 80, 93, 72]
    assert list(session.silent(Moment(9.0, None))) == []


def test_nothing_unasked(play: Play) -> None:
    session = DRIVER.session({})
    assert play(session, [result(), summed(b"K"), summed(b"\x96\x00")]) == []
    assert list(session.silent(NOW)) == []


def test_a_second_start_is_not_sent() -> None:
    assert list(running().command("start", NOW)) == []


def test_aborts(play: Play) -> None:
    session = running()
    assert list(session.command("abort", NOW)) == [ABORT]
    assert play(session, [summed(b"K")]) == []


def test_gives_up_after_three_minutes() -> None:
    session = running()
    assert list(session.silent(Moment(179.0, None))) == [CUFF, Wait(2.0)]
    assert list(session.silent(Moment(180.0, None))) == [ABORT, Warn("no_result")]
    assert list(session.silent(Moment(181.0, None))) == []


@pytest.mark.parametrize(("letter", "said"), [(b"B", "busy"), (b"N", "not_understood"), (b"A", "aborted")])
def test_answers(letter: bytes, said: str, play: Play) -> None:
    assert play(running(), [summed(letter)]) == [Warn(said)]


@pytest.mark.parametrize(
    ("error", "quality"),
    [
        (1, Quality.WEAK_SIGNAL),
        (2, Quality.ARTEFACT | Quality.BODY_MOVEMENT),
        (87, Quality.CUFF_LOOSE),
        (99, Quality.INCOMPLETE),
    ],
)
def test_an_error_has_no_values(error: int, quality: Quality, play: Play) -> None:
    session = running()
    play(session, [summed(b"K")])
    (emit,) = play(session, [result(0, 0, 0, 0, error)])
    assert isinstance(emit, Emit)
    reading: Reading = emit.reading
    assert reading.quality == quality | Quality.INVALID
    assert {each.absent for each in reading.measurements} == {Absent.ERROR}


def test_fields() -> None:
    assert FORMATS["serial.suntech"](result()) == {
        "systolic": 120,
        "diastolic": 80,
        "beats": 14,
        "status": 0,
        "pulse_rate": 72,
        "map": 93,
    }
    assert FORMATS["serial.suntech"](result(diastolic=400))["implausible"] is True
