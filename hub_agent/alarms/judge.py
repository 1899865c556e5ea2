"""What the intake asks of whoever decides about alarms.

Owns: the questions. Never: answers one; the alarm book does.
"""

from collections.abc import Sequence
from typing import Any, Protocol

from hub_agent.model import ReceivedReading, Stamp


class Judge(Protocol):
    """Who decides about alarms; the alarm book."""

    def reading(self, received: ReceivedReading) -> Sequence[Any]:
        """Judge one reading; give the alarm events that it causes."""
        ...

    def tick(self, stamp: Stamp) -> Sequence[Any]:
        """Judge the passing of time; give the alarm events that it causes."""
        ...

    def next_due(self) -> int | None:
        """Say in monotonic nanoseconds when time alone may cause an event; None when never.

        It comes no sooner than this unless ``version`` has moved.
        """
        ...

    def snapshot(self) -> dict[str, Any]:
        """Give the state that must survive a restart, JSON-able."""
        ...

    @property
    def version(self) -> int:
        """Moves whenever the snapshot does, and whenever time may cause something sooner."""
        ...
