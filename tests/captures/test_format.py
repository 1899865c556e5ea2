from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub_agent.captures import (
    Capture,
    Frame,
    Head,
    Line,
    Turn,
    capture_text,
    complete,
    head_text,
    line_text,
    load,
    load_folder,
    parse,
)
from hub_agent.driver import SERIAL, Moment, sig_uuid
from hub_agent.errors import ConfigError

HEART_RATE = sig_uuid(0x2A37)
VENDOR = "49535343-1e4d-4bd9-ba61-23c647249616"

CHANNELS = st.sampled_from([SERIAL, HEART_RATE, VENDOR])
READINGS: st.SearchStrategy[tuple[dict[str, Any], ...]] = st.lists(
    st.dictionaries(st.text(max_size=4), st.integers() | st.text(max_size=4), max_size=2), max_size=2
).map(tuple)
NOTES = st.text(max_size=5)
LINES = st.lists(
    st.one_of(
        st.builds(Frame, st.just(0.0), CHANNELS, st.binary(max_size=40), st.just("in"), READINGS, NOTES),
        st.builds(Frame, st.just(0.0), CHANNELS, st.binary(max_size=40), st.just("out"), st.just(()), NOTES),
        st.builds(Turn, st.just(0.0), st.sampled_from(["opened", "silent"]), st.just(""), READINGS, NOTES),
        st.builds(Turn, st.just(0.0), st.sampled_from(["connected", "lost"]), st.just(""), st.just(()), NOTES),
        st.builds(Turn, st.just(0.0), st.just("command"), st.text(min_size=1, max_size=5), READINGS, NOTES),
    )
)
HEADS = st.builds(
    Head,
    st.text(max_size=5),
    st.text(max_size=5),
    NOTES,
    st.dictionaries(st.text(max_size=4), st.integers() | st.text(max_size=4), max_size=2),
    st.none() | st.datetimes() | st.datetimes(timezones=st.just(timezone(timedelta(hours=-2, minutes=-30)))),
)


@given(HEADS, LINES, st.lists(st.integers(0, 10**9)))
def test_what_is_written_reads_back_the_same(head: Head, lines: list[Line], steps_us: list[int]) -> None:
    at_us, timed = 0, []
    for index, line in enumerate(lines):
        at_us += steps_us[index] if index < len(steps_us) else 0
        timed.append(line._replace(at_s=at_us / 1_000_000))
    capture = Capture("capture", head, complete(timed))

    assert parse(capture_text(capture)) == capture
    assert parse(head_text(head) + "".join(map(line_text, timed))) == capture


@given(LINES)
def test_every_connection_begins_once_and_is_opened(lines: list[Line]) -> None:
    capture = Capture("capture", Head(), complete(lines))
    connections = capture.connections()

    assert [line for connection in connections for line in connection] == list(capture.lines)
    for connection in connections:
        events = [line.event for line in connection if isinstance(line, Turn)]
        assert events[0] == "connected"
        assert events.count("connected") == 1
        assert "opened" in events
        assert "lost" not in events[:-1]
    assert complete(capture.lines) == capture.lines


