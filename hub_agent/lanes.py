"""Which batch goes next: pure.

Owns: the order of sending, what is on its way, and what must be sent again.
Never: reads the database, publishes, or reads a clock; time and rows are arguments.

Order: alarms, old or new; then fresh batches, those first that the link swallowed, most valuable class first; then the
backlog, never with more than half of the window: what must be sent again, then what waits, most valuable class first,
oldest first. A batch is fresh while it waits in RAM, which holds a bounded number; the rest are found again in the
outbox by a cursor for each class. ``sent`` is not ``delivered``: a batch leaves only when the NOC confirms it.
"""

from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from hub_agent.model import ReadingClass
from hub_agent.outbox.outbox import Committed
from hub_agent.outbox.store import class_of, key_of, seq_of

FRESH_S: Final = 30.0
"""A batch older than this is backlog, whatever it holds: the promise is 30 seconds."""
FRESH_BATCHES: Final = 64
"""Fresh batches a class holds in RAM; older ones wait in the outbox alone."""


@dataclass(slots=True)
class Flight:
    """A batch that was handed to the broker and is not confirmed."""

    batch: Committed
    fresh: bool
    since_s: float
    acknowledged: bool = False
    attempts: int = 1


@dataclass(frozen=True, slots=True)
class Choice:
    """What to send now."""

    batch: Committed
    fresh: bool


