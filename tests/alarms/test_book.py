"""The alarm book: what readings, silence and restarts do to alarms."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest

from hub_agent.alarms.alarm import AlarmEvent, Kind, Presence
from hub_agent.alarms.book import AlarmBook
from hub_agent.alarms.device_watch import Cadence
from hub_agent.alarms.limits import Limit, Priority
from hub_agent.errors import CommandError, ConfigError
from hub_agent.model import (
    Absent,
    ClockState,
    Code,
    Measurement,
    Quality,
    Reading,
    ReadingClass,
    ReceivedReading,
    Stamp,
)
from hub_agent.nomenclature import BATTERY, SPO2, TEMPERATURE

S = 10**9
DEVICES = {"oximeter": Cadence(1.0, 15.0), "thermometer": Cadence(None)}
LOW = Limit(SPO2, "%", Decimal(90), None, priority=Priority.HIGH, hysteresis=Decimal(2))


def at(second: float, boot: str = "ab") -> Stamp:
    return Stamp(boot * 8, round(second * S), 0, ClockState.SYNCED)


def spo2(
    second: float,
    value: str | None,
    *,
    quality: Quality = Quality.GOOD,
    device: str = "oximeter",
    stored: bool = False,
    code: Code = SPO2,
    unit: str = "%",
) -> ReceivedReading:
    number = None if value is None else Decimal(value)
    measurement = Measurement(code, unit, number, Absent.NOT_A_NUMBER if value is None else None)
    reading = Reading(ReadingClass.CONTINUOUS, (measurement,), quality, stored=stored)
    return ReceivedReading(device, reading, at(second))


def book(*limits: Limit, escalate_s: float = 30.0) -> AlarmBook:
    return AlarmBook(limits or (LOW,), DEVICES, at(0), escalate_s=escalate_s)


def brief(events: Sequence[AlarmEvent]) -> list[tuple[str, str]]:
    return [(event.condition, str(event.presence)) for event in events]


def test_a_violation_is_told_with_value_limit_and_revision() -> None:
    (event,) = book().reading(spo2(1, "88.0"))
    assert event == AlarmEvent(
        event.alarm_id,
        "limit_low",
        Kind.PHYSIOLOGICAL,
        Priority.HIGH,
        Presence.ON,
        escalated=False,
        device="oximeter",
        measure=SPO2,
        value=Decimal("88.0"),
        unit="%",
        limit=Decimal(90),
        limit_revision=0,
        stamp=at(1),
    )


def test_it_ends_under_the_same_id_once_back_inside_by_the_hysteresis() -> None:
    one = book()
    (raised,) = one.reading(spo2(1, "88"))
    assert one.reading(spo2(2, "91")) == ()
    (ended,) = one.reading(spo2(3, "92"))
    assert (ended.alarm_id, ended.presence) == (raised.alarm_id, Presence.OFF)
    assert one.alarms() == ()


def test_a_condition_delay_runs_out_by_itself_at_the_time_that_next_due_says() -> None:
    one = book(Limit(TEMPERATURE, "Cel", None, Decimal("39.0"), delay_s=10))
    one.reading(spo2(1, "39.4", code=TEMPERATURE, unit="Cel", device="thermometer"))
    one.reading(spo2(10.9, "97"))  # the oximeter is alive
    assert one.next_due() == 11 * S
    assert one.tick(at(10.999)) == ()
    (event,) = one.tick(at(11))
    assert (event.condition, event.value, event.limit) == ("limit_high", Decimal("39.4"), Decimal("39.0"))


def test_a_limit_is_judged_in_the_unit_of_the_reading() -> None:
    one = book(Limit(TEMPERATURE, "Cel", None, Decimal("38.5")))
    assert one.reading(spo2(1, "101.3", code=TEMPERATURE, unit="[degF]", device="thermometer")) == ()
    (event,) = one.reading(spo2(2, "101.4", code=TEMPERATURE, unit="[degF]", device="thermometer"))
    assert (event.limit, event.unit) == (Decimal("101.3"), "[degF]")
    (ended,) = one.reading(spo2(3, "37", code=TEMPERATURE, unit="Cel", device="thermometer"))
    assert ended.presence is Presence.OFF


def test_a_stored_reading_neither_raises_nor_ends_nor_counts_as_life() -> None:
    one = book()
    assert one.reading(spo2(1, "70", stored=True)) == ()
    one.reading(spo2(2, "80"))
    version = one.version
    assert one.reading(spo2(3, "98", stored=True)) == ()
    assert (one.version, len(one.alarms())) == (version, 1)
    one.reading(spo2(16, "80", stored=True))
    assert ("no_data", "on") in brief(one.tick(at(17)))


def test_two_limits_on_one_quantity_are_two_alarms_the_graver_first() -> None:
    mild = Limit(SPO2, "%", Decimal(94), None)
    one = book(mild, LOW)
    assert brief(one.reading(spo2(1, "93"))) == [("limit_low", "on")]
    one.reading(spo2(2, "85"))
    assert [alarm.condition.priority for alarm in one.alarms()] == [Priority.HIGH, Priority.MEDIUM]


def test_a_devices_own_limit_replaces_the_general_one_of_its_priority() -> None:
    own = Limit(SPO2, "%", Decimal(85), None, device="oximeter", priority=Priority.HIGH)
    one = book(LOW, own)
    assert one.reading(spo2(1, "88")) == ()
    assert len(one.reading(spo2(1, "88", device="oximeter-2"))) == 1


def test_a_disabled_limit_is_kept_and_not_judged() -> None:
    off = Limit(SPO2, "%", Decimal(90), None, priority=Priority.HIGH, enabled=False)
    one = book(off)
    assert one.reading(spo2(1, "80")) == ()
    assert one.limits == (off,)


def test_silence_is_an_alarm_at_its_time_and_ends_with_the_next_live_reading() -> None:
    one = book()
    one.reading(spo2(5, "97"))
    assert one.next_due() == 20 * S
    assert one.tick(at(19.999)) == ()
    assert brief(one.tick(at(20))) == [("no_data", "on")]
    assert one.tick(at(21)) == ()
    assert not one.delivering()
    assert brief(one.reading(spo2(25, "97"))) == [("no_data", "off")]
    assert one.delivering()


def test_a_device_that_tells_of_its_battery_alone_is_silent() -> None:
    """It connects, says how full it is, and drops the link, again and again."""
    one = book()
    one.reading(spo2(5, "97"))
    for second in (9, 13, 17):
        assert one.reading(spo2(second, "80", code=BATTERY)) == ()
    assert brief(one.tick(at(20))) == [("no_data", "on")]
    assert one.reading(spo2(21, "80", code=BATTERY)) == ()
    assert brief(one.reading(spo2(22, "9", code=BATTERY))) == [("low_battery", "on")]
    assert not one.delivering()
    assert brief(one.reading(spo2(25, "97"))) == [("no_data", "off")]


def test_a_device_that_never_spoke_is_silent_too_and_one_used_now_and_then_never() -> None:
    one = book()
    (event,) = one.tick(at(15))
    assert (event.condition, event.device) == ("no_data", "oximeter")


def test_no_device_is_called_silent_within_the_time_that_reconnecting_takes() -> None:
    one = AlarmBook((), {"oximeter": Cadence(1.0, 3.0)}, at(0))
    assert one.next_due() == 10 * S


def test_the_alarm_of_a_silent_device_stays_until_somebody_acknowledges() -> None:
    one = book()
    (raised,) = one.reading(spo2(1, "80"))
    assert brief(one.tick(at(16))) == [("no_data", "on"), ("limit_low", "latched")]
    back, over, new = one.reading(spo2(20, "80"))
    assert brief([back, over, new]) == [("no_data", "off"), ("limit_low", "off"), ("limit_low", "on")]
    assert over.alarm_id == raised.alarm_id != new.alarm_id


@pytest.mark.parametrize("restarted", [False, True])
def test_what_lapsed_in_a_silence_ends_with_a_good_value_within_the_limit(*, restarted: bool) -> None:
    one = book()
    (raised,) = one.reading(spo2(1, "80"))
    one.tick(at(16))
    if restarted:
        remembered, one = one.snapshot(), book()
        assert one.restore(remembered, at(17)) == ()
    assert brief(one.reading(spo2(20, "97", quality=Quality.SENSOR_OFF))) == [("no_data", "off")]
    assert one.reading(spo2(21, None)) == ()
    assert one.reading(spo2(22, "97", stored=True)) == ()
    assert one.reading(spo2(23, "91")) == ()  # not yet inside by the hysteresis
    version = one.version
    (over,) = one.reading(spo2(24, "97"))
    assert (over.alarm_id, over.presence, one.version > version) == (raised.alarm_id, Presence.OFF, True)
    assert one.alarms() == ()


def test_what_latches_stays_after_a_silence_and_so_does_another_devices_alarm() -> None:
    one = book(replace(LOW, latching=True))
    one.reading(spo2(1, "80"))
    one.tick(at(16))
    assert brief(one.reading(spo2(20, "97"))) == [("no_data", "off")]
    assert [alarm.presence for alarm in one.alarms()] == [Presence.LATCHED]
    other = book()
    other.reading(spo2(1, "80"))
    other.tick(at(16))
    assert other.reading(spo2(20, "97", device="oximeter-2")) == ()


def test_what_lapsed_ends_with_a_value_that_nobody_limits_any_more() -> None:
    one = book()
    one.reading(spo2(1, "80"))
    one.tick(at(16))
    one.set_limits([], 1, at(17))
    assert brief(one.reading(spo2(20, "80"))) == [("no_data", "off"), ("limit_low", "off")]


def test_an_acknowledged_alarm_ends_with_the_silence_of_its_device() -> None:
    one = book()
    (raised,) = one.reading(spo2(1, "80"))
    one.acknowledge(raised.alarm_id, at(2))
    assert brief(one.tick(at(16))) == [("no_data", "on"), ("limit_low", "off")]
    assert ("limit_low", "on") in brief(one.reading(spo2(17, "80")))


def test_technical_conditions_have_their_delay_and_saying_it_twice_changes_nothing() -> None:
    one = book()
    one.reading(spo2(1, "97"))
    assert one.technical("uplink_down", "", at(1), active=True) == ()
    assert one.technical("uplink_down", "", at(9), active=True) == ()
    assert one.tick(at(15.999)) == ()
    assert ("uplink_down", "on") in brief(one.tick(at(16)))
    assert one.technical("uplink_down", "", at(17), active=True) == ()
    assert brief(one.technical("uplink_down", "", at(18), active=False)) == [("uplink_down", "off")]
    assert one.technical("uplink_down", "", at(19), active=True) == ()
    assert one.technical("uplink_down", "", at(20), active=False) == ()
    assert ("uplink_down", "on") not in brief(one.tick(at(60)))
    assert brief(one.technical("uplink_refused", "", at(61), active=True)) == [("uplink_refused", "on")]


def test_what_only_happens_latches_and_a_flood_of_it_is_one_alarm() -> None:
    one = book()
    assert brief(one.technical("security", "", at(1), active=True)) == [("security", "on"), ("security", "latched")]
    assert [one.technical("security", "", at(1 + n / 100), active=True) for n in range(100)] == [()] * 100
    (alarm,) = one.alarms()
    over = one.technical("security", "", at(12), active=True)
    assert brief(over) == [("security", "off"), ("security", "on"), ("security", "latched")]
    with pytest.raises(CommandError):
        one.acknowledge(alarm.alarm_id, at(13))


def test_limits_change_for_the_next_judgement_all_or_none() -> None:
    one = book()
    tighter = Limit(SPO2, "%", Decimal(94), None, priority=Priority.HIGH)
    with pytest.raises(ConfigError, match="low must lie"):
        one.set_limits([tighter, Limit(SPO2, "%", Decimal(10), None)], 1, at(1))
    assert one.limits == (LOW,)
    assert one.reading(spo2(1, "93")) == ()
    assert one.set_limits([tighter], 1, at(2)) == ()
    (event,) = one.reading(spo2(3, "93"))
    assert (event.limit, event.limit_revision) == (Decimal(94), 1)
    assert one.set_limits([tighter], 1, at(4)) == ()
    with pytest.raises(ConfigError, match="revision 1 is not newer than 1"):
        one.set_limits([LOW], 1, at(4))


def test_an_alarm_goes_on_under_a_new_revision_and_ends_when_its_limit_goes() -> None:
    one = book()
    (raised,) = one.reading(spo2(1, "85"))
    assert one.set_limits([Limit(SPO2, "%", Decimal(88), None, priority=Priority.HIGH)], 1, at(2)) == ()
    assert one.reading(spo2(3, "86")) == ()
    (ended,) = one.set_limits([], 2, at(4))
    assert (ended.alarm_id, ended.presence) == (raised.alarm_id, Presence.OFF)


def test_escalation_and_pause_end_at_the_times_that_next_due_says() -> None:
    one = AlarmBook([LOW], {}, at(0), escalate_s=30)
    one.reading(spo2(1, "80"))
    one.pause_audio(10, at(2))
    assert (one.audible(), one.next_due()) == ((), 12 * S)
    version = one.version
    assert one.tick(at(12)) == ()
    assert one.version > version
    assert len(one.audible()) == 1
    assert one.next_due() == 31 * S
    (event,) = one.tick(at(31))
    assert event.escalated
    assert one.next_due() is None
