"""What is on its way to the NOC and not confirmed: pure.

Owns: each batch that was handed to the broker, when it must go again, and which of them kill links.
Never: chooses among what waits (the lanes do), publishes, or reads a clock.

A NOC that says nothing is not flooded: one batch alone is sent to it again, every ``resend_s``, until it speaks. And a
batch with which the link died twice is tried alone: if that one kills the link too, it is set aside, and reported. It
comes back for another trial later, since it may have been the link all the same.
"""

from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from hub_agent.outbox.rows import Committed, seq_of

SUSPECT: Final = 2
"""With so many dead links a batch is sent alone, so that the next death tells whether it is the cause."""
ASIDE_S: Final = 60.0
"""How long a batch that kills the link is set aside; twice as long each time, up to ten minutes."""
_ASIDE_MAX_S: Final = 600.0


@dataclass(slots=True)
class Flight:
    """A batch that was handed to the broker and is not confirmed.

    Attributes:
        batch: it.
        fresh: whether it went as fresh.
        since_s: when it went, monotonic.
        acknowledged: whether the broker has taken it.
        under_way: whether its PUBACK is still to come on this link.
        attempts: how often it went.
        losses: how often the link died with it under way; from ``SUSPECT`` on, only when it was alone.
    """

    batch: Committed
    fresh: bool
    since_s: float
    acknowledged: bool = False
    under_way: bool = True
    attempts: int = 1
    losses: int = 0

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self.batch.envelope)


@dataclass(frozen=True, slots=True)
class Choice:
    """What to send now."""

    batch: Committed
    fresh: bool


