"""The alarms there are, one for each condition, and the pause of their sound.

Owns: starting, ending, acknowledging and escalating alarms; which of them may sound.
Never: judges a reading or counts silence; ``device_watch`` does.
"""

from collections.abc import Callable, Iterable
from typing import Final

from hub_agent.alarms import lifecycle
from hub_agent.alarms.alarm import Alarm, AlarmEvent, Cause, Condition, Presence, event
from hub_agent.errors import CommandError
from hub_agent.model import Stamp

MAX_AUDIO_PAUSE_S: Final = 900.0
"""AUDIO PAUSED is bounded: 15 min (ISO 7396-1/A3; IEC 60601-1-8, 6.8 leaves the bound to risk management)."""

Events = tuple[AlarmEvent, ...]


class Register:
    """All alarms that are not over.

    Args:
        escalate_s: how long nobody may acknowledge.
    """

    def __init__(self, escalate_s: float) -> None:
        self.escalate_s = escalate_s
        self.alarms: dict[Condition, Alarm] = {}
        self.number = 0
        self.paused_until_ns: int | None = None
        self.paused_number = 0

    def start(self, condition: Condition, cause: Cause, stamp: Stamp, *, latching: bool) -> Events:
        """Begin an alarm unless the condition already has one that holds; a latched one gives way to it."""
        events: Events = ()
        before = self.alarms.get(condition)
        if before is not None:
            if before.presence in lifecycle.HOLDING:
                return ()
            events = self._becomes(before, lifecycle.acknowledge(before), stamp)
        self.number += 1
        alarm = lifecycle.start(condition, cause, stamp, number=self.number, latching=latching)
        self.alarms[condition] = alarm
        return (*events, event(alarm, stamp))

    def end(self, condition: Condition, stamp: Stamp) -> Events:
        """The condition is over; nothing happens when it has no alarm."""
        return self._apply(condition, lifecycle.end, stamp)

    def lapse(self, condition: Condition, stamp: Stamp) -> Events:
        """The condition can no longer be seen."""
        return self._apply(condition, lifecycle.lapse, stamp)

    def lapsed(self, device: str) -> list[Condition]:
        """Give the conditions of a device whose alarms only its silence keeps."""
        every = self.alarms.items()
        return [one for one, alarm in every if one.device == device and lifecycle.lapsed(alarm)]

    def resolve(self, condition: Condition, stamp: Stamp) -> Events:
        """The condition can be seen again, and does not hold."""
        return self._apply(condition, lifecycle.resolve, stamp)

    def acknowledge(self, alarm_id: str, stamp: Stamp) -> Events:
        """Somebody has taken an alarm on; a second acknowledgement changes nothing.

        Raises:
            CommandError: ``unknown_alarm``: no alarm that is not over has this id.
        """
        for condition, alarm in self.alarms.items():
            if alarm.alarm_id == alarm_id:
                return self._apply(condition, lifecycle.acknowledge, stamp)
        raise CommandError(
            "unknown_alarm", "no present alarm has this id", hint="it may be over; status lists those there are"
        )

    def pause_audio(self, seconds: float, stamp: Stamp) -> None:
        """Let the alarms there are be silent for a while; whatever starts from now on sounds through.

        Raises:
            CommandError: ``out_of_range``: not more than 0 and at most ``MAX_AUDIO_PAUSE_S``.
        """
        if not 0 < seconds <= MAX_AUDIO_PAUSE_S:
            raise CommandError(
                "out_of_range", "the audio pause is out of range", hint=f"at most {MAX_AUDIO_PAUSE_S:g} s"
            )
        self.paused_until_ns = stamp.monotonic_ns + round(seconds * 1e9)
        self.paused_number = self.number

    def tick(self, stamp: Stamp) -> Events:
        """Escalate what nobody acknowledged in time, and end the pause when it is over."""
        if self.paused_until_ns is not None and stamp.monotonic_ns >= self.paused_until_ns:
            self.paused_until_ns = None
        events: Events = ()
        for alarm in list(self.alarms.values()):
            due = lifecycle.escalates_ns(alarm, self.escalate_s)
            if due is not None and stamp.monotonic_ns >= due:
                events += self._becomes(alarm, lifecycle.escalate(alarm), stamp)
        return events

    def dues(self) -> Iterable[int]:
        """Give the monotonic times at which ``tick`` has something to do."""
        if self.paused_until_ns is not None:
            yield self.paused_until_ns
        for alarm in self.alarms.values():
            due = lifecycle.escalates_ns(alarm, self.escalate_s)
            if due is not None:
                yield due

    def audible(self, alarm: Alarm) -> bool:
        """Tell whether an alarm may sound: unacknowledged, and not older than an audio pause that lasts."""
        paused = self.paused_until_ns is not None and alarm.number <= self.paused_number
        return alarm.presence in lifecycle.UNACKNOWLEDGED and not paused

    def _apply(self, condition: Condition, change: Callable[[Alarm], Alarm], stamp: Stamp) -> Events:
        alarm = self.alarms.get(condition)
        return () if alarm is None else self._becomes(alarm, change(alarm), stamp)

    def _becomes(self, before: Alarm, after: Alarm, stamp: Stamp) -> Events:
        if after == before:
            return ()
        if after.presence is Presence.OFF:
            del self.alarms[after.condition]
        else:
            self.alarms[after.condition] = after
        return (event(after, stamp),)
