"""What is on its way to the NOC and not confirmed: pure.

Owns: each batch that was handed to the broker, when it must go again, and which of them kill links.
Never: chooses among what waits (the lanes do), publishes, or reads a clock.

A NOC that says nothing is not flooded: one batch alone is sent to it again, every ``resend_s``, until it speaks. And a
batch with which the link died twice is tried alone: if that one kills the link too, it is set aside, and reported. It
comes back for another trial later, since it may have been the link all the same. To be alone it waits for an idle link,
but not for long, and an alarm not at all: then all others wait until the broker has answered what it has.
"""

from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from hub_agent.model import ReadingClass
from hub_agent.outbox.rows import Committed, class_of, seq_of

SUSPECT: Final = 2
"""With so many dead links a batch is sent alone, so that the next death tells whether it is the cause."""
ASIDE_S: Final = 60.0
"""How long a batch that kills the link is set aside; twice as long each time, up to ten minutes."""
_ASIDE_MAX_S: Final = 600.0
ASIDE_ALARM_S: Final = 10.0
"""The same for an alarm, up to a minute: a bad network must not keep it from the NOC for longer."""
_ASIDE_ALARM_MAX_S: Final = 60.0


@dataclass(slots=True)
class Flight:
    """A batch that was handed to the broker and is not confirmed.

    Attributes:
        batch: what was handed over.
        fresh: whether it went as fresh.
        backlog: whether it counts as backlog: neither fresh nor an alarm.
        since_s: when it went, monotonic.
        acknowledged: whether the broker has taken it.
        attempts: how often it went.
        losses: how often the link died while its PUBACK was owed; from ``SUSPECT`` on, only when it was alone.
    """

    batch: Committed
    fresh: bool
    backlog: bool
    since_s: float
    acknowledged: bool = False
    attempts: int = 1
    losses: int = 0

    @property
    def size(self) -> int:
        """The envelope's length in bytes."""
        return len(self.batch.envelope)


@dataclass(frozen=True, slots=True)
class Choice:
    """What to send now."""

    batch: Committed
    fresh: bool


class Owed(NamedTuple):
    """A PUBACK that the broker owes.

    Attributes:
        since_s: since when.
        size: bytes of the batch.
        backlog: whether it counts as backlog.
    """

    since_s: float
    size: int
    backlog: bool


