"""The Nonin serial driver against an encoder written from the specification."""

from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub_agent.driver import SERIAL, Action, Chunk, Emit, Moment, Rejected, Session, Wait, Warn, Write
from hub_agent.errors import ConfigError
from hub_agent.model import Absent, DeviceTime, Quality, Reading, ReadingClass
from hub_agent.nomenclature import PLETH, PULSE_RATE_OXIMETER, SPO2
from hub_drivers.nonin_serial.driver import DRIVER

Readings = Callable[..., list[Reading]]
LOCAL = datetime(2026, 11, 22, 13, 37, 42)
NOW = Moment(0.0, LOCAL)


def packet(spo2: int, hr: int, status: int = 0, stat2: int = 0, pleth: int = 1, number: int = 2) -> bytes:
    """Encode a packet of format 2 or 7 as the document's table lays it out."""
    high, low = hr >> 7, hr & 0x7F
    floats = [high, low, spo2, 48, 0, 0, 0, stat2, spo2, spo2, spo2, 0, 0, high, low, spo2, spo2, 0, 0, high, low]
    floats += [high, low, 0, 0]
    frames = b""
    for place, value in enumerate(floats):
        head = bytes((0x80 | status | (place == 0),))
        body = b"\x01" + head + bytes((pleth, value)) if number == 2 else head + bytes((pleth, pleth, value))
        frames += body + bytes((sum(body) & 0xFF,))
    return frames


def spot(spo2: int, hr: int, status: int, date: str = "2026112213374200") -> bytes:
    content = bytes.fromhex(date) + status.to_bytes(2) + hr.to_bytes(2) + bytes((0, spo2))
    return b"\0\x02\0\x0d" + len(content).to_bytes(2) + content + bytes((sum(content) & 0xFF, 3))


def values(reading: Reading) -> dict[int, Decimal | None]:
    return {measurement.code: measurement.value for measurement in reading.measurements}


def session(**options: object) -> Session:
    return DRIVER.session(options)


def test_selects_the_format_and_waits_for_the_answer() -> None:
    assert list(session().opened(NOW)) == [Write(SERIAL, bytes.fromhex("027002020203")), Wait(2.0)]


def test_sets_the_clock_for_spot_checks() -> None:
    assert list(session(format=13).opened(NOW)) == [
        Write(SERIAL, bytes.fromhex("027002020d03")),
        Write(SERIAL, bytes.fromhex("0272061a0b160d252a03")),
        Wait(2.0),
    ]
    assert Write(SERIAL, bytes.fromhex("0272061a0b160d252a03")) not in list(
        session(format=13).opened(Moment(0.0, None))
    )


def test_sets_the_clock_on_command_only_from_a_good_one() -> None:
    assert list(session().command("set_time", NOW)) == [Write(SERIAL, bytes.fromhex("0272061a0b160d252a03"))]
    assert list(session().command("set_time", Moment(0.0, None))) == [Warn("hub_clock_not_set")]


@pytest.mark.parametrize("number", [2, 7])
def test_one_packet_in_three_becomes_a_reading(number: int, emitted: Readings) -> None:
    readings = emitted(session(format=number), [packet(97, 300 + at, number=number) for at in range(7)])
    assert [values(reading)[PULSE_RATE_OXIMETER] for reading in readings] == [300, 303, 306]
    assert {reading.cls for reading in readings} == {ReadingClass.CONTINUOUS}


def test_pleth_on_request(emitted: Readings) -> None:
    readings = emitted(session(waveform=True), [packet(97, 70, pleth=at) for at in range(3)])
    (block,) = [reading for reading in readings if reading.cls is ReadingClass.WAVEFORM]
    assert block.samples[0].code == PLETH
    assert block.samples[0].data == (0,) * 25 + (1,) * 25 + (2,) * 25


