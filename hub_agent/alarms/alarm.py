"""What an alarm is: its condition, its presence, and the event that tells of a change.

Owns: the values that the life cycle works on and that travel, sealed, to the NOC.
Never: decides a change; ``lifecycle`` does.

The words are those of IEC 60601-1-8 (alarm condition, priority, latching, acknowledged) and of IEEE 11073-10207's
AlertSignalPresence, which FHIR R6 DeviceAlert.presence shares: on, latched, acknowledged, off.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final, NamedTuple

from hub_agent.alarms.limits import Priority, Side
from hub_agent.model import Code, Stamp, Unit


class Kind(StrEnum):
    """What an alarm is about: the patient, or the equipment."""

    PHYSIOLOGICAL = "physiological"
    TECHNICAL = "technical"


class Presence(StrEnum):
    """Where an alarm stands."""

    ON = "on"
    """The condition holds and nobody has acknowledged."""
    LATCHED = "latched"
    """The condition is over or can no longer be seen, and nobody has acknowledged: the signal stays."""
    ACKNOWLEDGED = "acknowledged"
    """The condition holds and somebody has taken it on: no sound."""
    OFF = "off"
    """Over."""


LIMIT_CODES: Final = {Side.LOW: "limit_low", Side.HIGH: "limit_high"}
"""Condition codes of the two sides of a limit; all other codes are technical."""


class Condition(NamedTuple):
    """What makes two alarms alarms of the same thing.

    Attributes:
        code: ``limit_low``, ``limit_high``, or a code of the technical table.
        priority: of the alarm; two limits on one quantity differ in it.
        device: the hub's alias; empty for the hub itself.
        measure: the MDC code that is limited; None for a technical condition.
    """

    code: str
    priority: Priority
    device: str = ""
    measure: Code | None = None

    @property
    def kind(self) -> Kind:
        """Physiological if it comes from a limit."""
        return Kind.TECHNICAL if self.measure is None else Kind.PHYSIOLOGICAL


class Cause(NamedTuple):
    """What crossed which limit; all None for a technical condition, the value also when time alone raised it.

    Attributes:
        value: the measured value.
        unit: UCUM unit of value and limit.
        limit: the bound that was crossed.
        revision: of the set of limits it came from.
    """

    value: Decimal | None = None
    unit: Unit | None = None
    limit: Decimal | None = None
    revision: int | None = None


@dataclass(frozen=True, slots=True)
class Alarm:
    """One instance of a condition, from its start until it is over and seen to.

    Attributes:
        alarm_id: 32 hex digits, the same in every event of this instance.
        number: counts the alarms of this hub; a later one is the newer one.
        condition: of what.
        cause: the value and limit that started it.
        latching: whether it waits for somebody after its condition has ended.
        presence: where it stands.
        since_ns: monotonic time of its start, for the escalation.
        escalated: nobody acknowledged in time.
    """

    alarm_id: str
    number: int
    condition: Condition
    cause: Cause
    latching: bool
    presence: Presence
    since_ns: int
    escalated: bool = False


class AlarmEvent(NamedTuple):
    """One change of one alarm, with all that the NOC needs to show it alone.

    Attributes:
        alarm_id: 32 hex digits that name the instance.
        condition: code of the condition.
        kind: physiological or technical.
        priority: how soon somebody must react.
        presence: where the alarm stands after the change.
        escalated: nobody acknowledged in time.
        device: the hub's alias, empty for the hub.
        measure: MDC code, None for a technical condition.
        value: the value that started it.
        unit: UCUM unit of ``value`` and ``limit``.
        limit: the bound that it crossed.
        limit_revision: of the set of limits that holds the bound.
        stamp: when the change happened.
    """

    alarm_id: str
    condition: str
    kind: Kind
    priority: Priority
    presence: Presence
    escalated: bool
    device: str
    measure: Code | None
    value: Decimal | None
    unit: Unit | None
    limit: Decimal | None
    limit_revision: int | None
    stamp: Stamp


def event(alarm: Alarm, stamp: Stamp) -> AlarmEvent:
    """Tell how an alarm stands."""
    condition, cause = alarm.condition, alarm.cause
    return AlarmEvent(
        alarm.alarm_id,
        condition.code,
        condition.kind,
        condition.priority,
        alarm.presence,
        alarm.escalated,
        condition.device,
        condition.measure,
        cause.value,
        cause.unit,
        cause.limit,
        cause.revision,
        stamp,
    )
