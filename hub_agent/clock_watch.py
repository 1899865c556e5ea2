"""Watches the hub's wall clock: when it becomes good, ceases to be, or jumps. Pure.

Owns: which instants the NOC needs to date what was stamped by a clock that was not good.
Never: reads a clock or sets one; stamps are arguments.

Durations never depend on any of this: they are all measured on the monotonic clock.
"""

from typing import Final, NamedTuple

from hub_agent.model import ClockState, Stamp
from hub_agent.wire import Event

STEP_MS: Final = 500
"""When the wall clock has jumped or drifted this far from the monotonic one, the NOC is told anew.

NTP slews by less than 0.5 ms/s.
"""

_MS: Final = 1_000_000


class Turn(NamedTuple):
    """What one look at the clock found.

    Attributes:
        changed: whether the clock state is another than at the look before, or this was the first look.
        record: a ``time`` event for the NOC; None when there is nothing new.
    """

    changed: bool
    record: Event | None


class ClockWatch:
    """Remembers how the clocks stood; one for each life of the process, which sees one boot."""

    def __init__(self) -> None:
        self._state: ClockState | None = None
        self._offset_ms: int | None = None

    def look(self, stamp: Stamp) -> Turn:
        """Look at the clock; call once a second or so.

        A ``time`` event is given when the clock has become good, and when a good clock has left its line by
        ``STEP_MS``: then ``step_ms`` says by how much.
        """
        changed = stamp.clock is not self._state
        self._state = stamp.clock
        if stamp.clock is ClockState.UNSYNCED:
            return Turn(changed, None)
        offset_ms = (stamp.wall_ns - stamp.monotonic_ns) // _MS
        step_ms = 0 if self._offset_ms is None else offset_ms - self._offset_ms
        if not changed and abs(step_ms) < STEP_MS:
            return Turn(changed, None)
        self._offset_ms = offset_ms
        fields = {
            "boot": stamp.boot,
            "monotonic_ns": stamp.monotonic_ns,
            "wall_ns": stamp.wall_ns,
            "step_ms": step_ms,
        }
        return Turn(changed, Event("time", stamp, fields))