@pytest.mark.parametrize(
    ("status", "stat2", "quality", "present"),
    [
        (0x00, 0x20, Quality.GOOD, True),
        (0x02, 0x01, Quality.LOW_BATTERY, True),
        (0x04, 0x00, Quality.LOW_PERFUSION, True),
        (0x06, 0x00, Quality.WEAK_SIGNAL, True),
        (0x10, 0x00, Quality.QUESTIONABLE, True),
        (0x20, 0x00, Quality.ARTEFACT, True),
        (0x08, 0x00, Quality.SENSOR_OFF, False),
        (0x40, 0x00, Quality.SENSOR_OFF, False),
    ],
)
def test_status_becomes_quality(status: int, stat2: int, quality: Quality, present: bool, emitted: Readings) -> None:  # noqa: FBT001
    (reading,) = emitted(session(), [packet(97, 70, status, stat2)])
    assert reading.quality == quality
    assert values(reading) == ({SPO2: 97, PULSE_RATE_OXIMETER: 70} if present else dict.fromkeys(values(reading)))


def test_missing_is_absent_never_a_number(emitted: Readings) -> None:
    (reading,) = emitted(session(), [packet(127, 511)])
    assert reading.quality == Quality.SEARCHING
    assert [(m.value, m.absent) for m in reading.measurements] == [(None, Absent.UNKNOWN)] * 2


def test_held_display_values_are_dropped_with_the_alarm(emitted: Readings) -> None:
    held, fine = bytes.fromhex("80486108"), bytes.fromhex("80486100")
    first, second = emitted(session(format=8), [b"\x06", held, fine])
    assert (first.quality, values(first)[SPO2]) == (Quality.SENSOR_OFF, None)
    assert second.quality == Quality.GOOD
    assert values(second) == {SPO2: 97, PULSE_RATE_OXIMETER: 72}


def test_format_1_is_format_8_without_its_last_byte(emitted: Readings) -> None:
    (reading,) = emitted(session(format=1), [b"\x06", bytes.fromhex("814861")])
    assert values(reading) == {SPO2: 97, PULSE_RATE_OXIMETER: 200}


@pytest.mark.parametrize("chosen", [1, 8])
@pytest.mark.parametrize("sent", [2, 7])
@given(spo2=st.integers(50, 100), pulse=st.integers(20, 300), pleth=st.integers(0, 2), start=st.integers(0, 4))
def test_packets_of_another_format_give_no_values(
    chosen: int, sent: int, spo2: int, pulse: int, pleth: int, start: int
) -> None:
    """A device goes on with its own format until it obeys, or for ever where that format is fixed."""
    stream = packet(spo2, pulse, pleth=pleth, number=sent) * 3
    asked = session(format=chosen)
    actions = [*asked.opened(NOW), *asked.received(Chunk(SERIAL, stream[start:], NOW))]
    readings = [action.reading for action in actions if isinstance(action, Emit)]
    assert [one.value for reading in readings for one in reading.measurements if one.value is not None] == []


def test_format_8_without_an_answer_is_believed_at_the_third_frame_in_a_row(emitted: Readings) -> None:
    fine = bytes.fromhex("80486100")
    assert len(emitted(session(format=8), [fine] * 5)) == 3
    assert len(emitted(session(format=8), [b"\x06", *[fine] * 3, b"noise", *[fine] * 3])) == 4


def test_spot_check(emitted: Readings) -> None:
    live, kept, none = emitted(
        session(format=13), [spot(97, 72, 0x0200), spot(96, 71, 0x0010), spot(127, 511, 0x0101, "00" * 8)]
    )
    assert live.cls is ReadingClass.EPISODIC
    assert (live.stored, kept.stored) == (False, True)
    assert live.measured == DeviceTime(LOCAL)
    assert none.measured is None
    assert none.quality == Quality.INVALID | Quality.LOW_BATTERY | Quality.CLOCK_NOT_SET
    assert [m.absent for m in none.measurements] == [Absent.ERROR] * 2


