"""Oximetry frames as readings, and the memory of spot checks."""

from datetime import datetime
from decimal import Decimal

import pytest

from hub_agent import nomenclature as mdc
from hub_agent.driver import Action, Chunk, Emit, Moment, Rejected, Session, Wait, Warn, Write
from hub_agent.model import Absent, DeviceTime, Measurement, Quality, Reading, ReadingClass
from hub_drivers.pulse_oximeter.driver import CONTINUOUS, DRIVER, FEATURES, FORMATS, SPOT_CHECK
from hub_drivers.record_access.frame import CONTROL_POINT

NOW = Moment(0.0, None)


def _feed(session: Session, channel: str, data: str) -> list[Action]:
    return list(session.received(Chunk(channel, bytes.fromhex(data), NOW)))


def _read(channel: str, data: str) -> Reading:
    (action,) = _feed(DRIVER.session({}), channel, data)
    assert isinstance(action, Emit)
    return action.reading


def test_a_live_value() -> None:
    reading = _read(CONTINUOUS, "1c5f005a00200000000057f0")
    assert reading == Reading(
        ReadingClass.CONTINUOUS,
        (
            Measurement(mdc.SPO2, "%", Decimal(95)),
            Measurement(mdc.PULSE_RATE_OXIMETER, "/min", Decimal(90)),
            Measurement(mdc.PERFUSION_INDEX, "%", Decimal("8.7")),
        ),
    )


@pytest.mark.parametrize(
    ("data", "absent"),
    [
        ("00ff07ff07", Absent.NOT_A_NUMBER),
        ("0000080008", Absent.ERROR),
        ("0000000000", Absent.UNKNOWN),
    ],
)
def test_searching_is_absent_never_a_number(data: str, absent: Absent) -> None:
    reading = _read(CONTINUOUS, data)
    assert [each.value for each in reading.measurements] == [None, None]
    assert [each.absent for each in reading.measurements] == [absent, absent]
    assert Quality.SEARCHING in reading.quality


def test_one_special_value_does_not_spoil_the_other() -> None:
    reading = _read(CONTINUOUS, "006200ff07")
    assert [each.value for each in reading.measurements] == [Decimal(98), None]
    assert Quality.SEARCHING not in reading.quality


def test_status_bits_become_quality() -> None:
    reading = _read(CONTINUOUS, "08620048007c0800")
    assert reading.quality == (
        Quality.SENSOR_OFF | Quality.LOW_PERFUSION | Quality.ARTEFACT | Quality.WEAK_SIGNAL | Quality.QUESTIONABLE
    )
    assert reading.measurements[0].value == 98


def test_reserved_bits_say_nothing() -> None:
    assert _read(CONTINUOUS, "ec620048001f000000ff") == _read(CONTINUOUS, "00620048 00")


def test_an_invalid_measurement_has_no_values() -> None:
    reading = _read(CONTINUOUS, "04620048000080")
    assert Quality.INVALID in reading.quality
    assert [each.absent for each in reading.measurements] == [Absent.ERROR, Absent.ERROR]


@pytest.mark.parametrize("data", ["0065004800", "0062004802", "0062804880"])
def test_what_cannot_be_is_quarantined(data: str) -> None:
    assert Quality.IMPLAUSIBLE in _read(CONTINUOUS, data).quality


def test_a_spot_check_keeps_its_time() -> None:
    reading = _read(SPOT_CHECK, "0162004800ea070b16081e05")
    assert reading.cls is ReadingClass.EPISODIC
    assert reading.measured == DeviceTime(datetime(2026, 11, 22, 8, 30, 5))
    assert not reading.stored


def test_an_unknown_date_costs_the_time_not_the_reading() -> None:
    reading = _read(SPOT_CHECK, "016200480000000b16081e05")
    assert reading.measured is None
    assert reading.quality is Quality.CLOCK_NOT_SET
    assert reading.measurements[0].value == 98


def test_status_from_storage_is_a_backfill() -> None:
    assert _read(SPOT_CHECK, "02620048000002").stored


def _with_memory(**options: object) -> Session:
    session = DRIVER.session(options)
    assert _feed(session, FEATURES, "0400") == []
    return session


def test_memory_is_read_when_the_device_has_one() -> None:
    session = _with_memory()
    assert list(session.opened(NOW)) == [Write(CONTROL_POINT, b"\x01\x01"), Wait(30.0)]
    emit, wait = _feed(session, SPOT_CHECK, "0162004800ea070b16081e05")
    assert isinstance(emit, Emit)
    assert emit.reading.stored
    assert wait == Wait(30.0)
    assert _feed(session, CONTROL_POINT, "06000101") == []
    (live,) = _feed(session, SPOT_CHECK, "0162004800ea070b16081e05")
    assert isinstance(live, Emit)
    assert not live.reading.stored


def test_memory_is_read_also_when_the_features_come_after_opening() -> None:
    session = DRIVER.session({})
    assert list(session.opened(NOW)) == []
    assert _feed(session, FEATURES, "0400") == [Write(CONTROL_POINT, b"\x01\x01"), Wait(30.0)]


def test_a_device_without_memory_is_asked_for_none() -> None:
    session = DRIVER.session({})
    _feed(session, FEATURES, "0000")
    assert list(session.opened(NOW)) == []


def test_records_are_erased_only_when_told_and_only_after_all_came() -> None:
    session = _with_memory(erase=True)
    list(session.opened(NOW))
    _feed(session, SPOT_CHECK, "0162004800ea070b16081e05")
    assert _feed(session, CONTROL_POINT, "06000101") == [Write(CONTROL_POINT, b"\x02\x01"), Wait(30.0)]
    assert _feed(session, CONTROL_POINT, "06000201") == []


def test_an_empty_memory_is_left_alone() -> None:
    session = _with_memory(erase=True)
    list(session.opened(NOW))
    assert _feed(session, CONTROL_POINT, "06000106") == []


@pytest.mark.parametrize("answer", ["06000102", "06000104", "06000108"])
def test_a_refusal_is_told_and_erases_nothing(answer: str) -> None:
    session = _with_memory(erase=True)
    list(session.opened(NOW))
    _feed(session, SPOT_CHECK, "0162004800ea070b16081e05")
    assert _feed(session, CONTROL_POINT, answer) == [Warn("record_access_refused")]


def test_a_device_that_falls_silent_is_aborted() -> None:
    session = _with_memory()
    list(session.opened(NOW))
    assert list(session.silent(NOW)) == [Warn("record_access_silent"), Write(CONTROL_POINT, b"\x03\x00")]
    assert list(session.silent(NOW)) == []
    assert len(list(session.command("read-memory", NOW))) == 2


def test_a_count_is_no_answer_to_a_report() -> None:
    (action,) = _feed(_with_memory(), CONTROL_POINT, "050001")
    assert isinstance(action, Rejected)


@pytest.mark.parametrize(
    ("data", "fields"),
    [
        ("2400", {"features": 0x24}),
        ("2500e000", {"features": 0x25, "measurement_status_support": 0xE0}),
        ("2600200100", {"features": 0x26, "device_sensor_status_support": 0x120}),
        (
            "270000e0200100",
            {"features": 0x27, "measurement_status_support": 0xE000, "device_sensor_status_support": 0x120},
        ),
    ],
)
def test_features_have_a_mask_where_they_announce_one(data: str, fields: dict[str, int]) -> None:
    assert FORMATS["ble.2a60"](bytes.fromhex(data)) == fields
