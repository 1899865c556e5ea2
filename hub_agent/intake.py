"""Takes readings in: names them, drops repeats, judges limits, makes them durable, then tells.

Owns: what is received and not yet committed, and when it must be.
Never: stores by itself (the outbox does), publishes, or lets an alarm wait for anything but its own commit.

Persist, then announce. If persisting fails, the annunciator still sounds, and the error ends the process, whose
supervisor starts it anew. Only where there is no room does it wait, and judges on: it is the NOC's confirmations that
make room, and a process that ends again and again never gets so far.
"""

import asyncio
import json
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from hub_agent.alarms.judge import Judge
from hub_agent.clock import Clock
from hub_agent.errors import FullError, StorageError
from hub_agent.model import Reading, ReadingClass, ReceivedReading, Stamp
from hub_agent.outbox.outbox import Committed, Outbox
from hub_agent.waiters import Waiters, Waiting, settle
from hub_agent.wire import Event, Item

COMMIT_S: Final[Mapping[ReadingClass, float]] = {
    ReadingClass.ALARM: 0.0,
    ReadingClass.EPISODIC: 0.0,
    ReadingClass.CONTINUOUS: 1.0,
    ReadingClass.WAVEFORM: 5.0,
}
"""The longest that a reading of a class may be in RAM alone: what a power cut can take."""

STATE: Final = "alarms"
"""The name of the alarm state among the outbox's local state."""

_AWAITED: Final = (ReadingClass.ALARM, ReadingClass.EPISODIC)
"""Readings of these classes, and all from a device's memory, are durable before the device hears that they arrived: it
may delete them then."""
TURN_S: Final = 1.0
"""It turns at least this often, so that the watchdog sees its progress."""
ROOM_S: Final = 1.0  # how long it waits for room until it tries again
_ITEMS_MAX: Final = 256
"""What has waited for room goes in batches of so many items at the most: the broker takes no message of any size."""

_PENDING_MAX: Final = 4096
"""With more than this in RAM, drivers wait for the card."""


@dataclass(slots=True)
class Counts:
    """What came in since the start; ``stored`` counts readings, of all classes."""

    received: int = 0
    repeated: int = 0
    stored: int = 0
    by_device: dict[str, int] = field(default_factory=dict)


