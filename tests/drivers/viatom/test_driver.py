"""The Viatom driver: the poll, and what is no value."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

import pytest

from hub_agent.driver import Action, BleLink, Emit, Moment, Session, Wait, Warn, Write
from hub_agent.errors import ConfigError
from hub_agent.model import Quality, Reading, ReadingClass
from hub_drivers.codec.checksum import crc8_smbus
from hub_drivers.viatom.driver import DRIVER, NOTIFY, WRITE

Play = Callable[..., list[Action]]
NOW = Moment(0.0, datetime(2026, 11, 22, 13, 37, 42))
POLL = Write(WRITE, bytes.fromhex("aa17e8000000001b"), response=False)


def answer(payload: bytes, status: int = 0) -> bytes:
    body = bytes((0x55, status, status ^ 0xFF, 0, 0, len(payload) & 0xFF, len(payload) >> 8)) + payload
    return body + bytes((crc8_smbus(body),))


def sensors(spo2: int, rate: int, worn: int, battery: int = 85, pi: int = 62) -> bytes:
    return bytes((spo2, rate, 0, 0, 0, 0, 0, battery, 0, 3, pi, worn))


def session(**options: object) -> Session:
    return DRIVER.session(options)


def reading_of(actions: list[Action]) -> Reading:
    (found,) = [action.reading for action in actions if isinstance(action, Emit)]
    return found


def test_asks_waits_and_asks_again(play: Play) -> None:
    one = session()
    assert list(one.opened(NOW)) == [POLL, Wait(3.0)]
    assert play(one, [answer(sensors(97, 72, 1))], NOTIFY)[-1] == Wait(2.0)
    assert list(one.silent(NOW)) == [POLL, Wait(3.0)]


def test_an_answer_may_come_in_pieces(play: Play) -> None:
    data = answer(sensors(97, 72, 1))
    reading = reading_of(play(session(), [data[:4], data[4:15], data[15:]], NOTIFY))
    assert [each.value for each in reading.measurements] == [97, 72, Decimal("6.2"), 85]


@pytest.mark.parametrize(
    ("payload", "quality"),
    [
        (sensors(0, 0, 1), Quality.SEARCHING),
        (sensors(97, 72, 0), Quality.SENSOR_OFF),
        (sensors(0, 0, 0, battery=5), Quality.SENSOR_OFF | Quality.LOW_BATTERY),
    ],
)
def test_zeros_and_unworn_are_no_values(payload: bytes, quality: Quality, play: Play) -> None:
    reading = reading_of(play(session(), [answer(payload)], NOTIFY))
    assert reading.quality == quality
    assert [each.value for each in reading.measurements[:3]] == [None] * 3


def test_realtime_with_pleth(play: Play) -> None:
    one = session(command="realtime", waveform=True)
    request = bytes.fromhex("aa1be40000010000")
    assert next(iter(one.opened(NOW))) == Write(WRITE, request + bytes((crc8_smbus(request),)), response=False)
    payload = bytes((97, 0x2C, 1, 85, 0, 6, 1, 0, 0, 0, 3, 0, 10, 20, 30))
    values, wave = [action.reading for action in play(one, [answer(payload)], NOTIFY) if isinstance(action, Emit)]
    assert values.measurements[1].value == 300
    assert wave.cls is ReadingClass.WAVEFORM
    assert wave.samples[0].data == (10, 20, 30)


def test_writes_no_more_than_twenty_bytes_at_once() -> None:
    writes = [action for action in session().command("set_time", NOW) if isinstance(action, Write)]
    assert all(len(write.data) <= 20 for write in writes)
    whole = b"".join(write.data for write in writes)
    assert whole[7:-1] == b'{"SetTIME":"2026-11-22,13:37:42"}'
    assert whole[-1] == crc8_smbus(whole[:-1])


def test_the_answer_to_set_time_is_no_reading(play: Play) -> None:
    one = session()
    list(one.command("set_time", NOW))
    assert play(one, [answer(b"", status=0xE3)], NOTIFY) == [Warn("set_time_refused"), Wait(2.0)]
    assert list(one.command("set_time", Moment(0.0, None))) == [Warn("hub_clock_not_set")]


def test_refusal_and_silence_are_told(play: Play) -> None:
    one = session()
    list(one.opened(NOW))
    assert play(one, [answer(b"", status=9)], NOTIFY) == [Warn("poll_refused"), Wait(2.0)]
    said = [list(one.silent(NOW)) for _ in range(6)]
    assert [Warn("no_answer") in actions for actions in said] == [False, False, False, True, False, False]


def test_unknown_command_option() -> None:
    with pytest.raises(ConfigError):
        session(command="x")


@pytest.mark.parametrize("name", ["O2Ring 1A2B", "O2 5C3D", "KidsO2 0001", "SleepO2 0001"])
def test_is_known_by_name(name: str) -> None:
    assert isinstance(DRIVER.link, BleLink)
    assert name.startswith(DRIVER.link.match.names)


def test_another_maker_s_sleepo2_is_not_taken_for_it() -> None:
    assert isinstance(DRIVER.link, BleLink)
    assert not "SleepO2-S_1234".startswith(DRIVER.link.match.names)
