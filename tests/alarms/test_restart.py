"""The alarm book after a restart: nothing forgotten, nothing made up."""

import json
from collections.abc import Sequence
from decimal import Decimal

import pytest

from hub_agent.alarms.alarm import AlarmEvent
from hub_agent.alarms.book import AlarmBook
from hub_agent.alarms.device_watch import Cadence
from hub_agent.alarms.limits import Limit, Priority
from hub_agent.alarms.register import Events
from hub_agent.alarms.technical import TOLD_ANEW
from hub_agent.errors import StorageError
from hub_agent.model import Absent, ClockState, Measurement, Quality, Reading, ReadingClass, ReceivedReading, Stamp
from hub_agent.nomenclature import SPO2

S = 10**9
DEVICES = {"oximeter": Cadence(1.0, 15.0), "thermometer": Cadence(None)}
LOW = Limit(SPO2, "%", Decimal(90), None, priority=Priority.HIGH, hysteresis=Decimal(2))


def at(second: float, boot: str = "ab") -> Stamp:
    return Stamp(boot * 8, round(second * S), 0, ClockState.SYNCED)


def spo2(second: float, value: str | None, *, quality: Quality = Quality.GOOD) -> ReceivedReading:
    number = None if value is None else Decimal(value)
    measurement = Measurement(SPO2, "%", number, Absent.NOT_A_NUMBER if value is None else None)
    return ReceivedReading("oximeter", Reading(ReadingClass.CONTINUOUS, (measurement,), quality), at(second))


def book(*limits: Limit) -> AlarmBook:
    return AlarmBook(limits or (LOW,), DEVICES, at(0))


def brief(events: Sequence[AlarmEvent]) -> list[tuple[str, str]]:
    return [(event.condition, str(event.presence)) for event in events]


def reborn(
    one: AlarmBook, now: Stamp, *limits: Limit, devices: dict[str, Cadence] | None = None
) -> tuple[AlarmBook, Events]:
    plain = json.loads(json.dumps(one.snapshot()))
    other = AlarmBook(limits or (LOW,), DEVICES if devices is None else devices, now)
    return other, other.restore(plain, now)


@pytest.mark.parametrize(("boot", "shift"), [("ab", 0.0), ("cd", -1.0)])
def test_a_restart_keeps_everything_and_in_another_boot_the_time_still_to_go(boot: str, shift: float) -> None:
    slow = Limit(SPO2, "%", Decimal(90), None, delay_s=10)
    one = book(slow, LOW)
    one.reading(spo2(1, "88"))
    one.technical("uplink_down", "", at(1), active=True)
    other, events = reborn(one, at(1 + shift, boot), slow, LOW)
    assert events == ()
    assert other.alarms()[0].alarm_id == one.alarms()[0].alarm_id
    assert brief(other.tick(at(10.9 + shift, boot))) == []
    assert brief(other.tick(at(11 + shift, boot))) == [("limit_low", "on")]
    assert ("uplink_down", "on") in brief(other.tick(at(16 + shift, boot)))


def test_limits_that_the_noc_has_set_survive_and_those_of_the_file_do_not_bind() -> None:
    one = book()
    tighter = Limit(SPO2, "%", Decimal(94), None, priority=Priority.HIGH)
    edited, _ = reborn(one, at(5), tighter)
    assert edited.limits == (tighter,)
    one.set_limits([tighter], 7, at(1))
    other, _ = reborn(one, at(5))
    assert (other.revision, other.limits[0].low) == (7, Decimal(94))
    (event,) = other.reading(spo2(6, "93"))
    assert event.limit_revision == 7


def test_after_a_restart_alarms_of_what_is_gone_end_with_an_event() -> None:
    one = book()
    one.reading(spo2(1, "80"))
    one.reading(spo2(2, "80", quality=Quality.LOW_BATTERY))
    without_limit, events = reborn(one, at(3), Limit(SPO2, "%", None, Decimal(100)))
    assert brief(events) == [("limit_low", "off")]
    without_device, events = reborn(one, at(3), devices={})
    assert sorted(brief(events)) == [("limit_low", "off"), ("low_battery", "off")]
    assert [len(each.alarms()) for each in (without_limit, without_device)] == [1, 0]


@pytest.mark.parametrize("code", sorted(TOLD_ANEW))
def test_what_is_told_anew_in_each_life_ends_with_the_life_it_was_of(code: str) -> None:
    """Else it never ended, and once acknowledged kept the next one of its kind from sounding."""
    one = AlarmBook((LOW,), {}, at(0))
    (alarm, *_) = one.technical(code, "", at(1), active=True) or one.tick(at(20))
    one.acknowledge(alarm.alarm_id, at(21))
    other, events = reborn(one, at(22), devices={})
    assert brief(events) == [(code, "off")]
    assert brief(other.technical(code, "", at(23), active=True) or other.tick(at(60))) == [(code, "on")]


def test_the_delay_of_what_is_told_anew_ends_with_the_life_too() -> None:
    one = AlarmBook((LOW,), {}, at(0))
    assert one.technical("no_subscribers", "", at(1), active=True) == ()
    other, _ = reborn(one, at(2), devices={})
    assert other.tick(at(60)) == ()


def test_after_a_restart_silence_and_trouble_end_as_they_would_have() -> None:
    one = book()
    one.reading(spo2(1, None, quality=Quality.SENSOR_OFF))
    one.tick(at(11))
    one.tick(at(16))
    other, _ = reborn(one, at(20))
    assert brief(other.reading(spo2(21, "97"))) == [("no_data", "off"), ("sensor_off", "off")]


@pytest.mark.parametrize("damage", [{"form": 2}, {"alarms": [1]}, {"limits": [{}]}, {"boot": None}])
def test_a_damaged_memory_is_refused_and_changes_nothing(damage: dict[str, object]) -> None:
    one = book()
    one.reading(spo2(1, "80"))
    other = book()
    before = other.snapshot()
    with pytest.raises(StorageError):
        other.restore({**one.snapshot(), **damage}, at(2))
    assert other.snapshot() == before


def test_stored_limits_outside_the_bounds_are_refused() -> None:
    one = book()
    one.set_limits([LOW], 3, at(1))
    plain = one.snapshot()
    plain["limits"][0]["low"] = "1"
    with pytest.raises(StorageError, match="limits"):
        book().restore(plain, at(2))


def test_a_pause_of_the_sound_outlives_a_restart_and_no_reboot() -> None:
    """Each reboot would begin it anew, for nobody knows how much of it was over."""
    one = book()
    one.reading(spo2(1, "80"))
    one.pause_audio(900, at(2))
    same, _ = reborn(one, at(800))
    assert same.audible() == ()
    same.tick(at(902))
    assert [alarm.condition.code for alarm in same.audible() if alarm.condition.measure] == ["limit_low"]
    other, _ = reborn(one, at(5, "cd"))
    assert [alarm.condition.code for alarm in other.audible()] == ["limit_low"]


def test_in_another_boot_an_escalation_still_has_the_time_it_had_to_go() -> None:
    one = book()
    one.reading(spo2(1, "80"))
    one.technical("clock_unsynced", "", at(2), active=True)
    other, _ = reborn(one, at(5000, "cd"))
    other.reading(ReceivedReading("oximeter", spo2(0, "80").reading, at(5020, "cd")))
    assert other.tick(at(5028.999, "cd")) == ()
    (event,) = other.tick(at(5029, "cd"))
    assert (event.condition, event.escalated) == ("limit_low", True)
