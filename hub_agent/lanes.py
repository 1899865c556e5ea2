"""Which batch goes next: pure.

Owns: the order of sending.
Never: reads the database, publishes, or reads a clock; time and rows are arguments.

Order: alarms, new before old; then fresh batches, those first that the link swallowed, most valuable class first; then
the backlog, never with more than half of the window, and as link and NOC bear (``pace``): what must be sent again, then
what waits, most valuable class first, oldest first. A batch is fresh while it waits in RAM, which holds a bounded
number; the rest are found again in the outbox by a cursor for each class. ``sent`` is not ``delivered``: a batch leaves
only when the NOC confirms it (``flights``).
"""

from collections import deque
from collections.abc import Iterable
from typing import Final

from hub_agent.flights import Choice, Flight, Flights, Owed
from hub_agent.model import ReadingClass
from hub_agent.outbox.rows import Committed, class_of, key_of, seq_of
from hub_agent.pace import Pace

FRESH_S: Final = 30.0
"""A batch older than this is backlog, whatever it holds: the promise is 30 seconds."""
FRESH_BATCHES: Final = 64
"""Fresh batches a class holds in RAM; older ones wait in the outbox alone."""
HORIZON_BYTES: Final = 4 * 1024 * 1024
"""What unconfirmed batches may take of the RAM."""


