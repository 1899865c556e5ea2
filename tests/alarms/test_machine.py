"""The alarm book as a machine: whatever happens in whatever order, the promises hold."""

import json
from decimal import Decimal
from math import inf

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from hub_agent.alarms.alarm import Kind, Presence
from hub_agent.alarms.book import AlarmBook
from hub_agent.alarms.device_watch import Cadence
from hub_agent.alarms.lifecycle import UNACKNOWLEDGED
from hub_agent.alarms.limits import Limit, Priority
from hub_agent.alarms.register import Events
from hub_agent.alarms.technical import TECHNICAL, TOLD_ANEW
from hub_agent.model import Absent, ClockState, Measurement, Quality, Reading, ReadingClass, ReceivedReading, Stamp
from hub_agent.nomenclature import SPO2

S = 10**9
ESCALATE_S = 30
GRAVE = Limit(SPO2, "%", Decimal(88), None, priority=Priority.HIGH, latching=True, delay_s=2, hysteresis=Decimal(2))
MILD = Limit(SPO2, "%", Decimal(92), None, priority=Priority.MEDIUM, hysteresis=Decimal(1))
DEVICES = {"oximeter": Cadence(1.0, 20.0)}
MOVES = {
    None: {Presence.ON},
    Presence.ON: {Presence.ON, Presence.LATCHED, Presence.ACKNOWLEDGED, Presence.OFF},  # on again: escalated
    Presence.LATCHED: {Presence.LATCHED, Presence.OFF},  # latched again: escalated
    Presence.ACKNOWLEDGED: {Presence.OFF},
}


