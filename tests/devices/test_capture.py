import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub_agent.devices.capture import CaptureWriter, Frame, Line, Turn, parse_capture, read_capture, write_line
from hub_agent.driver import SERIAL, Chunk, Moment
from hub_agent.errors import ConfigError

HEART_RATE = "00002a37-0000-1000-8000-00805f9b34fb"

CHANNELS = st.sampled_from([SERIAL, HEART_RATE])
LINES = st.lists(
    st.one_of(
        st.builds(Frame, st.just(0.0), CHANNELS, st.binary(max_size=40), st.sampled_from(["in", "out"])),
        st.builds(Turn, st.just(0.0), st.sampled_from(["connected", "lost"])),
    )
)


@given(LINES, st.lists(st.integers(0, 10**9)))
def test_what_is_written_reads_back_the_same(lines: list[Line], steps_us: list[int]) -> None:
    at_us, timed = 0, []
    for index, line in enumerate(lines):
        at_us += steps_us[index] if index < len(steps_us) else 0
        timed.append(line._replace(at_s=at_us / 1_000_000))

    assert parse_capture("".join(map(write_line, timed))) == tuple(timed)


@given(st.text())
def test_any_text_is_read_or_refused_with_its_line(text: str) -> None:
    try:
        lines = parse_capture(text, "x.jsonl")
    except ConfigError as error:
        assert str(error).startswith("x.jsonl line ")  # noqa: PT017 - either way out is right
    else:
        assert len(lines) <= text.count("\n") + 1


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("{", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ("[]", "is no object"),
        ('{"channel": "serial", "hex": ""}', "'at' is no number"),
        ('{"at": true, "channel": "serial", "hex": ""}', "'at' is no number"),
        ('{"at": -1, "channel": "serial", "hex": ""}', "'at' is no number"),
        ('{"at": NaN, "channel": "serial", "hex": ""}', "'at' is no number"),
        ('{"at": 0, "channel": "serial", "hex": "", "note": 1}', "has keys that nobody knows: note"),
        ('{"at": 0, "hex": ""}', "'channel' is no text"),
        ('{"at": 0, "channel": "serial"}', "'hex' is no text"),
        ('{"at": 0, "channel": "serial", "hex": "0"}', "'hex' is no text"),
        ('{"at": 0, "channel": "serial", "hex": "\u0660\u0660"}', "'hex' is no text"),
        ('{"at": 0, "channel": "serial", "hex": "00", "dir": "up"}', "'dir' is neither"),
        ('{"at": 0, "event": "gone"}', "'event' is neither"),
        ('{"at": 0, "event": "lost", "hex": "00"}', "'event' is neither"),
        ('{"at": 0, "event": []}', "'event' is neither"),
    ],
)
def test_a_line_of_another_format_is_refused_with_file_line_and_reason(row: str, reason: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_capture(f'{{"at": 0, "event": "connected"}}\n\n{row}', "cuff.jsonl")
    assert str(caught.value).startswith(f"cuff.jsonl line 3: {reason}")


def test_time_does_not_go_back() -> None:
    with pytest.raises(ConfigError, match="line 2: its time is before"):
        parse_capture('{"at": 2, "event": "connected"}\n{"at": 1, "event": "lost"}')


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.jsonl cannot be read: FileNotFoundError"):
        read_capture(tmp_path / "none.jsonl")
    (tmp_path / "binary.jsonl").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=r"binary\.jsonl cannot be read: UnicodeDecodeError"):
        read_capture(tmp_path / "binary.jsonl")


def test_what_happens_is_in_the_file_at_once_with_time_from_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    with path.open("w", encoding="utf-8") as file:
        writer = CaptureWriter(file)
        writer.turned("connected", Moment(1000.0, None))
        writer.sent(SERIAL, b"\x02\x70", Moment(1000.25, None))
        writer.received(Chunk(SERIAL, b"\x06", Moment(1000.5, None)))
        assert read_capture(path) == (
            Turn(0.0, "connected"),
            Frame(0.25, SERIAL, b"\x02\x70", "out"),
            Frame(0.5, SERIAL, b"\x06"),
        )


def test_a_line_is_as_the_guide_shows_it() -> None:
    out = io.StringIO()
    writer = CaptureWriter(out)
    writer.received(Chunk(SERIAL, b"\x01\x86", Moment(5.0, None)))
    writer.sent(SERIAL, b"\x02", Moment(5.2, None))
    writer.turned("lost", Moment(9.0, None))

    assert out.getvalue() == (
        '{"at": 0.0, "channel": "serial", "hex": "0186"}\n'
        '{"at": 0.2, "channel": "serial", "hex": "02", "dir": "out"}\n'
        '{"at": 4.0, "event": "lost"}\n'
    )