class Lanes:
    """What waits and what is on its way.

    Args:
        window: PUBACKs that may be outstanding, over all lanes.
        horizon: batches that may be unconfirmed; beyond it only alarms go, and what goes again, so that a NOC that is
            down is not flooded through a broker that is up.
        resend_s: how long to wait for the NOC's confirmation.
        pace: the room for backlog.
    """

    def __init__(self, window: int = 20, horizon: int = 512, resend_s: float = 10.0, pace: Pace | None = None) -> None:
        self._window = window
        self._horizon = horizon
        self._fresh: dict[ReadingClass, deque[tuple[Committed, float]]] = {cls: deque() for cls in ReadingClass}
        self._backlog: dict[ReadingClass, deque[Committed]] = {cls: deque() for cls in ReadingClass}
        self._cursor: dict[ReadingClass, int] = {cls: key_of(cls, 0) for cls in ReadingClass}
        self._exhausted: dict[ReadingClass, bool] = dict.fromkeys(ReadingClass, False)
        self._withheld: set[int] = set()
        self.flights = Flights(resend_s, FRESH_S)
        self.pace = pace or Pace()

    # --- what comes in ------------------------------------------------------------------------------------------------

    def add(self, batches: Iterable[Committed], at_s: float) -> None:
        """Take batches that were committed just now."""
        for batch in batches:
            cls = class_of(batch.key)
            queue = self._fresh[cls]
            queue.append((batch, at_s))
            if len(queue) > FRESH_BATCHES:
                self._rewind(queue.popleft()[0].key)

    def _rewind(self, key: int) -> None:
        """Leave a batch to the outbox: its class's backlog is read from it on, or from what is at hand and older."""
        cls = class_of(key)
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
            if row.key not in held and row.key not in self._withheld and seq_of(row.key) not in self.flights:
                self._backlog[cls].append(row)
        self._exhausted[cls] = exhausted

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
            self._rewind(min(key for key in released if class_of(key) is cls))

    def forget(self, keys: Iterable[int]) -> None:
        """Send none of these batches any more: they are gone. What comes of those on their way changes nothing."""
        gone = set(keys)
        self._drop(gone)
        for key in gone:
            self.flights.land(seq_of(key))

    def _drop(self, keys: set[int]) -> None:
        for cls in ReadingClass:
            self._fresh[cls] = deque(entry for entry in self._fresh[cls] if entry[0].key not in keys)
            self._backlog[cls] = deque(batch for batch in self._backlog[cls] if batch.key not in keys)

    # --- what goes out ------------------------------------------------------------------------------------------------

    def choose(self, at_s: float) -> Choice | None:
        """Take the next batch to publish; None while nothing may go."""
        flights = self.flights
        for key in flights.back(at_s):
            self._rewind(key)
        if flights.owed >= self._window or flights.trial:
            return None
        room = len(flights) < self._horizon and flights.bytes < HORIZON_BYTES
        quiet = flights.wants_quiet(at_s)
        choice = self._choose_alarm(at_s)
        if choice is None and not quiet:
            choice = self._choose_swallowed(at_s) or (self._choose_fresh(at_s) if room else None)
        if choice is None:
            choice = flights.suspect(at_s)
        if choice is None and not quiet and flights.owed_backlog < max(1, self._window // 2):
            choice = self._choose_overdue(at_s) or (self._choose_backlog(at_s) if room else None)
        if choice is not None:
            backlog = not choice.fresh and class_of(choice.batch.key) is not ReadingClass.ALARM
            flights.depart(choice, at_s, backlog=backlog)
            if backlog:
                self.pace.sent(len(choice.batch.envelope), at_s)
        return choice

    def _choose_alarm(self, at_s: float) -> Choice | None:
        choice = self._take_fresh(ReadingClass.ALARM, at_s)
        if choice is not None:
            return choice
        for flight in self.flights.swallowed():
            if class_of(flight.batch.key) is ReadingClass.ALARM:
                return self.flights.again(flight, at_s)
        for flight in self.flights.overdue(at_s):
            if class_of(flight.batch.key) is ReadingClass.ALARM:
                return Choice(flight.batch, fresh=False)
        alarms = self._backlog[ReadingClass.ALARM]
        return Choice(alarms.popleft(), fresh=False) if alarms else None

    def _choose_swallowed(self, at_s: float) -> Choice | None:
        """Send again what the link swallowed while it was fresh."""
        for flight in self.flights.swallowed():
            if self.flights.is_fresh(flight, at_s):
                return self.flights.again(flight, at_s)
        return None

    def _choose_overdue(self, at_s: float) -> Choice | None:
        """Send again what else the link swallowed, and what the NOC has not confirmed in time."""
        for flight in self.flights.swallowed():
            return self.flights.again(flight, at_s) if self.pace.may_go(flight.size, at_s) else None
        for flight in self.flights.overdue(at_s):
            return Choice(flight.batch, fresh=False) if self.pace.may_go(flight.size, at_s) else None
        return None

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
            self._rewind(batch.key)
        return None

    def _choose_backlog(self, at_s: float) -> Choice | None:
        for cls in ReadingClass:
            if self._backlog[cls]:
                size = len(self._backlog[cls][0].envelope)
                if not self.pace.noc_takes(size, self.flights.backlog_bytes) or not self.pace.may_go(size, at_s):
                    return None
                return Choice(self._backlog[cls].popleft(), fresh=False)
            if not self._exhausted[cls]:
                return None  # more valuable batches may be in the outbox: read first
        return None

    # --- what comes back ----------------------------------------------------------------------------------------------

    def acknowledged(self, key: int, at_s: float) -> None:
        """The broker took it: a place in the window is free."""
        self._learn(self.flights.acknowledged(key), at_s)

    def returned(self, key: int, at_s: float) -> None:
        """The broker did not take it, or had nobody to give it to: a place in the window is free, and it goes again."""
        self._learn(self.flights.returned(key), at_s)

    def unsent(self, key: int) -> None:
        """It was not handed to the broker after all: its place in the window is free."""
        owed = self.flights.unsent(key)
        if owed is not None and owed.backlog:
            self.pace.returned(owed.size)

    def _learn(self, owed: Owed | None, at_s: float) -> None:
        if owed is not None:
            if owed.backlog:
                self.pace.returned(owed.size)
            self.pace.timed(owed.size, at_s - owed.since_s, at_s, backlog=owed.backlog)

    def confirmed(self, first: int, last: int, at_s: float) -> list[Flight]:
        """The NOC has these batch numbers: give those that were on their way, oldest first; none of them goes again."""
        for queue in self._backlog.values():
            if queue and seq_of(queue[0].key) <= last:
                kept = [batch for batch in queue if not first <= seq_of(batch.key) <= last]
                queue.clear()
                queue.extend(kept)
        flights = self.flights.confirmed(first, last, at_s)
        for flight in flights:
            if flight.attempts == 1:  # of what went twice nobody knows which one is confirmed
                self.pace.confirmed(flight.size, at_s - flight.since_s, at_s, backlog=flight.backlog)
        return flights

    def set_aside(self, key: int) -> None:
        """Never send this batch again by itself: it was refused."""
        self.flights.set_aside(key)

    def connected(self, at_s: float, outage_s: float, share: float) -> None:
        """Begin on a new link, after an outage; ``share``: 0 to 1, this hub's draw among the fleet."""
        self.pace.connected(at_s, outage_s, share)

    def disconnected(self, at_s: float) -> list[Flight]:
        """The link is gone: what the broker had not taken goes first on the next one; give what is set aside."""
        return self.flights.disconnected(at_s)

    def urgent(self) -> bool:
        """Say whether something fresh or unsent waits, so that reconnecting must not take its time."""
        return self.flights.waiting() or any(self._fresh.values())

    def next_s(self, at_s: float) -> float | None:
        """Say when time alone lets something go; None when it will not."""
        dues = [due_s for due_s in (self.flights.due_s(at_s),) if due_s is not None]
        if any(self._backlog.values()) and self.pace.next_s() > at_s:
            dues.append(self.pace.next_s())
        return min(dues, default=None)