class Flights:
    """Batches on their way, oldest departure first.

    Args:
        resend_s: how long to wait for the NOC's confirmation.
        fresh_s: how long a batch that the link swallowed is still fresh.
    """

    def __init__(self, resend_s: float, fresh_s: float) -> None:
        self._resend_s = resend_s
        self._fresh_s = fresh_s
        self._flights: OrderedDict[int, Flight] = OrderedDict()
        self._owed: dict[int, Owed] = {}
        self._again: deque[Flight] = deque()
        self._suspects: deque[Flight] = deque()
        self._aside: dict[int, tuple[float, float]] = {}  # row key → until when, and for how long; kept until confirmed
        self._set_aside: dict[int, int] = {}  # batch number → row key of what is not sent now
        self._heard_s = self._probe_s = self._tried_s = float("-inf")
        self.bytes = 0
        """Bytes on their way."""
        self.backlog_bytes = 0
        """Those of them that count as backlog."""
        self.trial = False
        """Whether a batch that may kill the link is being tried alone."""

    def __len__(self) -> int:
        return len(self._flights)

    def __iter__(self) -> Iterator[int]:
        return iter(self._flights)

    def __contains__(self, seq: int) -> bool:
        """Say whether a batch is on its way, or set aside: it is not to be sent as one that only waits."""
        return seq in self._flights or seq in self._owed or seq in self._set_aside

    def __getitem__(self, seq: int) -> Flight:
        return self._flights[seq]

    def get(self, seq: int) -> Flight | None:
        """Look a flight up."""
        return self._flights.get(seq)

    @property
    def owed(self) -> int:
        """How many PUBACKs the broker owes."""
        return len(self._owed)

    @property
    def owed_backlog(self) -> int:
        """How many of them are for backlog."""
        return sum(owed.backlog for owed in self._owed.values())

    # --- what goes ----------------------------------------------------------------------------------------------------

    def depart(self, choice: Choice, at_s: float, *, backlog: bool) -> None:
        """Note that a batch is handed to the broker."""
        key = choice.batch.key
        before = self.land(seq_of(key))
        flight = self._flights[seq_of(key)] = Flight(choice.batch, choice.fresh, backlog, at_s)
        if before is not None:
            flight.attempts, flight.losses = before.attempts + 1, before.losses
            if before.acknowledged:
                self._probe_s = at_s + self._resend_s
        elif key in self._aside:
            flight.losses = SUSPECT
        self.bytes += flight.size
        self.backlog_bytes += flight.size if backlog else 0
        self._owed[seq_of(key)] = Owed(at_s, flight.size, backlog)

    def swallowed(self) -> list[Flight]:
        """Give what the broker never took, less what was confirmed or set aside all the same."""
        if self._again:
            self._again = deque(flight for flight in self._again if self._is_here(flight))
        return list(self._again)

    def _is_here(self, flight: Flight) -> bool:
        return self._flights.get(seq_of(flight.batch.key)) is flight

    def is_fresh(self, flight: Flight, at_s: float) -> bool:
        """Say whether a batch that the link swallowed is fresh all the same."""
        return flight.fresh and at_s - flight.since_s <= self._fresh_s

    def again(self, flight: Flight, at_s: float) -> Choice:
        """Take what the link swallowed, to be sent again."""
        self._again.remove(flight)
        return Choice(flight.batch, fresh=self.is_fresh(flight, at_s))

    def overdue(self, at_s: float) -> Iterator[Flight]:
        """Give what the broker took too long ago, longest first; one at a time while the NOC says nothing."""
        if self._silent(at_s) and at_s < self._probe_s:
            return
        for flight in self._flights.values():
            if at_s - flight.since_s < self._resend_s:
                return
            if flight.acknowledged:
                yield flight

    def wants_quiet(self, at_s: float) -> bool:
        """Say whether a trial is due, so that nothing else may go before it: of an alarm, or the first for long."""
        waiting = [flight for flight in self._suspects if self._is_here(flight)]
        overdue = bool(waiting) and at_s - self._tried_s >= self._resend_s
        return overdue or any(class_of(flight.batch.key) is ReadingClass.ALARM for flight in waiting)

    def suspect(self, at_s: float) -> Choice | None:
        """Give a batch with which links died, while nothing else is under way: its trial begins."""
        while self._suspects and not self._owed:
            flight = self._suspects.popleft()
            if self._is_here(flight):
                self.trial, self._tried_s = True, at_s
                return Choice(flight.batch, fresh=False)
        return None

    def _silent(self, at_s: float) -> bool:
        return at_s - self._heard_s > self._resend_s

    def due_s(self, at_s: float) -> float | None:
        """Say when the next one must go again for want of a confirmation; None when the broker has taken nothing."""
        for flight in self._flights.values():
            if flight.acknowledged:
                due_s = flight.since_s + self._resend_s
                return max(due_s, self._probe_s) if self._silent(at_s) else due_s
        return None

    # --- what comes back ----------------------------------------------------------------------------------------------

    def acknowledged(self, key: int) -> Owed | None:
        """The broker took it; give what it owed, None where it owed nothing."""
        flight = self._flights.get(seq_of(key))
        if flight is not None:
            flight.acknowledged = True
        return self._answered(key)

    def returned(self, key: int) -> Owed | None:
        """The broker did not take it: it goes again; give what it owed."""
        flight = self._flights.get(seq_of(key))
        if flight is not None:
            self._again.append(flight)
        return self._answered(key)

    def unsent(self, key: int) -> Owed | None:
        """It was not handed to the broker after all: no PUBACK will come; give what it would have owed."""
        return self._answered(key)

    def _answered(self, key: int) -> Owed | None:
        self.trial = False
        return self._owed.pop(seq_of(key), None)

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
            self.backlog_bytes -= flight.size if flight.backlog else 0
        return flight

    def disconnected(self, at_s: float) -> list[Flight]:
        """The link is gone: what the broker had not taken goes first on the next one; give what is set aside."""
        lost = [flight for seq in self._owed if (flight := self._flights.get(seq)) is not None]
        for flight in lost:
            if flight.losses < SUSPECT or self.trial:
                flight.losses += 1
        self.trial = False
        self._owed.clear()
        killers = [flight for flight in lost if flight.losses > SUSPECT]
        for flight in killers:
            self._put_aside(flight.batch.key, at_s)
        waiting = [flight for flight in self._flights.values() if not flight.acknowledged]
        self._again = deque(flight for flight in waiting if flight.losses < SUSPECT)
        suspects = [flight for flight in waiting if flight.losses >= SUSPECT]
        self._suspects = deque(
            sorted(suspects, key=lambda flight: class_of(flight.batch.key) is not ReadingClass.ALARM)
        )
        self._tried_s = at_s
        return killers

    def waiting(self) -> bool:
        """Say whether something that the broker has not taken must go again."""
        return bool(self._again) or any(map(self._is_here, self._suspects))

    def set_aside(self, key: int) -> None:
        """Send this batch no more by itself: it was refused. One that was aside for a time has none any more."""
        self._aside.pop(key, None)
        self._set_aside[seq_of(key)] = key
        self.land(seq_of(key))

    def ever_set_aside(self) -> frozenset[int]:
        """Give the keys of what is set aside, or was and is not confirmed yet: to be kept over a restart."""
        return frozenset(self._set_aside.values()) | frozenset(self._aside)

    def set_aside_again(self, keys: Iterable[int], at_s: float) -> None:
        """Set aside what an earlier life of the process had set aside, for ``ASIDE_S``; then it is tried again."""
        for key in keys:
            self._put_aside(key, at_s)

    def _put_aside(self, key: int, at_s: float) -> None:
        alarm = class_of(key) is ReadingClass.ALARM
        first_s, longest_s = (ASIDE_ALARM_S, _ASIDE_ALARM_MAX_S) if alarm else (ASIDE_S, _ASIDE_MAX_S)
        _, before_s = self._aside.get(key, (0.0, first_s / 2))
        aside_s = min(before_s * 2, longest_s)
        self.set_aside(key)
        self._aside[key] = at_s + aside_s, aside_s

    def back(self, at_s: float) -> list[int]:
        """Give the keys of batches whose time aside is over: they wait again."""
        keys = [key for key, (until_s, _) in self._aside.items() if at_s >= until_s and seq_of(key) in self._set_aside]
        for key in keys:
            del self._set_aside[seq_of(key)]
        return keys