def test_resynchronises_after_garbage_and_within_a_packet(emitted: Readings) -> None:
    stream = packet(95, 70)[37:] + packet(96, 71) + b"\x01\x80\x01\x00" * 9 + packet(97, 72)[:-3] + packet(98, 73) * 3
    readings = emitted(session(), [stream])
    assert [values(reading)[SPO2] for reading in readings] == [96, 98]


def test_reports_refusal_once_and_reads_on(play: Callable[..., list[Action]]) -> None:
    actions = play(session(), [b"\x15", b"\x15", packet(97, 70)])
    assert actions[0] == Warn("format_refused")
    assert [type(action) for action in actions[1:]] == [Emit]


def test_joining_in_the_middle_is_no_fault_noise_is(play: Callable[..., list[Action]]) -> None:
    assert [type(action) for action in play(session(), [packet(97, 70)[50:] + packet(97, 70)])] == [Emit]
    actions = play(session(), [packet(97, 70) + b"\xff\xff" + packet(97, 70)])
    assert Rejected("no frame", b"\xff\xff") in actions


def test_asks_again_when_silent_and_warns_once() -> None:
    one = session()
    list(one.opened(NOW))
    said = [list(one.silent(NOW)) for _ in range(6)]
    assert all(Write(SERIAL, bytes.fromhex("027002020203")) in actions for actions in said)
    assert [Warn("no_answer") in actions for actions in said] == [False, False, True, False, False, False]
    assert said[-1][-1] == Wait(10.0)


def test_a_spot_checker_that_answered_may_be_silent(play: Callable[..., list[Action]]) -> None:
    one = session(format=13)
    assert play(one, [b"\x06"]) == []
    assert list(one.silent(NOW)) == []


def test_asks_again_when_all_is_noise(play: Callable[..., list[Action]]) -> None:
    actions = play(session(), [bytes.fromhex("80486100") * 200])
    assert Write(SERIAL, bytes.fromhex("027002020203")) in actions


@pytest.mark.parametrize("number", [3, "2", None, True])
def test_refuses_an_unknown_format(number: object) -> None:
    with pytest.raises(ConfigError):
        session(format=number)


def pieces(data: bytes, cuts: Iterable[int]) -> list[bytes]:
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[a:b] for a, b in pairwise(edges)]


STREAMS = {
    1: bytes.fromhex("814861"),
    2: packet(97, 70),
    7: packet(97, 70, number=7),
    8: bytes.fromhex("80486100"),
    13: spot(97, 72, 0),
}


@pytest.mark.parametrize("number", sorted(STREAMS))
@given(
    parts=st.lists(st.one_of(st.binary(max_size=8), st.none(), st.integers(1, 124)), max_size=5),
    cuts=st.lists(st.integers(0, 2000), max_size=6),
)
def test_cutting_the_stream_changes_nothing(number: int, parts: list[bytes | int | None], cuts: list[int]) -> None:
    frame = STREAMS[number]
    data = b"".join(frame if part is None else frame[:part] if isinstance(part, int) else part for part in parts)

    def all_of(chunks: Iterable[bytes]) -> list[Action]:
        one = session(format=number, waveform=True)
        return [action for chunk in chunks for action in one.received(Chunk(SERIAL, chunk, NOW))]

    assert all_of(pieces(data, cuts)) == all_of([data])


@pytest.mark.parametrize("number", sorted(STREAMS))
@given(garbage=st.binary(max_size=200))
def test_finds_the_next_frame_after_any_garbage(number: int, garbage: bytes) -> None:
    one = session(format=number)
    follow = STREAMS[number] * 6
    actions = list(one.received(Chunk(SERIAL, garbage + follow, NOW)))
    assert sum(isinstance(action, Emit) for action in actions) >= 1
    assert len(one._deframer._buffer) < 130  # type: ignore[attr-defined]
