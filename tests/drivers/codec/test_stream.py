"""Deframing, pacing, and the session of a streaming device, on a made-up format: "<" and two characters."""

from hub_agent.driver import Chunk, Emit, Moment, Rejected, Wait, Warn, Write
from hub_drivers.codec.stream import Cut, Deframer, Pace, StreamSession, measure_line

START = Write("c", b"start")
ALIVE = Write("c", b"alive")


def measure(buffer: bytes, start: int) -> int:
    if buffer[start] != ord("<"):
        return -1
    return 3 if len(buffer) - start >= 3 else 0


def at(seconds: float) -> Moment:
    return Moment(seconds, None)


def test_frames_lead_and_noise() -> None:
    deframer = Deframer(measure, 3)
    assert deframer.feed(b"zz<ab") == [Cut("lead", b"zz"), Cut("frame", b"<ab")]
    assert deframer.feed(b"q<c") == []
    assert deframer.feed(b"d") == [Cut("noise", b"q"), Cut("frame", b"<cd")]


def test_noise_is_given_in_bounded_pieces() -> None:
    deframer = Deframer(measure, 3)
    assert deframer.feed(b"z" * 150) == [Cut("noise", b"z" * 64), Cut("noise", b"z" * 64)]
    assert deframer.feed(b"<ab") == [Cut("noise", b"z" * 22), Cut("frame", b"<ab")]


def test_a_frame_that_never_ends_is_given_up() -> None:
    deframer = Deframer(lambda _buffer, _start: 0, 8)
    for _ in range(100):
        deframer.feed(b"12345")
    assert len(deframer._buffer) < 8
    assert len(deframer._noise) < 64


def test_answers_stand_between_frames_only() -> None:
    deframer = Deframer(measure, 3, b"\x06")
    assert deframer.feed(b"\x06<\x06\x06") == [Cut("answer", b"\x06"), Cut("frame", b"<\x06\x06")]
    assert deframer.feed(b"z\x06<ab") == [Cut("noise", b"z\x06"), Cut("frame", b"<ab")]


def test_lines() -> None:
    deframer = Deframer(measure_line, 16)
    assert deframer.feed(b"one\r\ntw") == [Cut("frame", b"one\r\n")]
    assert deframer.feed(b"o\n") == [Cut("frame", b"two\n")]


def test_pace_lets_the_first_of_every_so_many_pass() -> None:
    pace = Pace(3)
    assert [pace.due() for _ in range(7)] == [True, False, False, True, False, False, True]


def session() -> StreamSession:
    return StreamSession(
        "s",
        Deframer(measure, 3),
        lambda data: (Warn(data[1:].decode()),),
        start=(START,),
        repeat=(ALIVE,),
        repeat_s=5.0,
        silence_s=2.0,
    )


def test_starts_and_starts_again_in_silence() -> None:
    one = session()
    assert list(one.opened(at(0))) == [START, Wait(2.0)]
    assert list(one.silent(at(2))) == [START, Wait(2.0)]


def test_keeps_alive_while_it_streams() -> None:
    one = session()
    list(one.opened(at(0)))
    assert list(one.received(Chunk("s", b"<ab", at(4.9)))) == [Warn("ab")]
    assert list(one.received(Chunk("s", b"<cd", at(5.0)))) == [Warn("cd"), ALIVE, Wait(2.0)]
    assert list(one.received(Chunk("s", b"<ef", at(6.0)))) == [Warn("ef")]


def test_a_device_without_start_command_is_only_listened_to() -> None:
    one = StreamSession("s", Deframer(measure, 3), lambda _data: ())
    assert list(one.opened(at(0))) == []
    assert list(one.received(Chunk("other", b"x", at(0)))) == [Rejected("channel", b"x")]
    assert not any(isinstance(action, Emit) for action in one.received(Chunk("s", b"<ab", at(99))))
