"""The recovery ladder of a deaf or stuck radio: rescan, power-cycle the adapter, restart the service, report.

Owns: which step is next. Pure: time is an argument.
Never: performs a step.
"""

from enum import StrEnum
from typing import Final


class Step(StrEnum):
    """Rungs, gentlest first."""

    RESCAN = "rescan"
    POWER_CYCLE = "power_cycle"
    RESTART = "restart"
    NONE = "none"
    """Nothing is left to do but to rescan, and for a person to look."""


RUNGS: Final = (Step.RESCAN, Step.POWER_CYCLE, Step.RESTART)


class Ladder:
    """Chooses the next step.

    Silence may be the truth (nobody advertises, everybody sleeps), so that after the top the ladder rests, and while a
    link lives nothing is done that would cut it.

    Args:
        rest_s: how long to rest after the last rung.
    """

    def __init__(self, rest_s: float) -> None:
        self._rest_s = rest_s
        self._rung = 0
        self._rested_at_s = float("-inf")

    def climb(self, at_s: float, *, links: int) -> Step:
        """Say what to do about (more) trouble at ``at_s`` with ``links`` live links."""
        if at_s < self._rested_at_s:
            return Step.NONE
        if links:
            return Step.RESCAN
        step = RUNGS[self._rung]
        self._rung += 1
        if self._rung == len(RUNGS):
            self._rung = 0
            self._rested_at_s = at_s + self._rest_s
        return step

    def calm(self) -> None:
        """Everything works: start from the bottom next time, though not before the rest is over."""
        self._rung = 0
