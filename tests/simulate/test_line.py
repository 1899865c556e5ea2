import errno
import os
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub_agent.simulate.line import Line


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    made = Line(tmp_path / "tty")
    made.plug()
    yield made
    made.unplug()


def open_port(line: Line) -> int:
    port = os.open(line._link, os.O_RDWR | os.O_NOCTTY)
    termios.tcflush(port, termios.TCIOFLUSH)
    line.hear()
    return port


def test_the_device_speaks_only_while_somebody_listens(line: Line) -> None:
    line.send(b"to nobody", readings=1)
    port = open_port(line)
    line.send(b"frame", readings=2)

    assert os.read(port, 100) == b"frame"
    assert (line.listening, line.emitted) == (True, 2)
    os.close(port)
    line.hear()
    line.send(b"late", readings=1)
    assert (line.listening, line.emitted) == (False, 2)


def test_a_port_that_is_open_but_not_yet_flushed_is_not_listening(line: Line) -> None:
    port = os.open(line._link, os.O_RDWR | os.O_NOCTTY)
    line.hear()
    line.send(b"would be flushed", readings=1)
    termios.tcflush(port, termios.TCIOFLUSH)
    line.hear()
    line.send(b"x", readings=1)

    assert os.read(port, 100) == b"x"
    assert line.emitted == 1
    os.close(port)


def test_the_device_hears_what_the_hub_writes(line: Line) -> None:
    port = open_port(line)
    os.write(port, b"\x02\x70")
    os.write(port, bytes(range(256)))

    assert line.hear() == b"\x02\x70" + bytes(range(256))
    os.close(port)


def test_nothing_is_echoed_translated_or_eaten(line: Line) -> None:
    port = open_port(line)
    everything = bytes(range(256)) * 2
    line.send(everything)

    assert os.read(port, 1000) == everything
    assert line.hear() == b""
    os.close(port)


def test_unplug_hangs_up_and_takes_the_link_away(line: Line) -> None:
    port = open_port(line)
    line.unplug()

    assert os.read(port, 10) == b""
    with pytest.raises(OSError, match="Input/output") as caught:
        os.write(port, b"x")
    assert caught.value.errno == errno.EIO
    assert not line._link.is_symlink()
    assert (line.plugged, line.listening) == (False, False)
    os.close(port)
    line.send(b"nobody", readings=1)
    assert (line.hear(), line.emitted) == (b"", 0)


def test_replug_while_the_dead_port_is_held_gets_another_number(line: Line) -> None:
    first = line._link.readlink()
    port = open_port(line)
    line.unplug()
    line.plug()

    assert line._link.readlink() != first
    os.close(port)
    again = open_port(line)
    line.send(b"back")
    assert os.read(again, 10) == b"back"
    os.close(again)


def test_what_was_not_read_when_the_cable_is_pulled_was_not_emitted(line: Line) -> None:
    port = open_port(line)
    for number in range(5):
        line.send(b"%05d" % number, readings=1)
    assert len(os.read(port, 12)) == 12  # two frames and a bit
    line.unplug()

    assert line.emitted == 2
    os.close(port)


def test_what_was_not_read_when_the_hub_goes_was_not_emitted(line: Line) -> None:
    port = open_port(line)
    line.send(b"frame", readings=1)
    line.send(b"frame", readings=1)
    os.read(port, 5)
    os.close(port)
    line.hear()

    assert line.emitted == 1


def test_a_hub_that_reads_without_waiting_is_settled_too(line: Line) -> None:
    port = open_port(line)
    attributes = termios.tcgetattr(port)
    attributes[6][termios.VMIN] = attributes[6][termios.VTIME] = 0  # as serialx has it
    termios.tcsetattr(port, termios.TCSANOW, attributes)
    line.send(b"frame", readings=1)
    line.send(b"frame", readings=1)
    assert os.read(port, 5) == b"frame"
    line.unplug()

    assert line.emitted == 1
    os.close(port)


def test_a_reader_that_lags_loses_whole_frames_and_they_are_counted(line: Line) -> None:
    port = open_port(line)
    frame = bytes(range(100))
    while not line.overrun:
        line.send(frame, readings=1)
    sent = line.emitted
    os.set_blocking(port, False)
    got = b""
    for _ in range(200):
        try:
            got += os.read(port, 65_536)
        except BlockingIOError:
            line.send(b"")  # what is left of the frame that was cut short
            if len(got) >= (sent + 1) * 100:
                break

    assert len(got) % 100 == 0
    assert got == frame * (len(got) // 100)
    assert line.emitted == len(got) // 100
    os.close(port)


@given(frames=st.lists(st.binary(min_size=1, max_size=40), max_size=20), read=st.integers(0, 800))
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
def test_emitted_is_what_was_read_whole(line: Line, frames: list[bytes], read: int) -> None:
    line.plug()
    before = line.emitted
    port = open_port(line)
    for frame in frames:
        line.send(frame, readings=1)
    want, got = min(read, sum(map(len, frames))), 0
    while got < want:
        got += len(os.read(port, want - got))
    os.close(port)
    line.hear()

    whole = [sum(map(len, frames[: count + 1])) <= want for count in range(len(frames))]
    assert line.emitted - before == sum(whole)
