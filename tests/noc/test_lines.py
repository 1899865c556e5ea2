"""What the NOC prints, as a program reads it."""

import json
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub_agent.errors import DecodeError
from hub_agent.model import (
    Absent,
    ClockState,
    Code,
    DeviceTime,
    Measurement,
    Quality,
    Reading,
    ReadingClass,
    ReceivedReading,
    Samples,
    Stamp,
)
from hub_agent.noc.lines import Charted, Fault, fault_line, line
from hub_agent.noc.rows import rows_of
from hub_agent.noc.service import _text
from hub_agent.spelling import instant
from hub_agent.wire import Event, Item
from tests.items import ITEMS

AT = Stamp("00" * 8, 0, 1_767_225_600_000_000_000, ClockState.SYNCED)
AT_MS = 1_767_225_600_000
SPO2 = Measurement(Code(150456), "%", Decimal("97.50"))


def printed(reading: Reading, received_ms: int | None = AT_MS, noc_ms: int = AT_MS + 120) -> Any:  # noqa: ANN401 - JSON
    item = ReceivedReading("oximeter", reading, AT)
    text = line(Charted("hub-1", b"\x01" * 16, 7, item, received_ms, noc_ms))
    assert "\n" not in text
    return json.loads(text, parse_float=Decimal)


def test_a_live_reading_is_named_in_all_code_systems_and_exact() -> None:
    assert printed(Reading(ReadingClass.CONTINUOUS, (SPO2,))) == {
        "type": "reading",
        "hub": "hub-1",
        "device": "oximeter",
        "class": "continuous",
        "received_at": "2026-01-01T00:00:00.000+00:00",
        "measured_at": "2026-01-01T00:00:00.000+00:00",
        "charted_at": "2026-01-01T00:00:00.120+00:00",
        "clock": "synced",
        "quality": [],
        "measurements": [
            {
                "mdc": 150456,
                "refid": "MDC_PULS_OXIM_SAT_O2",
                "loinc": ["2708-6", "59408-5"],
                "ucum": "%",
                "value": Decimal("97.50"),
            }
        ],
        "stored": False,
        "late": False,
        "latency_s": Decimal("0.12"),
        "journal": "01" * 16,
        "seq": 7,
    }
    assert '"value":97.50}' in line(
        Charted("h", b"", 1, ReceivedReading("d", Reading(ReadingClass.CONTINUOUS, (SPO2,)), AT), 0, 0)
    )


def test_an_absent_value_says_why_and_quality_has_names() -> None:
    reading = Reading(
        ReadingClass.CONTINUOUS,
        (Measurement(Code(150456), "%", None, Absent.NOT_A_NUMBER),),
        Quality.SEARCHING | Quality.LOW_BATTERY,
    )
    found = printed(reading)
    assert found["quality"] == ["searching", "low_battery"]
    assert found["measurements"][0]["absent"] == "not-a-number"
    assert "value" not in found["measurements"][0]


@pytest.mark.parametrize(
    ("stored", "measured", "quality", "expected"),
    [
        (False, None, Quality.GOOD, "2026-01-01T00:00:00.000+00:00"),
        (True, None, Quality.GOOD, None),
        (True, DeviceTime(datetime(2025, 12, 31, 12, 0)), Quality.GOOD, None),  # noqa: DTZ001 - whose zone?
        (True, DeviceTime(datetime(2025, 12, 31, 12, 0), 60), Quality.GOOD, "2025-12-31T11:00:00.000+00:00"),  # noqa: DTZ001
        (True, DeviceTime(datetime(2025, 12, 31, 12, 0), 60), Quality.CLOCK_NOT_SET, None),  # noqa: DTZ001
        (True, DeviceTime(datetime(1, 1, 1), 840), Quality.GOOD, None),  # noqa: DTZ001
        (True, DeviceTime(datetime(2025, 1, 1), 9999), Quality.GOOD, None),  # noqa: DTZ001
    ],
)
def test_when_it_was_measured_is_said_where_it_is_known(
    *, stored: bool, measured: DeviceTime | None, quality: Quality, expected: str | None
) -> None:
    found = printed(Reading(ReadingClass.EPISODIC, (SPO2,), quality, measured, stored=stored))
    assert found["measured_at"] == expected
    if measured is not None:
        assert found["device_time"] == measured.local.isoformat()


def test_what_has_no_time_has_none_and_is_late() -> None:
    found = printed(Reading(ReadingClass.CONTINUOUS, (SPO2,)), received_ms=None)
    assert (found["received_at"], found["measured_at"], found["latency_s"], found["late"]) == (None, None, None, True)


@pytest.mark.parametrize(("age_ms", "late"), [(30_000, False), (30_001, True), (-5_000, False)])
def test_what_is_older_than_the_promise_is_late(*, age_ms: int, late: bool) -> None:
    assert printed(Reading(ReadingClass.CONTINUOUS, (SPO2,)), noc_ms=AT_MS + age_ms)["late"] is late


def test_a_code_of_a_newer_hub_has_only_its_number() -> None:
    (found,) = printed(Reading(ReadingClass.CONTINUOUS, (Measurement(Code(1), "%", Decimal(5)),)))["measurements"]
    assert found == {"mdc": 1, "refid": None, "loinc": [], "ucum": "%", "value": 5}


def test_a_waveform_has_its_samples() -> None:
    block = Samples(Code(150452), "1", Decimal("0.02"), Decimal("0.50"), (1, None, -3))
    (found,) = printed(Reading(ReadingClass.WAVEFORM, (), samples=(block,)))["samples"]
    assert (found["period_s"], found["scale"], found["data"]) == (Decimal("0.02"), Decimal("0.50"), [1, None, -3])


def test_events_and_faults() -> None:
    event = Event("rejected", AT, {"bytes": b"\x00\xff", "device": "cuff"})
    found = json.loads(line(Charted("hub-1", b"", 1, event, AT_MS, AT_MS)))
    assert (found["type"], found["kind"], found["fields"]) == ("event", "rejected", {"bytes": "00ff", "device": "cuff"})
    fault = json.loads(fault_line(Fault("hub-1", "gap", b"\x02", 9), AT_MS))
    assert (fault["type"], fault["kind"], fault["journal"], fault["seq"]) == ("fault", "gap", "02", 9)


@given(ITEMS, st.none() | st.integers(-(1 << 53), 1 << 53), st.integers(0, 1 << 42))
def test_whatever_a_row_can_hold_a_line_and_a_screen_can_show(
    items: list[Item], received_ms: int | None, noc_ms: int
) -> None:
    try:
        rows = rows_of(items)
    except DecodeError:
        return
    for row in [row for row, _ in rows.readings] + [row for row, _ in rows.events]:
        assert all(part is None or isinstance(part, int | str) for part in row)
    for item in items:
        charted = Charted("hub-1", b"", 1, item, received_ms, noc_ms)
        assert json.loads(line(charted))["seq"] == 1
        assert _text(charted)


def test_an_event_on_the_screen_is_words_without_what_it_does_not_have() -> None:
    event = Event("alarm", AT, {"condition": "no_data", "device": "cuff", "value": None, "escalated": False})
    text = _text(Charted("hub-1", b"", 1, event, None, AT_MS))
    assert text == "time unknown hub-1 ALARM  condition=no_data device=cuff escalated=false"


def test_an_instant_beyond_the_calendar_is_none() -> None:
    assert instant(1 << 53) is None
    assert instant(None) is None
    assert instant(0) == "1970-01-01T00:00:00.000+00:00"
