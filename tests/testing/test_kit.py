"""The conformance kit finds what it is there to find."""

import contextlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from hub_agent import nomenclature as mdc
from hub_agent.captures import fill
from hub_agent.driver import (
    SERIAL,
    Action,
    BleLink,
    Chunk,
    DecodeError,
    Driver,
    Emit,
    Match,
    Moment,
    SerialLink,
    decode_only,
    sig_uuid,
)
from hub_agent.model import Absent, Code, Measurement, Quality, Reading, ReadingClass
from hub_agent.testing import checks, table_rows
from hub_agent.testing.kit import weigh

CHANNEL = sig_uuid(0xFFF1)
TABLE = "| driver | device | link | measures | level | quirks |\n|---|---|---|---|---|---|\n"
ROW = "| `toy` | a toy | BLE | SpO2 | decoded | none |\n"


def _reading(value: Decimal | None, absent: Absent | None = None) -> Reading:
    return Reading(ReadingClass.CONTINUOUS, (Measurement(mdc.SPO2, "%", value, absent),))


def _honest(data: bytes) -> Reading | None:
    if len(data) != 1:
        raise DecodeError("one byte")
    return _reading(Decimal(data[0])) if data[0] else _reading(None, Absent.UNKNOWN)


HONEST = Driver(
    name="toy",
    title="a toy",
    link=BleLink(notify=(CHANNEL,), match=Match(names=("toy",))),
    measures=frozenset({mdc.SPO2}),
    session=decode_only({CHANNEL: _honest}),
)


class _Lines:
    """A serial session: a byte is a value, a line feed ends the line."""

    def __init__(self, *, buffered: bool) -> None:
        self._rest = b""
        self._buffered = buffered

    def opened(self, moment: Moment) -> Sequence[Action]:
        del moment
        return ()

    def received(self, chunk: Chunk) -> Sequence[Action]:
        *lines, rest = (self._rest + chunk.data).split(b"\n")
        self._rest = rest[-8:] if self._buffered else b""
        return [Emit(_reading(Decimal(len(line)))) for line in lines if 0 < len(line) < 8]

    def silent(self, moment: Moment) -> Sequence[Action]:
        return self.opened(moment)

    def command(self, name: str, moment: Moment) -> Sequence[Action]:
        del name
        return self.opened(moment)


class _Hoarder(_Lines):
    def __init__(self) -> None:
        super().__init__(buffered=True)
        self.heard: list[Chunk] = []

    def received(self, chunk: Chunk) -> Sequence[Action]:
        self.heard.append(chunk)
        return ()


def _serial(**lines: Any) -> Driver:  # noqa: ANN401 - handed on as it is
    return replace(HONEST, link=SerialLink(9600), session=lambda _options: _Lines(**lines))


def _run(driver: Driver, *, only: str = "", **given: Any) -> None:  # noqa: ANN401 - handed on as it is
    chosen = [check for check in checks(driver, **given) if only in str(check)]
    assert chosen
    for check in chosen:
        check()


def test_an_honest_driver_passes() -> None:
    _run(HONEST, readme=TABLE + ROW)
    _run(_serial(buffered=True), readme=TABLE + ROW.replace("BLE", "serial"))


@pytest.mark.parametrize(
    "reading",
    [
        _reading(Decimal("NaN")),
        _reading(Decimal(0)),
        _reading(None),
        _reading(Decimal(97), Absent.ERROR),
        _reading(Decimal(97))._replace(quality=Quality.INVALID),
        _reading(Decimal(97))._replace(measurements=()),
        _reading(Decimal(97))._replace(cls=ReadingClass.ALARM),
        _reading(Decimal(97))._replace(measurements=(Measurement(mdc.SPO2, "mm[Hg]", Decimal(97)),)),
        _reading(Decimal(97))._replace(measurements=(Measurement(mdc.WEIGHT, "kg", Decimal(97)),)),
    ],
    ids=["nan", "zero", "neither", "both", "invalid", "empty", "alarm", "unit", "undeclared"],
)
def test_a_reading_against_the_model_is_found(reading: Reading) -> None:
    with pytest.raises(AssertionError):
        _run(replace(HONEST, session=decode_only({CHANNEL: lambda _data: reading})), only="any_bytes")


def test_an_exception_of_another_kind_is_found() -> None:
    with pytest.raises(IndexError):
        _run(replace(HONEST, session=decode_only({CHANNEL: lambda data: _reading(Decimal(data[3]))})), only="any_bytes")


def test_a_session_that_remembers_across_connections_is_found() -> None:
    counted: list[int] = []

    def decode(data: bytes) -> Reading:
        counted.append(len(data))
        return _reading(Decimal(len(counted)))

    with pytest.raises(AssertionError, match="other actions"):
        _run(replace(HONEST, session=decode_only({CHANNEL: decode})), only="any_bytes")