class Intake:
    """The one way into the outbox.

    Args:
        outbox: where things become durable.
        judge: the alarm book.
        clock: stamps and timers.
        to_wire: turns an alarm event into its sealed form.
        announce: shows alarm events on the spot; must not block.
        offer: hands what is durable to the forwarder.
        commit_s: the commit window of each class.
    """

    def __init__(
        self,
        outbox: Outbox,
        judge: Judge,
        clock: Clock,
        *,
        to_wire: Callable[[Any], Event],
        announce: Callable[[Sequence[Any]], None],
        offer: Callable[[list[Committed]], None],
        commit_s: Mapping[ReadingClass, float] = COMMIT_S,
    ) -> None:
        self._outbox = outbox
        self._judge = judge
        self._clock = clock
        self._to_wire = to_wire
        self._announce = announce
        self._offer = offer
        self._commit_s = commit_s
        self._pending: dict[ReadingClass, list[Item]] = {cls: [] for cls in ReadingClass}
        self._due_s: dict[ReadingClass, float] = {}
        self._waiters = Waiters()
        self._unannounced: list[Any] = []
        self._names: set[str] = set()
        self._stored_version = judge.version
        self._wake = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._rings_s = math.inf
        self._tick_s = math.inf
        self._asked_version: int | None = None
        self._flushing = asyncio.Lock()
        self._failed = False
        self._held: set[ReadingClass] = set()
        self.counts = Counts()

    async def take(self, device: str, reading: Reading, stamp: Stamp, *, repeats: bool = True) -> bool:
        """Take one reading; False when the device sent it before.

        Returns once an episodic or stored reading is durable, so that the device may be told; a continuous one at
        once, unless so much is pending that the device must wait.

        Args:
            device: its alias.
            reading: what it said.
            stamp: when.
            repeats: whether it may say the same again; see :class:`hub_agent.driver.Driver`.

        Raises:
            StorageError: it could not be stored.
        """
        counts = self.counts
        cls, _, _, measured, record, stored, _, _ = reading  # at once: cheaper than four attributes
        counts.received += 1
        name = ""
        if repeats and (record is not None or measured is not None):
            name = self._outbox.name(device, reading)
            if await self._is_known(name, reading):
                counts.repeated += 1
                return False
            self._names.add(name)
        counts.by_device[device] = counts.by_device.get(device, 0) + 1
        received = ReceivedReading(device, reading, stamp, name)
        self._add(cls, received)
        events = self._judge.reading(received)
        if events:
            self.raise_now(events)
        if cls in _AWAITED or stored or len(self._pending[cls]) >= _PENDING_MAX:
            await self._until_durable(cls)
        return True

    async def _is_known(self, name: str, reading: Reading) -> bool:
        """Say whether a record came before. The device may be told so only once that one is durable."""
        if name not in self._names:
            return await self._outbox.seen(bytes.fromhex(name))
        if reading.cls in _AWAITED or reading.stored:
            await self._until_durable(reading.cls)
        return True

    def note(self, event: Event, cls: ReadingClass = ReadingClass.ALARM) -> None:
        """Take something that is not a reading; it becomes durable within its class's window."""
        self._add(cls, event)

    def waits_for_room(self) -> bool:
        """Say whether something was received for which there is no room yet."""
        return bool(self._held)

    async def keep_state(self) -> None:
        """Make the judge's state durable now; returns when it is.

        Raises:
            StorageError: it could not be stored.
        """
        await self._until_durable(ReadingClass.ALARM)

    def raise_now(self, events: Sequence[Any]) -> None:
        """Take alarm events: committed at once, with the readings that caused them if any did, and then announced."""
        for event in events:
            self.note(self._to_wire(event))
        self._unannounced.extend(events)

    def _add(self, cls: ReadingClass, item: Item) -> None:
        self._pending[cls].append(item)
        due_s = item.stamp.monotonic_ns / 1e9 + self._commit_s[cls]
        if due_s < self._due_s.get(cls, math.inf):
            self._due_s[cls] = due_s
            if due_s < self._rings_s:
                self._wake.set()

    async def _until_durable(self, cls: ReadingClass) -> None:
        future = self._waiters.add(cls)
        self._due_s[cls] = 0.0  # at once
        self._wake.set()
        await future

    async def run(self, turned: Callable[[], None] = lambda: None) -> None:
        """Commit what is due, for ever; on cancellation, commit everything first. Where there is no room, try again.

        Raises:
            StorageError: a commit failed; alarms in it were announced all the same.
        """
        try:
            while True:
                turned()
                await self._sleep()
                now_s = self._clock.monotonic_s()
                if self._tick_s <= now_s:
                    self.raise_now(self._judge.tick(self._clock.stamp()))
                    self._asked_version, now_s = None, self._clock.monotonic_s()
                due = {cls for cls, due_s in self._due_s.items() if due_s <= now_s}
                if ReadingClass.ALARM in due:
                    # the readings that raised an alarm go in its transaction, with the alarm state
                    due |= {cls for cls in self._due_s if cls is not ReadingClass.WAVEFORM}
                if due:
                    with suppress(FullError):
                        await self._flush(due)
        finally:
            if self._timer is not None:
                self._timer.cancel()
            await self.drain()

    async def drain(self) -> None:
        """Commit everything that is pending; returns when nothing is on its way to the card any more."""
        await self._flush(set(ReadingClass))

    async def _sleep(self) -> None:
        """Wait until something is due or comes in.

        One timer stands until it rings, or something is due before it: it may ring for nothing, which costs less than
        a timer for every commit.
        """
        self._wake.clear()
        if self._asked_version != self._judge.version:
            self._asked_version, judged_ns = self._judge.version, self._judge.next_due()
            self._tick_s = math.inf if judged_ns is None else judged_ns / 1e9
        due_s = min(self._tick_s, *self._due_s.values(), math.inf)
        if due_s < self._rings_s or self._timer is None:
            now_s = self._clock.monotonic_s()
            if self._timer is not None:
                self._timer.cancel()
            self._rings_s = min(due_s, now_s + TURN_S)
            self._timer = asyncio.get_running_loop().call_later(max(0.0, self._rings_s - now_s), self._ring)
        await self._wake.wait()

    def _ring(self) -> None:
        self._timer, self._rings_s = None, math.inf
        self._wake.set()

    async def _flush(self, due: set[ReadingClass]) -> None:
        async with self._flushing:  # so that whoever drains also waits for what is being committed already
            await self._commit(due)

    async def _commit(self, due: set[ReadingClass]) -> None:
        batches = {cls: items for cls in due if (items := self._pending[cls])}
        for cls in due:
            self._pending[cls] = []
            self._due_s.pop(cls, None)
        left = self._divide(batches) if self._held else set()
        waiting = self._waiters.take(due - left if left else due)
        events, self._unannounced = self._unannounced, []
        every = [item.name for items in batches.values() for item in items if isinstance(item, ReceivedReading)]
        names = list(filter(None, every))
        version = self._judge.version
        # Where alarm events were lost, or still wait, the state must not say that they happened: the next life raises
        # them again.
        keep = version != self._stored_version and not self._failed and not self._pending[ReadingClass.ALARM]
        state = {STATE: json.dumps(self._judge.snapshot()).encode()} if keep else {}
        if not batches and not state and not waiting:
            return
        try:
            committed = await self._outbox.commit(batches, names=map(bytes.fromhex, names), state=state)
        except FullError:
            self._take_back(batches, waiting)
            raise
        except StorageError as error:
            self._failed = True
            settle(waiting, error)
            raise
        finally:
            if events:
                self._announce(events)
        if self._held:
            self._held -= due - left
        self._stored_version = version if keep else self._stored_version
        self._names.difference_update(names)
        self.counts.stored += len(every)
        self._offer(committed)
        settle(waiting)

    def _divide(self, batches: dict[ReadingClass, list[Item]]) -> set[ReadingClass]:
        """Leave for the next turns what would make too large a batch of what has waited for room; say which classes."""
        left = {cls for cls in self._held & batches.keys() if len(batches[cls]) > _ITEMS_MAX}
        for cls in left:
            batches[cls], self._pending[cls] = batches[cls][:_ITEMS_MAX], batches[cls][_ITEMS_MAX:]
        self._due_s |= dict.fromkeys(left, 0.0)
        return left

    def _take_back(self, batches: Mapping[ReadingClass, list[Item]], waiting: Waiting) -> None:
        """Let what found no room wait for it, before whatever has come meanwhile."""
        self._held |= batches.keys()
        self._waiters.put_back(waiting)
        for cls, items in batches.items():
            self._pending[cls][:0] = items
        self._due_s |= dict.fromkeys(batches.keys() | waiting.keys(), self._clock.monotonic_s() + ROOM_S)