class BookMachine(RuleBasedStateMachine):
    """Drives a book, follows its events as the NOC would, and compares."""

    def __init__(self) -> None:
        super().__init__()
        self.boot, self.now_ns = 0, 0
        self.book = AlarmBook([GRAVE, MILD], DEVICES, self.at(), escalate_s=ESCALATE_S)
        self.noc: dict[str, Presence] = {}
        self.of: dict[str, tuple[str, Priority, str]] = {}
        self.latching: dict[str, bool] = {}
        self.acknowledged: set[str] = set()
        self.over: set[str] = set()
        self.stored = self.book.snapshot()
        self.version = self.book.version
        self.asked: tuple[AlarmBook, int, float] | None = None

    def at(self) -> Stamp:
        return Stamp(f"{self.boot:016x}", self.now_ns, 0, ClockState.SYNCED)

    def follow(self, events: Events) -> None:
        """Keep the NOC's picture, and store as intake does: when the book says that it has changed."""
        for place, event in enumerate(events):
            before = self.noc.get(event.alarm_id)
            assert event.alarm_id not in self.over, "an alarm that was over came back"
            assert event.presence in MOVES[before]
            if before is None:
                self.of[event.alarm_id] = (event.condition, event.priority, event.device)
                row = TECHNICAL.get(event.condition)
                self.latching[event.alarm_id] = event.priority is Priority.HIGH if row is None else row.latching
            if (
                event.presence is Presence.OFF
                and self.latching[event.alarm_id]
                and event.alarm_id not in self.acknowledged
            ):
                successor = events[place + 1]  # never lost: a latching alarm ends by a person, or a newer one stands in
                assert self.of[event.alarm_id] == (successor.condition, successor.priority, successor.device)
                assert successor.presence is Presence.ON
            if event.presence is Presence.OFF:
                self.over.add(event.alarm_id)
                self.noc.pop(event.alarm_id, None)
            else:
                self.noc[event.alarm_id] = event.presence
        if self.book.version != self.version:
            self.stored, self.version = json.loads(json.dumps(self.book.snapshot())), self.book.version

    def live(self, value: int | None, quality: Quality) -> Events:
        number = None if value is None else Decimal(value)
        measured = Measurement(SPO2, "%", number, Absent.NOT_A_NUMBER if value is None else None)
        reading = Reading(ReadingClass.CONTINUOUS, (measured,), quality)
        return self.book.reading(ReceivedReading("oximeter", reading, self.at()))

    @rule(value=st.integers(80, 99))
    def a_good_reading(self, value: int) -> None:
        before = {alarm.alarm_id: alarm for alarm in self.book.alarms()}
        events = self.live(value, Quality.GOOD)
        self.follow(events)
        if value < 92:
            mild = [alarm for alarm in self.book.alarms() if alarm.condition.priority is Priority.MEDIUM]
            held = [alarm for alarm in mild if alarm.condition.kind is Kind.PHYSIOLOGICAL]
            assert held, "a value below a limit without delay is always an alarm"
            assert held[0].presence is not Presence.LATCHED
        if value >= 90:
            for event in events:
                assert event.presence is not Presence.ON or event.alarm_id in before or value < 92

    @rule(value=st.none() | st.integers(80, 99), flag=st.sampled_from([Quality.SENSOR_OFF, Quality.INVALID]))
    def an_unusable_reading(self, value: int | None, flag: Quality) -> None:
        events = self.live(value, flag)
        self.follow(events)
        assert all(event.kind is Kind.TECHNICAL for event in events)

    @rule(value=st.integers(80, 99))
    def a_late_reading_changes_nothing(self, value: int) -> None:
        before = self.book.snapshot()
        reading = Reading(ReadingClass.EPISODIC, (Measurement(SPO2, "%", Decimal(value)),), stored=True)
        assert self.book.reading(ReceivedReading("oximeter", reading, self.at())) == ()
        assert self.book.snapshot() == before

    @rule(step_ms=st.integers(1, 40_000))
    def time_passes(self, step_ms: int) -> None:
        """The caller sleeps exactly as the book says: it never misses anything, nor is woken for nothing for ever."""
        end_ns = self.now_ns + step_ms * 10**6
        for _ in range(100):
            due = self.book.next_due()
            if due is None or due > end_ns:
                break
            self.now_ns = max(self.now_ns, due)
            self.follow(self.book.tick(self.at()))
        else:
            raise AssertionError("the book asks to be woken again and again at the same time")
        self.now_ns = end_ns
        self.follow(())
        assert self.book.tick(self.at()) == ()

    @rule(code=st.sampled_from(sorted(TECHNICAL)), active=st.booleans())
    def a_technical_condition(self, code: str, active: bool) -> None:  # noqa: FBT001 - drawn
        device = "oximeter" if TECHNICAL[code].of_device else ""
        if code in {"no_data", "sensor_off", "unusable", "low_battery"}:
            return  # the book's own to see
        self.follow(self.book.technical(code, device, self.at(), active=active))

    @precondition(lambda self: self.noc)
    @rule(data=st.data())
    def somebody_acknowledges(self, data: st.DataObject) -> None:
        alarm_id = data.draw(st.sampled_from(sorted(self.noc)))
        others = {alarm for alarm in self.book.alarms() if alarm.alarm_id != alarm_id}
        self.acknowledged.add(alarm_id)
        self.follow(self.book.acknowledge(alarm_id, self.at()))
        assert others == {alarm for alarm in self.book.alarms() if alarm.alarm_id != alarm_id}

    @rule(seconds=st.integers(1, 900))
    def the_sound_is_paused(self, seconds: int) -> None:
        self.book.pause_audio(seconds, self.at())
        self.follow(())
        assert self.book.audible() == ()

    @rule(reboot=st.booleans(), off_s=st.integers(0, 10_000))
    def the_hub_restarts(self, reboot: bool, off_s: int) -> None:  # noqa: FBT001 - drawn
        if reboot:
            self.boot, self.now_ns = self.boot + 1, off_s * 10**6
        over = {alarm.alarm_id for alarm in self.book.alarms() if alarm.condition.code in TOLD_ANEW}
        before = [alarm.alarm_id for alarm in self.book.alarms() if alarm.alarm_id not in over]
        audible = [alarm.alarm_id for alarm in self.book.audible()]
        if reboot:  # which ends a pause
            audible = [alarm.alarm_id for alarm in self.book.alarms() if alarm.presence in UNACKNOWLEDGED]
        self.book = AlarmBook([GRAVE, MILD], DEVICES, self.at(), escalate_s=ESCALATE_S)
        events = self.book.restore(self.stored, self.at())
        assert {event.alarm_id for event in events} == over
        assert [alarm.alarm_id for alarm in self.book.alarms()] == before
        assert [alarm.alarm_id for alarm in self.book.audible()] == [one for one in audible if one not in over]
        self.version = -1
        self.follow(events)

    @invariant()
    def the_noc_sees_what_the_book_holds(self) -> None:
        assert {alarm.alarm_id: alarm.presence for alarm in self.book.alarms()} == self.noc

    @invariant()
    def only_a_moved_version_makes_the_next_tick_sooner(self) -> None:
        """Whoever asked when to tick need not ask again before."""
        due = self.book.next_due()
        due_ns = inf if due is None else due
        if self.asked is not None and self.asked[:2] == (self.book, self.book.version):
            assert due_ns >= self.asked[2]
        self.asked = self.book, self.book.version, due_ns

    @invariant()
    def nothing_unacknowledged_waits_longer_than_the_escalation(self) -> None:
        for alarm in self.book.alarms():
            waiting = alarm.presence in {Presence.ON, Presence.LATCHED} and alarm.condition.priority > Priority.LOW
            if waiting and self.now_ns >= alarm.since_ns + ESCALATE_S * S:
                self.follow(self.book.tick(self.at()))
                assert next(one for one in self.book.alarms() if one.alarm_id == alarm.alarm_id).escalated


BookMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestBook = BookMachine.TestCase