def test_a_decoder_that_takes_chunks_for_frames_is_found(tmp_path: Path) -> None:
    _capture(tmp_path, {"channel": SERIAL, "hex": b"one\nthree\nseven\n".hex()})
    _run(_serial(buffered=True), only="splitting", captures=tmp_path)
    with pytest.raises(AssertionError, match="elsewhere"):
        _run(_serial(buffered=False), only="splitting", captures=tmp_path)


def test_a_ble_channel_is_a_stream_where_the_link_says_so(tmp_path: Path) -> None:
    _capture(tmp_path, {"channel": "fff1", "hex": b"one\nthree\nseven\n".hex()})
    link = BleLink(notify=(CHANNEL,), match=Match(), streams=(CHANNEL,))
    for buffered in (True, False):
        driver = replace(_serial(buffered=buffered), link=link)
        with contextlib.nullcontext() if buffered else pytest.raises(AssertionError, match="elsewhere"):
            _run(driver, only="splitting", captures=tmp_path)


def test_a_session_that_joins_chunks_of_a_channel_that_is_no_stream_is_found() -> None:
    session = _Lines(buffered=True)
    session.joins_chunks = True  # type: ignore[attr-defined]  # as the deframer that drivers use has
    link = BleLink(notify=(CHANNEL,), match=Match())
    with pytest.raises(AssertionError, match="streams"):
        _run(replace(HONEST, session=lambda _options: session), only="declaration")
    _run(replace(HONEST, link=replace(link, streams=(CHANNEL,)), session=lambda _options: session), only="declaration")


def test_a_battery_level_of_the_wrong_class_is_found() -> None:
    battery = Reading(ReadingClass.CONTINUOUS, (Measurement(mdc.BATTERY, "%", Decimal(80)),))
    wrong = battery._replace(cls=ReadingClass.EPISODIC)
    driver = replace(HONEST, measures=frozenset({mdc.BATTERY}))
    _run(replace(driver, session=decode_only({CHANNEL: lambda _data: battery})), only="any_bytes")
    with pytest.raises(AssertionError, match=r"hub_drivers\.battery"):
        _run(replace(driver, session=decode_only({CHANNEL: lambda _data: wrong})), only="any_bytes")


def test_a_session_that_grows_is_found() -> None:
    with pytest.raises(AssertionError, match="grew"):
        _run(replace(HONEST, session=lambda _options: _Hoarder()), only="bounded")


@pytest.mark.parametrize(
    "driver",
    [
        replace(HONEST, name="Toy One"),
        replace(HONEST, measures=frozenset()),
        replace(HONEST, measures=frozenset({Code(1)})),
        replace(HONEST, link=BleLink(notify=("2A37",), match=Match())),
        replace(HONEST, link=BleLink(notify=(CHANNEL,), match=Match(), streams=(sig_uuid(0xFFF2),))),
        replace(HONEST, options={"speed": ""}),
    ],
)
def test_a_wrong_declaration_is_found(driver: Driver) -> None:
    with pytest.raises(AssertionError):
        _run(driver, only="declaration")


@pytest.mark.parametrize("row", ["", ROW.replace("decoded", "complete"), ROW.replace("BLE", "serial")])
def test_a_missing_or_wrong_row_is_found(row: str) -> None:
    with pytest.raises(AssertionError):
        _run(HONEST, only="readme", readme=TABLE + row)


def test_only_rows_of_drivers_are_rows() -> None:
    assert list(table_rows(TABLE + ROW)) == ["toy"]


def _capture(folder: Path, *rows: Mapping[str, Any]) -> Path:
    path = folder / "one.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_golden_readings_are_held(tmp_path: Path) -> None:
    path = _capture(tmp_path, {"source": "a toy"}, {"channel": "fff1", "hex": "61"}, {"event": "silent", "at_s": 2})
    with pytest.raises(AssertionError, match=r"one at 0\.0 s, .*fff1.* 61: .*'97'.*, reviewed: \[\]"):
        _run(HONEST, only="golden", captures=tmp_path)
    fill(HONEST, path)
    _run(HONEST, only="golden", captures=tmp_path)


def test_options_that_a_driver_needs_are_given_to_every_session() -> None:
    needy = replace(HONEST, session=lambda options: decode_only({CHANNEL: options["decode"]})({}))
    with pytest.raises(KeyError):
        _run(needy, only="any_bytes")
    _run(needy, options={"decode": _honest})


def test_weight_follows_what_an_object_owns() -> None:
    session = _Hoarder()
    before = weigh(session)
    session.received(Chunk(CHANNEL, bytes(1000), Moment(0.0, None)))
    assert weigh(session) - before > 1000
