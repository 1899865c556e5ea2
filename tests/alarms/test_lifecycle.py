"""One alarm and the register of all: every happening in every state."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub_agent.alarms import lifecycle
from hub_agent.alarms.alarm import Alarm, Cause, Condition, Kind, Presence, event
from hub_agent.alarms.limits import Priority
from hub_agent.alarms.register import MAX_AUDIO_PAUSE_S, Register
from hub_agent.alarms.technical import TECHNICAL, condition
from hub_agent.errors import CommandError
from hub_agent.model import ClockState, Stamp
from hub_agent.nomenclature import SPO2

S = 10**9
LOW_SPO2 = Condition("limit_low", Priority.HIGH, "oximeter", SPO2)
REFUSED = condition("uplink_refused")
BATTERY = condition("low_battery", "oximeter")


def at(second: float) -> Stamp:
    return Stamp("ab" * 8, round(second * S), 0, ClockState.SYNCED)


def begin(*, latching: bool) -> Alarm:
    return lifecycle.start(LOW_SPO2, Cause(), at(1), number=1, latching=latching)


@pytest.mark.parametrize(
    ("latching", "happenings", "presence"),
    [
        (False, "", Presence.ON),
        (False, "e", Presence.OFF),
        (True, "e", Presence.LATCHED),
        (True, "ee", Presence.LATCHED),
        (True, "ea", Presence.OFF),
        (True, "a", Presence.ACKNOWLEDGED),
        (True, "aa", Presence.ACKNOWLEDGED),
        (True, "ae", Presence.OFF),
        (False, "ae", Presence.OFF),
        (False, "l", Presence.LATCHED),
        (False, "ll", Presence.LATCHED),
        (False, "la", Presence.OFF),
        (False, "le", Presence.LATCHED),
        (False, "al", Presence.OFF),
        (False, "lr", Presence.OFF),
        (True, "lr", Presence.LATCHED),
        (True, "er", Presence.LATCHED),
        (False, "r", Presence.ON),
        (False, "ar", Presence.ACKNOWLEDGED),
    ],
)
def test_transitions(latching: bool, happenings: str, presence: Presence) -> None:  # noqa: FBT001 - a table's column
    steps = {"e": lifecycle.end, "a": lifecycle.acknowledge, "l": lifecycle.lapse, "r": lifecycle.resolve}
    alarm = begin(latching=latching)
    for happening in happenings:
        alarm = steps[happening](alarm)
    assert alarm.presence is presence


def test_ids_are_reproducible_and_differ_by_what_when_and_number() -> None:
    one = begin(latching=False)
    assert one.alarm_id == begin(latching=True).alarm_id
    assert len(bytes.fromhex(one.alarm_id)) == 16
    others = [
        lifecycle.start(REFUSED, Cause(), at(1), number=1, latching=False),
        lifecycle.start(LOW_SPO2, Cause(), at(2), number=1, latching=False),
        lifecycle.start(LOW_SPO2, Cause(), at(1), number=2, latching=False),
        lifecycle.start(LOW_SPO2, Cause(), at(1)._replace(boot="cd" * 8), number=1, latching=False),
    ]
    assert len({one.alarm_id, *(other.alarm_id for other in others)}) == 5


def test_an_event_tells_everything_alone() -> None:
    told = event(begin(latching=False), at(1))
    assert (told.condition, told.kind, told.priority, told.device, told.measure) == (
        "limit_low",
        Kind.PHYSIOLOGICAL,
        Priority.HIGH,
        "oximeter",
        SPO2,
    )
    assert event(lifecycle.start(REFUSED, Cause(), at(1), number=1, latching=False), at(1)).kind is Kind.TECHNICAL


def test_the_same_condition_again_is_no_new_alarm_while_it_holds() -> None:
    register = Register(30)
    (first,) = register.start(LOW_SPO2, Cause(), at(0), latching=True)
    assert register.start(LOW_SPO2, Cause(), at(1), latching=True) == ()
    register.acknowledge(first.alarm_id, at(2))
    assert register.start(LOW_SPO2, Cause(), at(3), latching=True) == ()


def test_a_latched_alarm_gives_way_to_a_new_one_that_an_old_acknowledgement_does_not_reach() -> None:
    register = Register(30)
    (first,) = register.start(LOW_SPO2, Cause(), at(0), latching=True)
    register.end(LOW_SPO2, at(1))
    over, second = register.start(LOW_SPO2, Cause(), at(2), latching=True)
    assert (over.alarm_id, over.presence) == (first.alarm_id, Presence.OFF)
    assert (second.presence, second.alarm_id != first.alarm_id) == (Presence.ON, True)
    with pytest.raises(CommandError) as refused:
        register.acknowledge(first.alarm_id, at(3))
    assert refused.value.code == "unknown_alarm"
    assert [alarm.presence for alarm in register.alarms.values()] == [Presence.ON]


def test_a_second_acknowledgement_changes_nothing() -> None:
    register = Register(30)
    (first,) = register.start(REFUSED, Cause(), at(0), latching=False)
    assert len(register.acknowledge(first.alarm_id, at(1))) == 1
    assert register.acknowledge(first.alarm_id, at(2)) == ()


def test_escalation_comes_once_at_its_time_and_never_to_what_is_acknowledged_or_low() -> None:
    register = Register(30)
    register.start(REFUSED, Cause(), at(0), latching=False)
    register.start(BATTERY, Cause(), at(0), latching=False)
    (seen,) = register.start(LOW_SPO2, Cause(), at(0), latching=False)
    register.acknowledge(seen.alarm_id, at(1))
    assert list(register.dues()) == [30 * S]
    assert register.tick(at(29.999)) == ()
    (told,) = register.tick(at(30))
    assert (told.condition, told.escalated, told.presence) == ("uplink_refused", True, Presence.ON)
    assert register.tick(at(99)) == ()
    assert list(register.dues()) == []


def test_what_has_latched_escalates_too() -> None:
    register = Register(30)
    register.start(LOW_SPO2, Cause(), at(0), latching=True)
    register.end(LOW_SPO2, at(1))
    (told,) = register.tick(at(30))
    assert (told.escalated, told.presence) == (True, Presence.LATCHED)


def test_an_audio_pause_is_bounded_silences_what_there_is_and_lets_the_new_through() -> None:
    register = Register(30)
    register.start(REFUSED, Cause(), at(0), latching=False)
    register.pause_audio(MAX_AUDIO_PAUSE_S, at(1))
    assert not register.audible(register.alarms[REFUSED])
    register.start(LOW_SPO2, Cause(), at(2), latching=False)
    assert register.audible(register.alarms[LOW_SPO2])
    register.tick(at(901))
    assert register.audible(register.alarms[REFUSED])


@pytest.mark.parametrize("seconds", [0, -1, 900.001, float("nan"), float("inf")])
def test_an_unbounded_pause_is_refused(seconds: float) -> None:
    register = Register(30)
    with pytest.raises(CommandError) as refused:
        register.pause_audio(seconds, at(0))
    assert refused.value.code == "out_of_range"
    assert register.paused_until_ns is None


def test_the_technical_table_names_conditions_of_the_hub_and_of_devices() -> None:
    assert condition("no_data", "oximeter").device == "oximeter"
    with pytest.raises(ValueError, match="no_data is a condition of a device"):
        condition("no_data")
    with pytest.raises(ValueError, match="security is a condition of the hub"):
        condition("security", "oximeter")
    with pytest.raises(KeyError):
        condition("no-data")
    for row in TECHNICAL.values():
        assert row.latching or not row.instant  # what only happens would vanish as it comes
        assert not (row.instant and row.delay_s)


@given(st.lists(st.sampled_from("ealr")), st.booleans())
def test_an_alarm_that_is_over_stays_over(happenings: list[str], latching: bool) -> None:  # noqa: FBT001 - drawn
    steps = {"e": lifecycle.end, "a": lifecycle.acknowledge, "l": lifecycle.lapse, "r": lifecycle.resolve}
    alarm, over = begin(latching=latching), False
    for happening in happenings:
        alarm = steps[happening](alarm)
        over = over or alarm.presence is Presence.OFF
        assert (alarm.presence is Presence.OFF) is over