class Lanes:
    """What waits and what is on its way.

    Args:
        window: PUBACKs that may be outstanding, over all lanes.
        horizon: batches that may be unconfirmed; beyond it only alarms go, and what goes again, so that a NOC that is
            down is not flooded through a broker that is up.
        resend_s: how long to wait for the NOC's confirmation.
    """

    def __init__(self, window: int = 20, horizon: int = 512, resend_s: float = 10.0) -> None:
        self._window = window
        self._horizon = horizon
        self._resend_s = resend_s
        self._fresh: dict[ReadingClass, deque[tuple[Committed, float]]] = {cls: deque() for cls in ReadingClass}
        self._backlog: dict[ReadingClass, deque[Committed]] = {cls: deque() for cls in ReadingClass}
        self._cursor: dict[ReadingClass, int] = {cls: key_of(cls, 0) for cls in ReadingClass}
        self._exhausted: dict[ReadingClass, bool] = dict.fromkeys(ReadingClass, False)
        self._again: deque[Flight] = deque()
        self._poison: set[int] = set()
        self._withheld: set[int] = set()
        self.flights: OrderedDict[int, Flight] = OrderedDict()
        self._out: dict[int, bool] = {}
        """Numbers for which the broker owes a PUBACK → whether they count as backlog."""

    # --- what comes in ------------------------------------------------------------------------------------------------

    def add(self, batches: Iterable[Committed], at_s: float) -> None:
        """Take batches that were committed just now."""
        for batch in batches:
            cls = class_of(batch.key)
            queue = self._fresh[cls]
            queue.append((batch, at_s))
            if len(queue) > FRESH_BATCHES:
                self._fall_back(queue.popleft()[0])

    def _fall_back(self, batch: Committed) -> None:
        """Leave a batch to the outbox: the cursor of its class will come by."""
        cls = class_of(batch.key)
        self._rewind(cls, batch.key)

    def _rewind(self, cls: ReadingClass, key: int) -> None:
        """Have a class's backlog read from ``key`` on, and again from what is at hand, where that is older."""
        at_hand = self._backlog[cls]
        if self._cursor[cls] >= key:
            self._cursor[cls] = min([key, *(row.key for row in at_hand)]) - 1
            at_hand.clear()
        self._exhausted[cls] = False

    def wants(self) -> tuple[ReadingClass, int] | None:
        """Say which class's backlog to read next, and behind which key; None while there is enough at hand."""
        for cls in ReadingClass:
            if self._backlog[cls]:
                return None
            if not self._exhausted[cls]:
                return cls, self._cursor[cls]
        return None

    def refill(self, cls: ReadingClass, behind: int, rows: Iterable[Committed], *, exhausted: bool) -> None:
        """Take rows that were read behind a cursor; an answer to an older question is ignored."""
        if behind != self._cursor[cls]:
            return
        held = {batch.key for batch, _ in self._fresh[cls]}
        for row in rows:
            self._cursor[cls] = row.key
            if row.key not in held and not self._spoken_for(row.key):
                self._backlog[cls].append(row)
        self._exhausted[cls] = exhausted

    def _spoken_for(self, key: int) -> bool:
        seq = seq_of(key)
        return key in self._withheld or seq in self.flights or seq in self._out or seq in self._poison

    # --- what is rewritten or shed meanwhile --------------------------------------------------------------------------

    def withhold(self, keys: Iterable[int]) -> None:
        """Send none of these batches, which nobody has sent yet, until they are released: they are being rewritten."""
        self._withheld.update(keys)
        self._drop(self._withheld)

    def release(self, keys: Iterable[int]) -> None:
        """End a :meth:`withhold`: what is in the outbox now, they or what took their place, is found by the cursor."""
        released = set(keys)
        self._withheld -= released
        for cls in {class_of(key) for key in released}:
            self._rewind(cls, min(key for key in released if class_of(key) is cls))

    def forget(self, keys: Iterable[int]) -> None:
        """Send none of these batches any more: they are gone. What comes of those on their way changes nothing."""
        gone = set(keys)
        self._drop(gone)
        for key in gone:
            self.flights.pop(seq_of(key), None)

    def _drop(self, keys: set[int]) -> None:
        for cls in ReadingClass:
            self._fresh[cls] = deque(entry for entry in self._fresh[cls] if entry[0].key not in keys)
            self._backlog[cls] = deque(batch for batch in self._backlog[cls] if batch.key not in keys)

    # --- what goes out ------------------------------------------------------------------------------------------------

    def choose(self, at_s: float) -> Choice | None:
        """Take the next batch to publish; None while nothing may go."""
        if len(self._out) >= self._window:
            return None
        room = len(self.flights) < self._horizon
        choice = self._choose_alarm(at_s) or self._choose_swallowed(at_s)
        if choice is None and room:
            choice = self._choose_fresh(at_s)
        if choice is None and sum(self._out.values()) < max(1, self._window // 2):
            choice = self._choose_overdue(at_s) or (self._choose_backlog() if room else None)
        if choice is not None:
            self._depart(choice, at_s)
        return choice

    def _choose_alarm(self, at_s: float) -> Choice | None:
        for flight in self._swallowed():
            if class_of(flight.batch.key) is ReadingClass.ALARM:
                return self._again_at(flight, at_s)
        for flight in self._overdue(at_s):
            if class_of(flight.batch.key) is ReadingClass.ALARM:
                return Choice(flight.batch, fresh=False)
        alarms = self._backlog[ReadingClass.ALARM]
        if alarms:
            return Choice(alarms.popleft(), fresh=False)
        return self._take_fresh(ReadingClass.ALARM, at_s)

    def _choose_swallowed(self, at_s: float) -> Choice | None:
        """Send again what the link swallowed while it was fresh."""
        for flight in self._swallowed():
            if self._is_fresh(flight, at_s):
                return self._again_at(flight, at_s)
        return None

    def _choose_overdue(self, at_s: float) -> Choice | None:
        """Send again what else the link swallowed, and what the NOC has not confirmed in time."""
        for flight in self._swallowed():
            return self._again_at(flight, at_s)
        for flight in self._overdue(at_s):
            return Choice(flight.batch, fresh=False)
        return None

    def _swallowed(self) -> list[Flight]:
        """Give what the broker never took, less what was confirmed or set aside all the same."""
        if self._again:
            self._again = deque(f for f in self._again if self.flights.get(seq_of(f.batch.key)) is f)
        return list(self._again)

    def _overdue(self, at_s: float) -> Iterator[Flight]:
        """Give what the broker took too long ago, longest first."""
        for flight in self.flights.values():
            if at_s - flight.since_s < self._resend_s:
                return
            if flight.acknowledged:
                yield flight

    def _again_at(self, flight: Flight, at_s: float) -> Choice:
        self._again.remove(flight)
        return Choice(flight.batch, fresh=self._is_fresh(flight, at_s))

    @staticmethod
    def _is_fresh(flight: Flight, at_s: float) -> bool:
        return flight.fresh and at_s - flight.since_s <= FRESH_S

    def _choose_fresh(self, at_s: float) -> Choice | None:
        for cls in ReadingClass:
            choice = self._take_fresh(cls, at_s)
            if choice is not None:
                return choice
        return None

    def _take_fresh(self, cls: ReadingClass, at_s: float) -> Choice | None:
        queue = self._fresh[cls]
        while queue:
            batch, since_s = queue.popleft()
            fresh = at_s - since_s <= FRESH_S
            if fresh or cls is ReadingClass.ALARM:
                return Choice(batch, fresh=fresh)
            self._fall_back(batch)
        return None

    def _choose_backlog(self) -> Choice | None:
        for cls in ReadingClass:
            if self._backlog[cls]:
                return Choice(self._backlog[cls].popleft(), fresh=False)
            if not self._exhausted[cls]:
                return None  # more valuable batches may be in the outbox: read first
        return None

    def _depart(self, choice: Choice, at_s: float) -> None:
        seq = seq_of(choice.batch.key)
        before = self.flights.pop(seq, None)
        attempts = before.attempts + 1 if before else 1
        self.flights[seq] = Flight(choice.batch, choice.fresh, at_s, attempts=attempts)
        self._out[seq] = not choice.fresh and class_of(choice.batch.key) is not ReadingClass.ALARM

    # --- what comes back ----------------------------------------------------------------------------------------------

    def acknowledged(self, key: int) -> None:
        """The broker took it: a place in the window is free."""
        self._out.pop(seq_of(key), None)
        flight = self.flights.get(seq_of(key))
        if flight is not None:
            flight.acknowledged = True

    def returned(self, key: int) -> None:
        """The broker did not take it, or had nobody to give it to: a place in the window is free, and it goes again."""
        self._out.pop(seq_of(key), None)
        flight = self.flights.get(seq_of(key))
        if flight is not None:
            self._again.append(flight)

    def confirmed(self, first: int, last: int) -> list[Flight]:
        """The NOC has these batch numbers: give those that were on their way, oldest first."""
        if last - first < len(self.flights):
            found = [seq for seq in range(first, last + 1) if seq in self.flights]
        else:
            found = sorted(seq for seq in self.flights if first <= seq <= last)
        return [self.flights.pop(seq) for seq in found]

    def set_aside(self, key: int) -> None:
        """Never send this batch again by itself: it was refused, or it kills the link."""
        self._poison.add(seq_of(key))
        self.flights.pop(seq_of(key), None)

    def disconnected(self) -> None:
        """The link is gone: what the broker had not taken goes first on the next one."""
        self._out.clear()
        self._again = deque(flight for flight in self.flights.values() if not flight.acknowledged)

    def urgent(self) -> bool:
        """Say whether something fresh or unsent waits, so that reconnecting must not take its time."""
        return bool(self._again) or any(self._fresh.values())

    def next_resend_s(self) -> float | None:
        """Say when the oldest confirmation falls due; None when nothing is on its way."""
        for flight in self.flights.values():
            if flight.acknowledged:
                return flight.since_s + self._resend_s
        return None