class Flights:
    """Batches on their way, oldest departure first.

    Args:
        resend_s: how long to wait for the NOC's confirmation.
    """

    def __init__(self, resend_s: float) -> None:
        self._resend_s = resend_s
        self._flights: OrderedDict[int, Flight] = OrderedDict()
        self._again: deque[Flight] = deque()
        self._suspects: deque[Flight] = deque()
        self._aside: dict[int, tuple[float, float]] = {}
        self._set_aside: set[int] = set()
        self._heard_s = self._probe_s = float("-inf")
        self.unacknowledged = 0
        self.backlog_unacknowledged = 0
        self.bytes = 0
        self.trial = False

    def __len__(self) -> int:
        return len(self._flights)

    def __contains__(self, seq: int) -> bool:
        """Say whether a batch is on its way or set aside: it is not to be sent as if it only waited."""
        return seq in self._flights or seq in self._set_aside

    def __iter__(self) -> Iterator[int]:
        return iter(self._flights)

    def get(self, seq: int) -> Flight | None:
        """Look a flight up."""
        return self._flights.get(seq)

    def waiting(self) -> bool:
        """Say whether something must be sent again on this link or the next."""
        return bool(self._again)

    # --- what goes ----------------------------------------------------------------------------------------------------

    def depart(self, choice: Choice, at_s: float) -> None:
        """Note that a batch is handed to the broker."""
        seq = seq_of(choice.batch.key)
        before = self.land(seq)
        flight = self._flights[seq] = Flight(choice.batch, choice.fresh, at_s)
        if before is not None:
            flight.attempts, flight.losses = before.attempts + 1, before.losses
        elif choice.batch.key in self._aside:
            flight.losses = SUSPECT
        self.bytes += flight.size
        self.unacknowledged += 1
        self.backlog_unacknowledged += not choice.fresh

    def again(self, at_s: float) -> Choice | None:
        """Give what the link swallowed, and what the NOC has not confirmed in time."""
        while self._again:
            flight = self._again.popleft()
            if seq_of(flight.batch.key) in self._flights:
                return Choice(flight.batch, fresh=flight.fresh)
        if self._silent(at_s) and at_s < self._probe_s:
            return None
        for flight in self._flights.values():
            if at_s - flight.since_s < self._resend_s:
                return None
            if flight.acknowledged:
                self._probe_s = at_s + self._resend_s
                return Choice(flight.batch, fresh=False)
        return None

    def suspect(self) -> Choice | None:
        """Give a batch with which links died, while nothing else is under way: its trial begins."""
        while self._suspects and self.unacknowledged == 0:
            flight = self._suspects.popleft()
            if seq_of(flight.batch.key) in self._flights:
                self.trial = True
                return Choice(flight.batch, fresh=flight.fresh)
        return None

    def _silent(self, at_s: float) -> bool:
        return at_s - self._heard_s > self._resend_s

    def due_s(self, at_s: float) -> float | None:
        """Say when the next one must go again for want of a confirmation; None when nothing is on its way."""
        for flight in self._flights.values():
            if flight.acknowledged:
                due_s = flight.since_s + self._resend_s
                return max(due_s, self._probe_s) if self._silent(at_s) else due_s
        return None

    # --- what comes back ----------------------------------------------------------------------------------------------

    def acknowledged(self, choice: Choice) -> None:
        """The broker has answered: a place in the window is free."""
        flight = self._flights.get(seq_of(choice.batch.key))
        if flight is not None:
            flight.acknowledged, flight.under_way = True, False
        self.unacknowledged -= 1
        self.backlog_unacknowledged -= not choice.fresh
        self.trial = False

    def returned(self, choice: Choice) -> None:
        """The broker did not take it: it goes again."""
        self.acknowledged(choice)
        flight = self._flights.get(seq_of(choice.batch.key))
        if flight is not None:
            flight.acknowledged = False
            self._again.append(flight)

    def confirmed(self, first: int, last: int, at_s: float) -> list[Flight]:
        """The NOC has these batch numbers: give those that were on their way, oldest first."""
        self._heard_s = at_s
        if last - first < len(self._flights):
            found = [seq for seq in range(first, last + 1) if seq in self._flights]
        else:
            found = sorted(seq for seq in self._flights if first <= seq <= last)
        flights = [flight for seq in found if (flight := self.land(seq)) is not None]
        for flight in flights:
            self._aside.pop(flight.batch.key, None)
        return flights

    def land(self, seq: int) -> Flight | None:
        """Forget a flight; its place in the window it keeps until its PUBACK."""
        flight = self._flights.pop(seq, None)
        if flight is not None:
            self.bytes -= flight.size
        return flight

    def disconnected(self, at_s: float) -> list[Flight]:
        """The link is gone: what the broker had not taken goes first on the next one; give what is set aside."""
        for flight in self._flights.values():
            if flight.under_way and (flight.losses < SUSPECT or self.trial):
                flight.losses += 1
            flight.under_way = False
        self.trial = False
        self.unacknowledged = self.backlog_unacknowledged = 0
        killers = [flight for flight in self._flights.values() if flight.losses > SUSPECT]
        for flight in killers:
            self._put_aside(flight.batch.key, at_s)
        waiting = [flight for flight in self._flights.values() if not flight.acknowledged]
        self._again = deque(flight for flight in waiting if flight.losses < SUSPECT)
        self._suspects = deque(flight for flight in waiting if flight.losses >= SUSPECT)
        return killers

    def set_aside(self, key: int) -> None:
        """Send this batch no more by itself: it was refused."""
        self._set_aside.add(seq_of(key))
        self.land(seq_of(key))

    def _put_aside(self, key: int, at_s: float) -> None:
        self.set_aside(key)
        _, before_s = self._aside.get(key, (0.0, ASIDE_S / 2))
        aside_s = min(before_s * 2, _ASIDE_MAX_S)
        self._aside[key] = at_s + aside_s, aside_s

    def back(self, at_s: float) -> Iterator[int]:
        """Give the keys of batches whose time aside is over: they wait again."""
        for key, (until_s, _) in self._aside.items():
            if at_s >= until_s and seq_of(key) in self._set_aside:
                self._set_aside.discard(seq_of(key))
                yield key
