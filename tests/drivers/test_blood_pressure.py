"""Cuff values as readings, and the cuff's few seconds awake."""

from datetime import datetime
from decimal import Decimal

import pytest

from hub_agent import nomenclature as mdc
from hub_agent.driver import Action, BleLink, Chunk, Emit, Finished, Moment, Read, Rejected, Session, Wait, Write
from hub_agent.model import Absent, DeviceTime, Measurement, Quality, Reading, ReadingClass
from hub_drivers.battery.frame import BATTERY_LEVEL
from hub_drivers.blood_pressure.driver import CUFF_PRESSURE, DRIVER, MEASUREMENT
from hub_drivers.blood_pressure.frame import feature_fields
from hub_drivers.current_time.frame import DATE_TIME

HOME = datetime(2026, 11, 22, 8, 30)
NOW = Moment(0.0, HOME)


def _feed(session: Session, channel: str, data: str) -> list[Action]:
    return list(session.received(Chunk(channel, bytes.fromhex(data), NOW)))


def _read(data: str, channel: str = MEASUREMENT) -> Reading:
    emit, _wait = _feed(DRIVER.session({}), channel, data)
    assert isinstance(emit, Emit)
    return emit.reading


def test_millimetres_of_mercury() -> None:
    assert _read("1e780050005d00ea070b16081e054800010000") == Reading(
        ReadingClass.EPISODIC,
        (
            Measurement(mdc.SYSTOLIC, "mm[Hg]", Decimal(120)),
            Measurement(mdc.DIASTOLIC, "mm[Hg]", Decimal(80)),
            Measurement(mdc.MEAN_PRESSURE, "mm[Hg]", Decimal(93)),
            Measurement(mdc.PULSE_RATE_NIBP, "/min", Decimal(72)),
        ),
        Quality.GOOD,
        DeviceTime(datetime(2026, 11, 22, 8, 30, 5)),
        user=1,
    )


def test_kilopascals_stay_kilopascals() -> None:
    reading = _read("15bdf00b009ff03c001200")
    assert reading.measurements[:3] == (
        Measurement(mdc.SYSTOLIC, "kPa", Decimal("18.9")),
        Measurement(mdc.DIASTOLIC, "kPa", Decimal(11)),
        Measurement(mdc.MEAN_PRESSURE, "kPa", Decimal("15.9")),
    )
    assert reading.quality == Quality.CUFF_LOOSE | Quality.OUT_OF_RANGE


def test_a_mean_of_nan_is_normal() -> None:
    reading = _read("0078005000ff07")
    assert reading.quality is Quality.GOOD
    assert reading.measurements[2] == Measurement(mdc.MEAN_PRESSURE, "mm[Hg]", None, Absent.NOT_A_NUMBER)


def test_a_failed_measurement_is_invalid_and_holds_no_number() -> None:
    reading = _read("14ff07ff07ff0748000100")
    assert Quality.INVALID in reading.quality
    assert Quality.BODY_MOVEMENT in reading.quality
    assert all(each.value is None for each in reading.measurements)


@pytest.mark.parametrize(
    ("bit", "quality"),
    [
        (0, Quality.BODY_MOVEMENT),
        (1, Quality.CUFF_LOOSE),
        (2, Quality.IRREGULAR_PULSE),
        (3, Quality.OUT_OF_RANGE),
        (4, Quality.OUT_OF_RANGE),
        (5, Quality.BAD_POSITION),
        (6, Quality.GOOD),
        (15, Quality.GOOD),
    ],
)
def test_each_status_bit(bit: int, quality: Quality) -> None:
    assert _read("1078005000ff07" + (1 << bit).to_bytes(2, "little").hex()).quality == quality


def test_zeros_are_absent() -> None:
    reading = _read("04000000000000 0000")
    assert [each.absent for each in reading.measurements] == [Absent.UNKNOWN] * 4
    assert Quality.INVALID in reading.quality


@pytest.mark.parametrize("data", ["0050007800ff07", "0050005000ff07", "00ff035000ff07", "00bdf00b009ff0"])
def test_what_cannot_be_is_quarantined(data: str) -> None:
    assert Quality.IMPLAUSIBLE in _read(data).quality


def test_user_255_is_nobody() -> None:
    assert _read("0878005000ff07ff").user is None
    assert _read("0878005000ff0702").user == 2


def test_an_unknown_date_costs_the_time_not_the_reading() -> None:
    reading = _read("0278005000ff070000000016081e")
    assert reading.measured is None
    assert reading.quality is Quality.CLOCK_NOT_SET


def test_the_cuff_while_it_fills() -> None:
    reading = _read("0004000000 0000", CUFF_PRESSURE)
    assert reading.cls is ReadingClass.CONTINUOUS
    assert reading.measurements == (Measurement(mdc.CUFF_PRESSURE, "mm[Hg]", Decimal(4)),)


def test_a_layout_of_its_own_is_refused() -> None:
    (action,) = _feed(DRIVER.session({}), MEASUREMENT, "fe202700750055005f00e407091810093a690001")
    assert isinstance(action, Rejected)
    assert len(action.data) == 20


def test_the_dance_of_an_a_and_d_cuff() -> None:
    assert isinstance(DRIVER.link, BleLink)
    assert DRIVER.link.open_before_subscribe
    assert DRIVER.link.subscribe_gap_s == 0.1
    session = DRIVER.session({})
    assert _feed(session, DATE_TIME, "e407010100 0000") == []
    assert list(session.opened(NOW)) == [
        Write(DATE_TIME, bytes.fromhex("ea070b16081e00")),
        Read(DATE_TIME),
        Wait(30.0),
    ]
    assert _feed(session, DATE_TIME, "ea070b16081e02") == []
    old, quiet = _feed(session, MEASUREMENT, "0278005000ff07e3070c1f080000")
    live, _quiet = _feed(session, MEASUREMENT, "0278005000ff07e4070101000000")
    assert isinstance(old, Emit)
    assert isinstance(live, Emit)
    assert (old.reading.stored, live.reading.stored) == (True, False)
    assert quiet == Wait(10.0)
    assert list(session.silent(NOW)) == [Finished()]


def test_battery_and_strangers() -> None:
    session = DRIVER.session({})
    (emit,) = _feed(session, BATTERY_LEVEL, "64")
    assert isinstance(emit, Emit)
    (rejected,) = _feed(session, "serial", "64")
    assert isinstance(rejected, Rejected)


def test_features_are_bits() -> None:
    assert feature_fields(b"\x05\x00") == {"features": 5}
