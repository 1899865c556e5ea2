"""The Contec protocol 7 driver: stream, keep-alive, memory."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from hub_agent.driver import SERIAL, Action, Chunk, Emit, Moment, Session, Wait, Warn, Write
from hub_agent.model import DeviceTime, Quality, Reading
from hub_agent.nomenclature import PERFUSION_INDEX
from hub_drivers.contec_v7 import frame
from hub_drivers.contec_v7.driver import DRIVER

Readings = Callable[..., list[Reading]]
LOCAL = datetime(2026, 11, 22, 13, 37, 42)
START_LIVE = Write(SERIAL, bytes.fromhex("7d81a1808080808080"))


def packet(kind: int, *payload: int) -> bytes:
    high = sum((byte >> 7) << at for at, byte in enumerate(payload))
    return bytes((kind, 0x80 | high, *(0x80 | byte for byte in payload)))


def live(spo2: int = 97, rate: int = 200, pi: int = 123, b0: int = 8, b1: int = 50, b2: int = 0) -> bytes:
    return packet(1, b0, b1, b2, rate, spo2, pi & 0xFF, pi >> 8)


def session() -> Session:
    return DRIVER.session({})


def test_starts_and_starts_again_in_silence() -> None:
    one = session()
    assert list(one.opened(Moment(0.0, None))) == [START_LIVE, Wait(5.0)]
    assert list(one.silent(Moment(5.0, None))) == [START_LIVE, Wait(5.0)]


def test_keeps_alive_every_five_seconds() -> None:
    one = session()
    list(one.opened(Moment(0.0, None)))
    said = [list(one.received(Chunk(SERIAL, live(), Moment(second, None)))) for second in (1.0, 5.0, 6.0, 10.0)]
    keep_alive = Write(SERIAL, bytes.fromhex("7d81af808080808080"))
    assert [keep_alive in actions for actions in said] == [False, True, False, True]


def test_values(emitted: Readings) -> None:
    (reading,) = emitted(session(), [live() * 60])
    assert [each.value for each in reading.measurements] == [97, 200, Decimal("1.23")]


@pytest.mark.parametrize(
    ("bits", "quality", "present"),
    [
        ({"b2": 0x10}, Quality.GOOD, True),
        ({"b0": 0x88}, Quality.SENSOR_FAULT, False),
        ({"b0": 0x18}, Quality.SEARCHING, False),
        ({"b1": 0xB2}, Quality.SEARCHING, False),
        ({"b0": 0x02}, Quality.WEAK_SIGNAL, True),
        ({"b0": 0x68}, Quality.GOOD, True),
    ],
)
def test_bits(bits: dict[str, int], quality: Quality, present: bool, emitted: Readings) -> None:  # noqa: FBT001
    (reading,) = emitted(session(), [live(**bits)])
    assert reading.quality == quality
    assert [each.value is not None for each in reading.measurements[:2]] == [present, present]


def test_the_bit_says_that_the_perfusion_index_is_invalid(emitted: Readings) -> None:
    for data in (live(b2=0x10), live(pi=0xFFFF)):
        (reading,) = emitted(session(), [data])
        (index,) = [each for each in reading.measurements if each.code == PERFUSION_INDEX]
        assert index.value is None


def test_reads_the_memory_then_streams_again(play: Callable[..., list[Action]]) -> None:
    one = session()
    assert list(one.command("read_memory", Moment(0.0, None))) == [
        Write(SERIAL, frame.command(frame.STOP_LIVE)),
        Write(SERIAL, frame.command(frame.STORED_START_TIME)),
        Wait(2.0),
    ]
    start = packet(0x07, 0, 0, 20, 26, 11, 22) + packet(0x12, 0, 0, 13, 37, 42, 0)
    assert play(one, [start]) == [Write(SERIAL, frame.command(frame.START_STORED))]
    stored = packet(0x0F, 97, 200, 96, 71, 127, 255) + packet(0x09, 95, 70, 0x2C, 0x01)
    readings = [action.reading for action in play(one, [stored]) if isinstance(action, Emit)]
    assert [reading.measured for reading in readings] == [
        DeviceTime(LOCAL + timedelta(seconds=second)) for second in range(4)
    ]
    assert [reading.measurements[0].value for reading in readings] == [97, 96, None, 95]
    assert readings[3].measurements[2].value == Decimal("3.00")
    assert all(reading.stored for reading in readings)
    assert START_LIVE in list(one.silent(Moment(9.0, None)))


def test_stored_samples_without_a_start_have_no_time(emitted: Readings) -> None:
    (reading,) = emitted(session(), [packet(0x09, 95, 70, 0x2C, 0x01)])
    assert reading.measured is None
    assert reading.quality == Quality.CLOCK_NOT_SET


def test_sets_date_and_clock() -> None:
    assert list(session().command("set_time", Moment(0.0, LOCAL))) == [
        Write(SERIAL, bytes.fromhex("7d81b2949a8b968080")),
        Write(SERIAL, bytes.fromhex("7d81b18da5aa808080")),
    ]
    assert list(session().command("set_time", Moment(0.0, None))) == [Warn("hub_clock_not_set")]


def test_a_lost_byte_loses_one_packet(emitted: Readings) -> None:
    one = live(spo2=90)
    assert [reading.measurements[0].value for reading in emitted(session(), [one[:4] + one[5:] + live(spo2=95)])] == [
        95
    ]


def test_a_command_has_at_most_six_bytes_of_data() -> None:
    with pytest.raises(ValueError, match="six bytes"):
        frame.command(0xA6, bytes(7))