@given(st.text())
def test_any_text_is_read_or_refused_with_its_line(text: str) -> None:
    try:
        parse(text, "x.jsonl")
    except ConfigError as error:
        assert str(error).startswith("x.jsonl line ")  # noqa: PT017 - either way out is right


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("{", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ("[]", "is no object"),
        ('{"at_s": true, "channel": "serial", "hex": ""}', "'at_s' is no number"),
        ('{"at_s": -1, "channel": "serial", "hex": ""}', "'at_s' is no number"),
        ('{"at_s": NaN, "channel": "serial", "hex": ""}', "'at_s' is no number"),
        ('{"at_s": 0, "channel": "serial", "hex": "", "colour": 1}', "has keys that do not belong there: colour"),
        ('{"colour": 1}', "has keys that do not belong there: colour"),
        ('{"hex": "00"}', "'channel' is neither"),
        ('{"channel": "nonsense", "hex": "00"}', "'channel' is neither"),
        ('{"channel": "2A37", "hex": "00"}', "'channel' is neither"),
        ('{"channel": "serial"}', "'hex' is no text"),
        ('{"channel": "serial", "hex": "0"}', "'hex' is no text"),
        ('{"channel": "serial", "hex": "\u0660\u0660"}', "'hex' is no text"),
        ('{"channel": "serial", "hex": "00", "dir": "up"}', "'dir' is neither"),
        ('{"channel": "serial", "hex": "00", "dir": "out", "readings": [{}]}', "what the hub sent"),
        ('{"channel": "serial", "hex": "00", "readings": {}}', "'readings' is no list"),
        ('{"channel": "serial", "hex": "00", "readings": [1]}', "'readings' is no list"),
        ('{"channel": "serial", "hex": "00", "note": 1}', "'note' is no text"),
        ('{"event": "gone"}', "'event' is none"),
        ('{"event": "lost", "hex": "00"}', "has keys that do not belong there: hex"),
        ('{"event": []}', "'event' is none"),
        ('{"event": "command"}', "a command has a 'name'"),
        ('{"event": "silent", "name": "read"}', "a command has a 'name'"),
        ('{"source": "a second head"}', "has keys that do not belong there: source"),
    ],
)
def test_a_line_of_another_format_is_refused_with_file_line_and_reason(row: str, reason: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(f'{{"event": "connected"}}\n\n{row}', "cuff.jsonl")
    assert str(caught.value).startswith(f"cuff.jsonl line 3: {reason}")


@pytest.mark.parametrize(
    "head",
    [
        '{"colour": 1}',
        '{"options": []}',
        '{"source": 1}',
        '{"local": "yesterday"}',
        '{"local": "08:00:00"}',
    ],
)
def test_a_head_of_another_form_is_refused(head: str) -> None:
    with pytest.raises(ConfigError, match=r"cuff\.jsonl line 1"):
        parse(head, "cuff.jsonl")


def test_time_does_not_go_back() -> None:
    with pytest.raises(ConfigError, match="line 2: its time is before"):
        parse('{"at_s": 2, "event": "connected"}\n{"at_s": 1, "event": "lost"}')


def test_what_may_be_left_out_is_filled_in() -> None:
    capture = parse(
        '{"local": "2026-11-22T08:00:00"}\n'
        '{"channel": "2a19", "hex": "33", "at_s": 1.5}\n'
        '{"event": "opened"}\n'
        '{"channel": "2a37", "hex": "044a"}\n'
    )
    assert capture.lines == (
        Turn(1.5, "connected"),
        Frame(1.5, sig_uuid(0x2A19), b"\x33"),
        Turn(1.5, "opened"),
        Frame(1.5, HEART_RATE, b"\x04\x4a"),
    )
    local = datetime(2026, 11, 22, 8, 0, 1, 500_000)  # noqa: DTZ001 - the home's wall clock
    assert {capture.moment(line, 10.0) for line in capture.lines} == {Moment(11.5, local)}


def test_an_offset_makes_utc() -> None:
    capture = parse('{"local": "2026-11-22T08:00:00+01:00"}\n{"event": "opened", "at_s": 60}\n')
    moment = capture.moment(capture.lines[-1])
    assert (str(moment.local), moment.offset_min, str(moment.utc)) == (
        "2026-11-22 08:01:00", 60, "2026-11-22 07:01:00"
    )  # fmt: skip


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.jsonl cannot be read: No such file"):
        load(tmp_path / "none.jsonl")
    (tmp_path / "binary.jsonl").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=r"binary\.jsonl cannot be read: not UTF-8 text"):
        load(tmp_path / "binary.jsonl")
    assert load_folder(tmp_path / "none") == ()


def test_a_line_is_as_the_guide_shows_it() -> None:
    lines: tuple[Line, ...] = (
        Frame(0.0, HEART_RATE, b"\x01\x86", readings=({"class": "continuous"},)),
        Frame(0.2, SERIAL, b"\x02", "out"),
        Turn(3.5, "command", "read"),
        Turn(4.0, "lost", note="switched off"),
    )
    assert head_text(Head("acme-ox1", "an OX-1")) + "".join(map(line_text, lines)) == (
        '{"driver": "acme-ox1", "source": "an OX-1"}\n'
        '{"at_s": 0.0, "channel": "2a37", "hex": "0186", "readings": [{"class": "continuous"}]}\n'
        '{"at_s": 0.2, "channel": "serial", "hex": "02", "dir": "out"}\n'
        '{"at_s": 3.5, "event": "command", "name": "read"}\n'
        '{"at_s": 4.0, "event": "lost", "note": "switched off"}\n'
    )
