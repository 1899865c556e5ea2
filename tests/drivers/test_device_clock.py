"""A device's clock: set by its maker's rule, verified, and used to tell live from old."""

from datetime import datetime, timedelta

import pytest

from hub_agent.driver import Moment, Read, Warn, Write
from hub_agent.errors import DecodeError, DriverError
from hub_agent.model import DeviceTime
from hub_drivers.codec.sig_time import date_time
from hub_drivers.current_time.clock import DeviceClock
from hub_drivers.current_time.frame import CURRENT_TIME, DATE_TIME, decode, encode

HOME = datetime(2026, 11, 22, 8, 30)
NOW = Moment(1000.0, HOME)
BLIND = Moment(1000.0, None)
SET_DATE_TIME = [Write(DATE_TIME, bytes.fromhex("ea070b16081e00")), Read(DATE_TIME)]
SET_CURRENT_TIME = [Write(CURRENT_TIME, bytes.fromhex("ea070b16081e00070001")), Read(CURRENT_TIME)]


def _shown(clock: DeviceClock, channel: str, local: datetime, moment: Moment = NOW) -> list[object]:
    return list(clock.told(channel, date_time(local) if channel == DATE_TIME else encode(local), moment))


def test_current_time_is_a_date_a_weekday_and_a_reason() -> None:
    current = decode(encode(HOME + timedelta(milliseconds=500)))
    assert (current.time.local(), current.day_of_week, current.fractions256, current.adjust_reason) == (HOME, 7, 128, 1)


@pytest.mark.parametrize("data", ["", "ea070b16081e000701", "ea070b16081e00070001ff", "ea070b16081e00080001"])
def test_what_is_no_current_time(data: str) -> None:
    with pytest.raises(DecodeError):
        decode(bytes.fromhex(data))


def test_date_time_is_set_at_each_connection_even_when_right() -> None:
    clock = DeviceClock({})
    assert _shown(clock, DATE_TIME, HOME) == []
    assert list(clock.opened(NOW)) == SET_DATE_TIME


@pytest.mark.parametrize(("off_min", "actions"), [(0, []), (9, []), (-11, SET_CURRENT_TIME), (11, SET_CURRENT_TIME)])
def test_current_time_is_set_only_when_it_is_off(off_min: int, actions: list[object]) -> None:
    clock = DeviceClock({})
    _shown(clock, CURRENT_TIME, HOME + timedelta(minutes=off_min))
    assert list(clock.opened(NOW)) == actions


def test_current_time_that_comes_late_is_set_once() -> None:
    clock = DeviceClock({})
    assert list(clock.opened(NOW)) == []
    wrong = HOME - timedelta(days=900)
    assert _shown(clock, CURRENT_TIME, wrong) == SET_CURRENT_TIME
    assert _shown(clock, CURRENT_TIME, HOME) == []
    assert _shown(clock, CURRENT_TIME, wrong) == []


def test_an_unknown_date_is_a_clock_to_be_set() -> None:
    clock = DeviceClock({})
    list(clock.told(CURRENT_TIME, bytes(10), NOW))
    assert list(clock.opened(NOW)) == SET_CURRENT_TIME


def test_a_clock_that_did_not_take_is_told() -> None:
    clock = DeviceClock({})
    _shown(clock, DATE_TIME, HOME - timedelta(days=900))
    list(clock.opened(NOW))
    assert _shown(clock, DATE_TIME, HOME - timedelta(days=900)) == [Warn("device_clock_not_set")]


def test_nothing_is_set_while_the_hub_does_not_know_the_time() -> None:
    clock = DeviceClock({"clock": "date-time"})
    _shown(clock, CURRENT_TIME, HOME - timedelta(days=900), BLIND)
    assert list(clock.opened(BLIND)) == []


def test_a_time_written_unseen_is_written_once_and_verified_when_the_clock_shows() -> None:
    clock = DeviceClock({"clock": "date-time"})
    assert list(clock.opened(NOW)) == SET_DATE_TIME[:1]
    assert _shown(clock, DATE_TIME, HOME - timedelta(days=900)) == SET_DATE_TIME[1:]
    assert clock.fresh(_measured(HOME - timedelta(days=900)), NOW)
    assert _shown(clock, DATE_TIME, HOME - timedelta(days=900)) == [Warn("device_clock_not_set")]


def test_a_clock_that_shows_after_opening_is_set_then() -> None:
    clock = DeviceClock({})
    assert list(clock.opened(NOW)) == []
    assert _shown(clock, DATE_TIME, HOME) == SET_DATE_TIME


def test_modes() -> None:
    assert list(DeviceClock({"clock": "date-time"}).opened(NOW)) == SET_DATE_TIME[:1]
    never = DeviceClock({"clock": "never"})
    _shown(never, DATE_TIME, HOME)
    assert list(never.opened(NOW)) == []
    assert list(DeviceClock({}).opened(NOW)) == []
    with pytest.raises(DriverError, match="clock"):
        DeviceClock({"clock": "sometimes"})


def _measured(local: datetime) -> DeviceTime:
    return DeviceTime(local)


def test_age_is_by_the_device_s_own_clock_however_wrong() -> None:
    clock = DeviceClock({})
    device = HOME - timedelta(days=900)
    _shown(clock, DATE_TIME, device)
    list(clock.opened(NOW))
    later = Moment(1060.0, HOME + timedelta(minutes=1))
    assert clock.fresh(_measured(device), later)
    assert not clock.old(_measured(device), later)
    assert clock.old(_measured(device - timedelta(hours=1)), later)


def test_a_measurement_after_the_clock_was_set_is_live() -> None:
    clock = DeviceClock({})
    _shown(clock, DATE_TIME, HOME + timedelta(days=900))
    list(clock.opened(NOW))
    assert not clock.old(_measured(HOME), NOW)


def test_without_a_clock_nothing_is_proven_old() -> None:
    clock = DeviceClock({})
    assert not clock.old(_measured(HOME - timedelta(days=900)), NOW)
    assert not clock.fresh(_measured(HOME - timedelta(days=900)), NOW)
    assert clock.fresh(_measured(HOME), NOW)
    assert not clock.fresh(_measured(HOME), BLIND)
    assert not clock.fresh(None, NOW)
    assert not clock.old(None, NOW)
