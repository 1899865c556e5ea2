"""The alarm book's memory as plain JSON, and back.

Owns: the form in which alarm state is stored with the reading that changed it.
Never: opens a database. Values and limits are vital signs and settings of a person: whoever stores this seals it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final, Literal, NamedTuple

from pydantic import TypeAdapter, ValidationError

from hub_agent.alarms.alarm import Alarm, Condition
from hub_agent.alarms.limits import Limit, LimitState, Priority
from hub_agent.errors import HubError, StorageError
from hub_agent.model import Code, Unit


class Violation(NamedTuple):
    """What one limit remembers of one device."""

    device: str
    measure: Code
    priority: Priority
    state: LimitState
    value: Decimal | None
    unit: Unit


class Pending(NamedTuple):
    """A technical condition whose delay runs."""

    condition: Condition
    due_ns: int


class Trouble(NamedTuple):
    """The measures of one device that share one trouble; 0 and 1 stand for no measure, and for a whole episode."""

    device: str
    code: str
    measures: tuple[Code, ...]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that must survive a restart.

    Attributes:
        form: of this record; a later form gets another number.
        boot: the boot to which all monotonic times belong.
        at_ns: monotonic time of the last change.
        revision: of the limits.
        limits: as they are in force.
        number: of the last alarm.
        paused_until_ns: end of the audio pause, None when there is none.
        paused_number: the last alarm that it silences.
        alarms: all that are not over.
        violations: limits that are not clear.
        pending: technical conditions whose delay runs.
        troubles: why values cannot be judged.
        silent: devices that have been called silent.
    """

    form: Literal[1]
    boot: str
    at_ns: int
    revision: int
    limits: tuple[Limit, ...]
    number: int
    paused_until_ns: int | None
    paused_number: int
    alarms: tuple[Alarm, ...]
    violations: tuple[Violation, ...]
    pending: tuple[Pending, ...]
    troubles: tuple[Trouble, ...]
    silent: tuple[str, ...]

    def moved_to(self, boot: str, at_ns: int) -> "Snapshot":
        """Carry the times over to another boot, as if the hub had not been off: what had 3 s to go still has.

        But an audio pause ends: how much of it is over nobody knows, and a silence must not last longer than was asked.

        Args:
            boot: the boot of now.
            at_ns: its monotonic time now.
        """
        if boot == self.boot:
            return self
        by = at_ns - self.at_ns
        return replace(
            self,
            boot=boot,
            at_ns=at_ns,
            paused_until_ns=None,
            alarms=tuple(replace(alarm, since_ns=alarm.since_ns + by) for alarm in self.alarms),
            violations=tuple(
                one._replace(state=one.state._replace(since_ns=one.state.since_ns + by)) for one in self.violations
            ),
            pending=tuple(one._replace(due_ns=one.due_ns + by) for one in self.pending),
        )


_FORM: Final = TypeAdapter(Snapshot)


def to_json(snapshot: Snapshot) -> dict[str, Any]:
    """Give the snapshot as a dictionary that ``json.dumps`` takes; decimals become text, digit for digit."""
    plain: dict[str, Any] = _FORM.dump_python(snapshot, mode="json")
    return plain


def from_json(plain: Mapping[str, Any]) -> Snapshot:
    """Read a dictionary that ``to_json`` made.

    Raises:
        StorageError: it is damaged, or of a form that this version does not know.
    """
    try:
        return _FORM.validate_python(plain)
    except (ValidationError, HubError) as error:
        raise StorageError("the stored alarm state cannot be read", hint="it starts empty") from error
