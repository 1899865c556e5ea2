"""The life of one alarm: what each happening makes of it.

Owns: the transitions between on, latched, acknowledged and off, and when silence becomes an escalation.
Never: keeps alarms, knows limits, reads a clock.

                 ┌─ acknowledge ─▶ acknowledged ─ end, lapse ─▶ off
    start ─▶ on ─┤
                 ├─ end, not latching ──────────────────────▶ off
                 └─ end, latching; lapse ─▶ latched ─ acknowledge; resolve, not latching ─▶ off

An alarm that has ended never comes back: the condition's next start is another alarm with another id, so that an
acknowledgement on its way to the first can never silence the second (IEC 60601-1-8, 6.8: ACKNOWLEDGED ends with the
condition and must not suppress a new one).
"""

import hashlib
from dataclasses import replace
from typing import Final

from hub_agent.alarms.alarm import Alarm, Cause, Condition, Presence
from hub_agent.alarms.limits import Priority
from hub_agent.model import Stamp

UNACKNOWLEDGED: Final = frozenset({Presence.ON, Presence.LATCHED})
"""Where somebody is still needed: the sound goes on."""

HOLDING: Final = frozenset({Presence.ON, Presence.ACKNOWLEDGED})
"""Where the condition holds."""


def start(condition: Condition, cause: Cause, stamp: Stamp, *, number: int, latching: bool) -> Alarm:
    """Begin an alarm. Its id is a digest of the condition, the time and the running number: unique without chance."""
    text = "|".join((*map(str, condition), stamp.boot, str(stamp.monotonic_ns), str(number)))
    alarm_id = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
    return Alarm(alarm_id, number, condition, cause, latching, Presence.ON, stamp.monotonic_ns)


def end(alarm: Alarm) -> Alarm:
    """The condition is over."""
    if alarm.presence is Presence.ON:
        return replace(alarm, presence=Presence.LATCHED if alarm.latching else Presence.OFF)
    return replace(alarm, presence=Presence.OFF) if alarm.presence is Presence.ACKNOWLEDGED else alarm


def lapse(alarm: Alarm) -> Alarm:
    """The condition can no longer be seen: its device is silent. Unless acknowledged it stays, latching or not."""
    return replace(end(replace(alarm, latching=True)), latching=alarm.latching) if alarm.presence in HOLDING else alarm


def lapsed(alarm: Alarm) -> bool:
    """Tell whether only its device's silence keeps an alarm: the next good value may end it."""
    return alarm.presence is Presence.LATCHED and not alarm.latching


def resolve(alarm: Alarm) -> Alarm:
    """The condition can be seen again, and does not hold: what had lapsed ends, unless it latches."""
    return replace(alarm, presence=Presence.OFF) if lapsed(alarm) else alarm


def acknowledge(alarm: Alarm) -> Alarm:
    """Somebody has taken it on."""
    if alarm.presence is Presence.ON:
        return replace(alarm, presence=Presence.ACKNOWLEDGED)
    return replace(alarm, presence=Presence.OFF) if alarm.presence is Presence.LATCHED else alarm


def escalates_ns(alarm: Alarm, after_s: float) -> int | None:
    """Tell when an alarm escalates if nobody acknowledges; None when it never does, or already has.

    Low priority asks for awareness, not for somebody at once: it does not escalate.
    """
    if alarm.escalated or alarm.presence not in UNACKNOWLEDGED or alarm.condition.priority is Priority.LOW:
        return None
    return alarm.since_ns + round(after_s * 1e9)


def escalate(alarm: Alarm) -> Alarm:
    """Nobody came in time."""
    return replace(alarm, escalated=True)
