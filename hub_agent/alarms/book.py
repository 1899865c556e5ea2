"""The alarm book: every reading and every tick goes in, alarm events come out.

Owns: the state of all alarms of the hub, as the only one who may change it.
Never: reads a clock, sleeps, stores or signals; it says when it wants to be called again.

Late readings (``Reading.stored``) change nothing here: what a device remembers of yesterday neither raises nor clears
an alarm of now (nightscout/AndroidAPS#2004 shows the harm).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any, Final

from hub_agent.alarms import bounds, lifecycle, state, technical
from hub_agent.alarms.alarm import Alarm, Cause, Condition, Kind
from hub_agent.alarms.device_watch import Cadence, Change, DeviceWatch
from hub_agent.alarms.limits import Limit
from hub_agent.alarms.off import Off
from hub_agent.alarms.register import Events, Register
from hub_agent.errors import CommandError, ConfigError, StorageError
from hub_agent.model import Code, ReceivedReading, Stamp

REPEAT_NS: Final = 10 * 10**9
"""An instant condition that repeats so soon, while its alarm waits unacknowledged, is the same alarm: no flood."""


class AlarmBook:
    """All alarm state of the hub. Every method that changes it returns the events, in order.

    Args:
        limits: of the configuration.
        devices: the configured devices by alias, with how often each is due.
        at: now; silence counts from here.
        escalate_s: how long nobody may acknowledge.

    Raises:
        ConfigError: two limits are the same one, or one leaves the hard bounds.
    """

    def __init__(
        self, limits: Sequence[Limit], devices: Mapping[str, Cadence], at: Stamp, *, escalate_s: float = 30.0
    ) -> None:
        self.version = 0
        """Counts changes of what ``snapshot`` gives: store it again when this has moved."""
        self.revision = 0
        self._limits = bounds.checked(limits)
        self._register = Register(escalate_s)
        self._devices = {
            name: DeviceWatch(name, cadence, self._limits, at.monotonic_ns) for name, cadence in devices.items()
        }
        self._off = Off()
        self._pending: dict[Condition, int] = {}
        self._at = at

    @property
    def limits(self) -> tuple[Limit, ...]:
        """The limits as they were set, whether or not one of them is off for a while."""
        return self._limits

    def _enforce(self, at: Stamp) -> Events:
        """Let every device be judged by what is in force now."""
        self._touch(at)
        limits = self._off.apply(self._limits)
        settled = (self._settle(watch, watch.set_limits(limits), at) for watch in self._devices.values())
        return tuple(chain.from_iterable(settled))

    def off(self, measure: Code, device: str | None, for_s: float, at: Stamp) -> Events:
        """Stop judging a quantity for a bounded time. Not part of the snapshot: a restart brings it back."""
        self._off.begin(measure, device, at.monotonic_ns + round(for_s * 1e9))
        return self._enforce(at)

    def on(self, measure: Code, device: str | None, at: Stamp) -> Events:
        """End an ``off`` before its time, of one device or (None) each of the quantity; harmless without one.

        Raises:
            CommandError: ``off_for_all``: whoever asks for one device must not believe that it is judged.
        """
        if device is not None and self._off.of_all(measure):
            raise CommandError(
                "off_for_all", "the measure is off for all devices", hint="put it on for all: device null"
            )
        return self._enforce(at) if self._off.end(measure, device) else ()

    def reading(self, received: ReceivedReading) -> Events:
        """Judge a reading; a late one is passed over."""
        device, reading, stamp, _ = received
        if reading.stored:
            return ()
        watch = self._devices.get(device)
        if watch is None:
            watch = self._watch(device, Cadence(None), stamp)
        changes = watch.reading(reading, stamp.monotonic_ns)
        events = self._settle(watch, changes, stamp) if watch.dirty else ()
        return events + self._resolve(watch, received) if self._register.alarms else events

    def tick(self, at: Stamp) -> Events:
        """Let time pass: delays, silence, escalation, the end of an audio pause. Harmless at any time."""
        events: Events = ()
        if self._off.expire(at.monotonic_ns):
            events += self._enforce(at)
        for watch in self._devices.values():
            changes = watch.elapse(at.monotonic_ns)
            if watch.dirty:
                events += self._settle(watch, changes, at)
        for condition in [one for one, due in self._pending.items() if at.monotonic_ns >= due]:
            del self._pending[condition]
            events += self._start(Change(condition, active=True), at)
        paused = self._register.paused_until_ns
        events += self._register.tick(at)
        if events or paused != self._register.paused_until_ns:
            self._touch(at)
        return events

    def next_due(self) -> int | None:
        """Give the monotonic nanoseconds (as in ``Stamp``) at which ``tick`` next has something to do; None: never.

        It looks at everything. What it gave holds until then: only what moves ``version`` can make it sooner.
        """
        watched = [due for watch in self._devices.values() if (due := watch.next_due()) is not None]
        return min(chain(watched, self._pending.values(), self._off.dues(), self._register.dues()), default=None)

    def technical(self, code: str, device: str, at: Stamp, *, active: bool) -> Events:
        """Take note of a technical condition that somebody else sees.

        Args:
            code: of ``technical.TECHNICAL``.
            device: the hub's alias; empty for a condition of the hub.
            at: now.
            active: whether it holds. Saying the same again changes nothing.

        Raises:
            KeyError: no such code.
            ValueError: device and code do not go together.
        """
        events = self._change(Change(technical.condition(code, device), active), at)
        self._touch(at)
        return events

    def acknowledge(self, alarm_id: str, at: Stamp) -> Events:
        """Somebody has taken an alarm on.

        Raises:
            CommandError: ``unknown_alarm``.
        """
        events = self._register.acknowledge(alarm_id, at)
        self._touch(at)
        return events

    def pause_audio(self, seconds: float, at: Stamp) -> None:
        """Silence the alarms there are for at most 15 min; a new one sounds through.

        Raises:
            CommandError: ``out_of_range``.
        """
        self._register.pause_audio(seconds, at)
        self._touch(at)

    def set_limits(self, limits: Sequence[Limit], revision: int, at: Stamp) -> Events:
        """Put other limits in force, all or none; the next reading is judged by them.

        The same revision with the same limits again changes nothing, so that a command may be repeated.

        Raises:
            ConfigError: two limits are the same one, one leaves the hard bounds, or the revision is not a newer one.
        """
        checked = bounds.checked([replace(limit, revision=revision) for limit in limits])
        if revision == self.revision and checked == self._limits:
            return ()
        if revision <= self.revision:
            raise ConfigError(
                f"limits revision {revision} is not newer than {self.revision}", hint="send a higher revision"
            )
        self._limits, self.revision = checked, revision
        return self._enforce(at)

    def alarms(self) -> tuple[Alarm, ...]:
        """Give all alarms that are not over, the most urgent first and among equals the newest."""
        every = self._register.alarms.values()
        return tuple(sorted(every, key=lambda alarm: (alarm.condition.priority, alarm.number), reverse=True))

    def audible(self) -> tuple[Alarm, ...]:
        """Give those of ``alarms`` that may sound."""
        return tuple(filter(self._register.audible, self.alarms()))

    def delivering(self) -> bool:
        """Tell whether any device that is due at intervals delivers; True where none is."""
        due = [watch for watch in self._devices.values() if watch.patience_ns is not None]
        return not due or any(not watch.silent for watch in due)

    def snapshot(self) -> dict[str, Any]:
        """Give all that must survive a restart, as plain JSON; store it sealed, with the reading that changed it."""
        register, devices = self._register, self._devices.values()
        return state.to_json(
            state.Snapshot(
                form=1,
                boot=self._at.boot,
                at_ns=self._at.monotonic_ns,
                revision=self.revision,
                limits=self._limits,
                number=register.number,
                paused_until_ns=register.paused_until_ns,
                paused_number=register.paused_number,
                alarms=tuple(register.alarms.values()),
                violations=tuple(
                    state.Violation(watch.name, *slot, one.state, one.value, one.unit)
                    for watch in devices
                    for slot, one in watch.watches.items()
                    if one.state.side is not None
                ),
                pending=tuple(state.Pending(*one) for one in self._pending.items()),
                troubles=tuple(
                    state.Trouble(watch.name, code, tuple(sorted(codes)))
                    for watch in devices
                    for code, codes in watch.troubles.items()
                ),
                silent=tuple(watch.name for watch in devices if watch.silent),
            )
        )

    def restore(self, plain: Mapping[str, Any], at: Stamp) -> Events:
        """Take up what ``snapshot`` gave; call once, before the first reading.

        Limits that the NOC has set (revision above 0) come back with it; otherwise the configuration's stay in force.
        An alarm whose limit or device the configuration no longer has ends, with an event; so does one of a condition
        that is told anew if it still holds.

        Raises:
            StorageError: it cannot be read; nothing has changed.
        """
        kept = state.from_json(plain).moved_to(at.boot, at.monotonic_ns)
        if kept.revision > 0:
            try:
                self._limits, self.revision = bounds.checked(kept.limits), kept.revision
            except ConfigError as error:
                raise StorageError("the stored limits cannot be used", hint="the configuration's apply") from error
            for watch in self._devices.values():
                watch.set_limits(self._limits)
        register = self._register
        register.number = kept.number
        register.paused_until_ns, register.paused_number = kept.paused_until_ns, kept.paused_number
        register.alarms = {alarm.condition: alarm for alarm in kept.alarms}
        for device, code, priority, remembered, value, unit in kept.violations:
            if device in self._devices:
                self._devices[device].recall((code, priority), remembered, value, unit)
        for device, trouble, measures in kept.troubles:
            if device in self._devices:
                self._devices[device].troubles[trouble] = set(measures)
        for watch in self._devices.values():
            watch.silent = watch.name in kept.silent and watch.patience_ns is not None
        self._pending = {one: due for one, due in kept.pending if self._supported(one)}
        self._touch(at)
        return self._end_where(lambda condition: not self._supported(condition), at)

    def _known(self, condition: Condition) -> bool:
        return condition.code in technical.TECHNICAL and (not condition.device or condition.device in self._devices)

    def _supported(self, condition: Condition) -> bool:
        """Tell whether somebody is there to say one day that a restored condition has ended."""
        watch = self._devices.get(condition.device)
        if condition.kind is Kind.PHYSIOLOGICAL:
            return watch is not None and watch.violates(condition)
        if condition.code == "no_data":
            return watch is not None and watch.silent
        return self._known(condition) and condition.code not in technical.TOLD_ANEW

    def _watch(self, name: str, cadence: Cadence, at: Stamp) -> DeviceWatch:
        self._devices[name] = DeviceWatch(name, cadence, self._off.apply(self._limits), at.monotonic_ns)
        return self._devices[name]

    def _touch(self, at: Stamp) -> None:
        self.version += 1
        self._at = at

    def _settle(self, watch: DeviceWatch, changes: Iterable[Change], at: Stamp) -> Events:
        """Make alarms of what a device's watch found."""
        watch.dirty = False
        self._touch(at)
        events: Events = ()
        for change in changes:
            events += self._change(change, at)
            if change.active and change.condition.code == "no_data":
                events += self._lapse(watch.name, at)
        return events

    def _lapse(self, device: str, at: Stamp) -> Events:
        """A silent device's old values alarm no longer as if they were of now, nor vanish unseen."""
        mine = [one for one in self._register.alarms if one.device == device and one.kind is Kind.PHYSIOLOGICAL]
        return tuple(chain.from_iterable(self._register.lapse(one, at) for one in mine))

    def _resolve(self, watch: DeviceWatch, received: ReceivedReading) -> Events:
        """End what lapsed in a silence, where a value says that it holds no more."""
        lapsed = self._register.lapsed(watch.name)
        over = [condition for condition in lapsed if watch.refutes(condition, received.reading)]
        if over:
            self._touch(received.stamp)
        return tuple(chain.from_iterable(self._register.resolve(one, received.stamp) for one in over))

    def _change(self, change: Change, at: Stamp) -> Events:
        condition = change.condition
        if not change.active:
            self._pending.pop(condition, None)
            return self._register.end(condition, at)
        delay_s = 0.0 if condition.kind is Kind.PHYSIOLOGICAL else technical.TECHNICAL[condition.code].delay_s
        present = self._register.alarms.get(condition)
        if delay_s and (present is None or present.presence not in lifecycle.HOLDING):
            self._pending.setdefault(condition, at.monotonic_ns + round(delay_s * 1e9))
            return ()
        return self._start(change, at)

    def _start(self, change: Change, at: Stamp) -> Events:
        condition = change.condition
        if condition.kind is Kind.PHYSIOLOGICAL:
            return self._register.start(condition, change.cause, at, latching=change.latching)
        row = technical.TECHNICAL[condition.code]
        present = self._register.alarms.get(condition)
        if row.instant and present is not None and at.monotonic_ns - present.since_ns < REPEAT_NS:
            return ()
        events = self._register.start(condition, Cause(), at, latching=row.latching)
        return events + self._register.end(condition, at) if row.instant else events

    def _end_where(self, over: Callable[[Condition], bool], at: Stamp) -> Events:
        ending = [condition for condition in self._register.alarms if over(condition)]
        return tuple(chain.from_iterable(self._register.end(condition, at) for condition in ending))
