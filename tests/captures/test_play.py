import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from hub_agent import nomenclature as mdc
from hub_agent.captures import fill, load, parse, play
from hub_agent.driver import Action, Chunk, Driver, Emit, Moment, SerialLink, Wait, Write
from hub_agent.errors import ConfigError
from hub_agent.model import DeviceTime, Measurement, Reading, ReadingClass


class _Echo:
    """Emits how many events it has seen, with the wall clock as the device's time."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._count = options.get("start", 0)

    def opened(self, moment: Moment) -> Iterable[Action]:
        del moment
        return (Write("serial", b"start"), Wait(1.0))

    def received(self, chunk: Chunk) -> Iterable[Action]:
        return self.silent(chunk.moment)

    def silent(self, moment: Moment) -> Iterable[Action]:
        self._count += 1
        measured = None if moment.local is None else DeviceTime(moment.local)
        spo2 = Measurement(mdc.SPO2, "%", Decimal(self._count))
        yield Emit(Reading(ReadingClass.CONTINUOUS, (spo2,), measured=measured))

    def command(self, name: str, moment: Moment) -> Iterable[Action]:
        self._count += len(name)
        return self.silent(moment)


ECHO = Driver("echo", "an echo", SerialLink(9600), frozenset({mdc.SPO2}), _Echo)
CAPTURE = """\
{"source": "an echo", "options": {"start": 10}, "local": "2026-11-22T08:00:00"}
{"channel": "serial", "hex": "00"}
{"at_s": 2, "channel": "serial", "hex": "00", "dir": "out", "note": "asked again"}
{"at_s": 3, "event": "silent"}
{"event": "command", "name": "read"}
{"at_s": 9, "event": "lost"}
{"at_s": 20, "event": "connected"}
{"channel": "serial", "hex": "00"}
"""


def test_a_line_happens_to_the_session_of_its_connection() -> None:
    counted = [
        [reading["measurements"][0]["value"] for reading in played.readings] for played in play(ECHO, parse(CAPTURE))
    ]
    # connected, opened, bytes, what the hub sent, silent, command, lost; connected, opened, bytes
    assert counted == [[], [], ["11"], [], ["12"], ["17"], [], [], [], ["11"]]


def test_the_session_knows_the_wall_clock() -> None:
    silent = next(played for played in play(ECHO, parse(CAPTURE)) if played.line.at_s == 3)
    assert silent.readings[0]["measured"] == datetime(2026, 11, 22, 8, 0, 3).isoformat()  # noqa: DTZ001 - as there


def test_golden_readings_are_filled_in_and_nothing_else_changes(tmp_path: Path) -> None:
    path = tmp_path / "one.jsonl"
    path.write_text(CAPTURE)
    before = load(path)
    fill(ECHO, path)
    after = load(path)

    assert json.loads(path.read_text().splitlines()[0])["driver"] == "echo"
    assert [played.readings for played in play(ECHO, after)] == [line.readings for line in after.lines]
    assert [line._replace(readings=()) for line in after.lines] == list(before.lines)
    text = path.read_text()
    fill(ECHO, path)
    assert path.read_text() == text


def test_what_was_reviewed_is_written_over_only_when_that_is_said(tmp_path: Path) -> None:
    path = tmp_path / "one.jsonl"
    path.write_text(CAPTURE)
    fill(ECHO, path)
    reviewed = path.read_text()
    other = reviewed.replace('{"start": 10}', '{"start": 11}')
    path.write_text(other)
    with pytest.raises(ConfigError, match=r"one\.jsonl at 0\.0 s: .* nothing was written"):
        fill(ECHO, path)
    assert path.read_text() == other
    fill(ECHO, path, again=True)
    assert path.read_text() == other.replace('"17"', '"18"').replace('"12"', '"13"').replace('"11"', '"12"')
