"""Weights and body compositions as readings, and what a scale with users wants first."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from hub_agent import nomenclature as mdc
from hub_agent.driver import Action, Chunk, Driver, Emit, Finished, Moment, Rejected, Session, Wait, Warn, Write
from hub_agent.errors import DriverError
from hub_agent.model import Absent, DeviceTime, Measurement, Quality, Reading
from hub_drivers.body_composition.driver import BODY_COMPOSITION, WEIGHT_SCALE
from hub_drivers.body_composition.session import COMPOSITION, WEIGHT
from hub_drivers.codec.sig_time import date_time
from hub_drivers.current_time.frame import CURRENT_TIME, encode
from hub_drivers.user_data.consent import CONTROL_POINT

HOME = datetime(2026, 11, 22, 8, 30)
NOW = Moment(0.0, HOME)


def _feed(session: Session, channel: str, data: str) -> list[Action]:
    return list(session.received(Chunk(channel, bytes.fromhex(data), NOW)))


def _readings(actions: list[Action]) -> list[Reading]:
    return [action.reading for action in actions if isinstance(action, Emit)]


def _read(channel: str, data: str, driver: Driver = BODY_COMPOSITION) -> Reading:
    (reading,) = _readings(_feed(driver.session({}), channel, data))
    return reading


def _values(reading: Reading) -> dict[int, Decimal | None]:
    return {each.code: each.value for each in reading.measurements}


@pytest.mark.parametrize(
    ("data", "unit", "value"), [("00b036", "kg", "70.000"), ("01543d", "[lb_av]", "157.00"), ("00b136", "kg", "70.005")]
)
def test_the_scale_s_unit_exactly(data: str, unit: str, value: str) -> None:
    (weight,) = _read(WEIGHT, data, WEIGHT_SCALE).measurements
    assert (weight.code, weight.unit, str(weight.value)) == (mdc.WEIGHT, unit, value)


def test_a_failed_weight_is_an_error_and_a_zero_is_nothing() -> None:
    failed = _read(WEIGHT, "00ffff")
    assert failed.measurements == (Measurement(mdc.WEIGHT, "kg", None, Absent.ERROR),)
    assert failed.quality is Quality.INVALID
    assert _read(WEIGHT, "000000").measurements == (Measurement(mdc.WEIGHT, "kg", None, Absent.UNKNOWN),)


def test_index_and_height_come_together() -> None:
    values = _values(_read(WEIGHT, "08b036f500a406"))
    assert values == {mdc.WEIGHT: Decimal(70), mdc.BMI: Decimal("24.5"), mdc.HEIGHT: Decimal("1.7")}


def test_every_field_of_a_composition() -> None:
    data = "ff0fc800ea070b16081e0002d0079001" + "e803" * 4 + "8813" + "1027" + "bc02"
    reading = _read(COMPOSITION, data)
    assert reading.user == 2
    assert reading.measured == DeviceTime(HOME)
    assert _values(reading) == {
        mdc.BODY_FAT: Decimal(20),
        mdc.BASAL_METABOLISM: Decimal(2000),
        mdc.MUSCLE_SHARE: Decimal(40),
        mdc.MUSCLE_MASS: Decimal(10),
        mdc.FAT_FREE_MASS: Decimal(10),
        mdc.SOFT_LEAN_MASS: Decimal(10),
        mdc.BODY_WATER: Decimal(10),
        mdc.BODY_IMPEDANCE: Decimal(500),
        mdc.WEIGHT: Decimal(100),
        mdc.HEIGHT: Decimal(70),
    }
    assert {each.unit for each in reading.measurements} == {"%", "kJ", "[lb_av]", "Ohm", "[in_i]"}


def test_zeros_are_absent_and_the_composition_incomplete() -> None:
    reading = _read(COMPOSITION, "9803000096230000000000000000")
    assert [code for code, value in _values(reading).items() if value is not None] == [mdc.BASAL_METABOLISM]
    assert reading.quality is Quality.INCOMPLETE


def test_a_failed_share_is_a_failed_measurement() -> None:
    failed = _read(COMPOSITION, "0800ffff9623")
    assert failed.quality is Quality.INVALID
    assert [each.absent for each in failed.measurements] == [Absent.ERROR, Absent.ERROR]


def test_an_impossible_share_is_quarantined() -> None:
    assert Quality.IMPLAUSIBLE in _read(COMPOSITION, "00001234").quality


def test_a_composition_takes_time_and_user_of_the_weight_before_it_once() -> None:
    session = BODY_COMPOSITION.session({})
    stamp = date_time(HOME - timedelta(days=3)).hex()
    _feed(session, WEIGHT, "06b036" + stamp + "02")
    (first,) = _readings(_feed(session, COMPOSITION, "0000c800"))
    (second,) = _readings(_feed(session, COMPOSITION, "0000c800"))
    assert (first.measured, first.user) == (DeviceTime(HOME - timedelta(days=3)), 2)
    assert (second.measured, second.user) == (None, None)


def test_two_packets_are_one_measurement() -> None:
    session = BODY_COMPOSITION.session({})
    assert _readings(_feed(session, COMPOSITION, "0010c800")) == []
    (reading,) = _readings(_feed(session, COMPOSITION, "0014c8001027"))
    assert _values(reading) == {mdc.BODY_FAT: Decimal(20), mdc.WEIGHT: Decimal(50)}


@pytest.mark.parametrize("then", ["weight", "composition", "silence", "other unit"])
def test_a_packet_that_stays_alone_is_not_lost(then: str) -> None:
    session = BODY_COMPOSITION.session({})
    _feed(session, COMPOSITION, "0010c800")
    if then == "weight":
        actions = _feed(session, WEIGHT, "00b036")
    elif then == "composition":
        actions = _feed(session, COMPOSITION, "00009600")
    elif then == "other unit":
        actions = [*_feed(session, COMPOSITION, "01109600"), *session.silent(NOW)]
    else:
        actions = list(session.silent(NOW))
    assert _values(_readings(actions)[0]) == {mdc.BODY_FAT: Decimal(20)}


def test_a_scale_with_users_gets_time_and_consent_first() -> None:
    session = BODY_COMPOSITION.session({"user_index": 2, "consent_code": 1234})
    _feed(session, CURRENT_TIME, encode(HOME - timedelta(days=1)).hex())
    time, _verify, consent, wait = session.opened(NOW)
    assert time == Write(CURRENT_TIME, encode(HOME))
    assert consent == Write(CONTROL_POINT, bytes.fromhex("0202d204"))
    assert wait == Wait(30.0)
    assert _feed(session, CONTROL_POINT, "200201") == []
    assert _feed(session, CONTROL_POINT, "200205") == [Warn("user_consent_refused")]


def test_a_consent_without_code_is_told() -> None:
    warn, write, _wait = BODY_COMPOSITION.session({"user_index": 1}).opened(NOW)
    assert warn == Warn("user_consent_without_code")
    assert write == Write(CONTROL_POINT, bytes.fromhex("02010000"))


def test_no_user_no_consent() -> None:
    assert list(BODY_COMPOSITION.session({}).opened(NOW)) == [Wait(30.0)]
    with pytest.raises(DriverError):
        BODY_COMPOSITION.session({"user_index": 255})


def test_a_backfill_is_told_from_the_weight_of_now() -> None:
    session = BODY_COMPOSITION.session({})
    _feed(session, CURRENT_TIME, encode(HOME).hex())
    list(session.opened(NOW))
    (old,) = _readings(_feed(session, WEIGHT, "02b036" + date_time(HOME - timedelta(days=3)).hex()))
    (live,) = _readings(_feed(session, WEIGHT, "02b036" + date_time(HOME).hex()))
    assert (old.stored, live.stored) == (True, False)


@pytest.mark.parametrize(
    ("driver", "channel", "data"),
    [
        (BODY_COMPOSITION, COMPOSITION, "0000c8"),
        (BODY_COMPOSITION, WEIGHT, "00b0"),
        (BODY_COMPOSITION, CONTROL_POINT, "2002"),
        (BODY_COMPOSITION, CONTROL_POINT, "020201"),
        (WEIGHT_SCALE, CONTROL_POINT, "200201"),
        (WEIGHT_SCALE, "serial", "00"),
    ],
)
def test_other_bytes_are_rejected(driver: Driver, channel: str, data: str) -> None:
    (action,) = _feed(driver.session({}), channel, data)
    assert isinstance(action, Rejected)


def test_it_is_let_go_when_quiet() -> None:
    session = WEIGHT_SCALE.session({})
    assert list(session.opened(NOW)) == [Wait(30.0)]
    assert list(session.silent(NOW)) == [Finished()]
    assert list(session.command("else", NOW)) == []
