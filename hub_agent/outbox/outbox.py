"""The outbox: what is committed, sealed and waiting, as the rest of the hub sees it.

Owns: the writer thread, and what is known of the rows without reading them: how many wait, which are confirmed.
Never: publishes, judges, or hands out anything but sealed bytes. Nobody else opens the database.

Everything that touches the file runs on one thread: a slow commit never stops the event loop, and no cancelled
coroutine leaves a cursor open.
"""

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Final, TypeVar

from hub_agent import wire
from hub_agent.clock import Clock
from hub_agent.envelope import COVERS_MAX
from hub_agent.errors import DamagedError, StorageError
from hub_agent.model import Reading, ReadingClass
from hub_agent.outbox import recovery
from hub_agent.outbox.box import LocalBox
from hub_agent.outbox.card import Card
from hub_agent.outbox.delivered import Delivered
from hub_agent.outbox.failures import named
from hub_agent.outbox.hand import Hand
from hub_agent.outbox.quota import Limits
from hub_agent.outbox.recent import Kept, Recent
from hub_agent.outbox.rows import Committed, Row, Tally, Written, class_of, seq_of
from hub_agent.outbox.store import Store
from hub_agent.outbox.writer import Confirmed, Writer
from hub_agent.seal import Sealer

__all__ = ["UNBOUNDED", "Committed", "Outbox"]

_KEEP_NAMES: Final = 100_000
_OLDEST: Final = 256
"""Batches of a class among which to look for one that waits: those before it are confirmed, and go with a commit."""

UNBOUNDED: Final = Limits(quota=1 << 60, ballast=0, min_free=0)

T = TypeVar("T")


class Outbox:
    """The one owner of what waits for the NOC.

    Args:
        store: the open file.
        make_sealer: builds the sealer for a journal.
        box: protects local state on the card.
        clock: for the age of an epoch.
        limits: how much room may be taken.
    """

    def __init__(
        self,
        store: Store,
        make_sealer: Callable[[bytes], Sealer],
        box: LocalBox,
        clock: Clock,
        limits: Limits = UNBOUNDED,
    ) -> None:
        self._store = store
        self._box = box
        self._clock = clock
        self._hand = Hand("outbox")
        self.card = Card(store.path, store.checked, clock)
        self._delivered = Delivered()
        self._removals = 0
        self.recent = Recent()
        self.on_removed: Callable[[Iterable[int]], None] = lambda _keys: None
        """Is told the keys of batches that were shed or rewritten: nobody may send them any more."""
        self.failure: StorageError | None = None
        """What damaged file or card was met; the process must end, so that the next start repairs it."""
        self._sealer = make_sealer(store.journal)
        self._writer = self._guarded(lambda opened: Writer(opened, self._sealer, box, clock, limits))
        self._untold: list[Committed] = []
        self.tallies: dict[ReadingClass, Tally] = self._guarded(Store.tally)

    @property
    def journal(self) -> bytes:
        """The 16 bytes that name the life of this database file."""
        return self._store.journal

    @property
    def last_seq(self) -> int:
        """The newest batch number."""
        return self._store.last_seq

    @property
    def chain(self) -> bytes:
        """The digest of the newest batch: what the heartbeat shows, so that a clone cannot hide."""
        return self._writer.link

    @property
    def fill(self) -> float:
        """The share of its room that is taken, 0 to 1."""
        return self._writer.plan.fill

    async def run(self, work: Callable[[Store], T]) -> T:
        """Run something on the writer thread with the store; once asked for it is done, whoever stops waiting.

        Raises:
            StorageError: SQLite refused.
        """
        return await self._hand.do(lambda: self._guarded(work))

    def _guarded(self, work: Callable[[Store], T]) -> T:
        """Give errors of SQLite their names, and remember those that say that file or card is damaged."""
        try:
            try:
                return work(self._store)
            except sqlite3.Error as error:
                raise named(error, "the outbox did not answer", self._store.path.parent) from error
        except DamagedError as error:
            self.failure = self.failure or error
            recovery.suspect(self._store.path)
            raise

    async def commit(
        self,
        batches: Mapping[ReadingClass, Sequence[wire.Item]],
        *,
        names: Iterable[bytes] = (),
        state: Mapping[str, bytes] | None = None,
    ) -> list[Committed]:
        """Make items durable, one batch a class, together with local state; give the batches in class order.

        Where room had to be made, the gap records come first; without any items they come with the next :meth:`turn`.

        Raises:
            StorageError: nothing was stored.
        """
        written = await self._write(lambda done: self._writer.commit(batches, tuple(names), state or {}, done))
        now_s = self._clock.monotonic_s()
        for batch in written.committed[-len(batches) :] if batches else ():
            self.recent.add(batch, batches[class_of(batch.key)], now_s)
        if batches:
            return written.committed
        self._untold += written.committed  # who stores nothing but state has no forwarder at hand
        return []

    async def turn(self) -> list[Committed]:
        """Look at the room that is left, once a second; give gap records, where something had to be shed.

        Raises:
            StorageError: the file did not take it.
        """
        if await self.run(lambda _store: self._writer.turn()):
            self._untold += (await self._write(self._writer.trim)).committed
        untold, self._untold = self._untold, []
        return untold

    async def _write(self, work: Callable[[Confirmed], Written]) -> Written:
        """Let the writer write, knowing what is confirmed; book what it did."""
        with self._delivered.going() as confirmed:

            def do(store: Store) -> tuple[Written, float, Row | None]:
                written, took_s = self.card.timed(lambda: work(confirmed))
                return written, took_s, store.newest() if any(last >= store.last_seq for _, last in confirmed) else None

            try:
                written, took_s, end = await self.run(do)
            except StorageError:
                self._book(self._writer.half)
                self._untold += self._writer.half.committed
                raise
            self.card.commits.add(took_s)
            self._book(written)
        if end is not None:  # it stays until another follows it, as the chain's end
            self.confirm(seq_of(end.key), seq_of(end.key), [end])
        return written

    async def rewrite(self, group: Sequence[Kept]) -> None:
        """Put several batches that wait into one; see :class:`hub_agent.outbox.recent.Recent`.

        Nobody may hand any of them out meanwhile.

        Raises:
            StorageError: nothing has changed.
        """
        self._book(await self.run(lambda _store: self._writer.rewrite(group)))

    def _book(self, written: Written) -> None:
        for batch in written.committed:
            self._count(batch.key, 1, batch.items, batch.numbers)
        self._removals += len(written.removed) + len(written.deleted)
        for gone in written.deleted:
            if not self._delivered.gone(seq_of(gone.key)):
                self._count(gone.key, -1, -gone.items, -gone.numbers)
        for gone in written.removed:
            self.recent.drop(gone.key)
            self._count(gone.key, -1, -gone.items, -gone.numbers)
        if written.removed:
            self.on_removed([gone.key for gone in written.removed])

    def sent(self, key: int) -> None:
        """Note that a batch was handed to the broker: from now on it stays as it is."""
        self.recent.drop(key)

    def _count(self, key: int, batches: int, items: int, numbers: int) -> None:
        cls = class_of(key)
        before = self.tallies[cls]
        self.tallies[cls] = Tally(before.batches + batches, before.items + items, before.numbers + numbers)

    def epoch_record(self, epoch_id: bytes) -> bytes | None:
        """Give the record of an epoch that still has batches here; None when it is unknown."""
        return self._writer.epochs.record(epoch_id)

    def span(self, epoch_id: bytes) -> range:
        """Give the numbers that were sealed under an epoch that still has batches here; none when it is unknown."""
        last_seq = self.last_seq  # first: the writer's thread adds an epoch before the first number under it
        return self._writer.epochs.span(epoch_id, last_seq)

    def confirm(self, first: int, last: int, flown: Iterable[Committed | Row]) -> None:
        """Note that the NOC has a range of batches; they go with the next commit, or with :meth:`settle`.

        Args:
            first: lowest batch number.
            last: highest batch number.
            flown: those of them that were on their way, which are counted as delivered at once.
        """
        self._delivered.add(first, last)
        for batch in flown:
            if self._delivered.count(seq_of(batch.key)):
                self._count(batch.key, -1, -batch.items, -batch.numbers)

    async def settle(self) -> None:
        """Delete what is confirmed, forget spent epochs and old names; StorageError: it is all still there."""
        await self.commit({})
        await self.run(lambda _store: self._writer.tidy(_KEEP_NAMES))

    async def after(self, cls: ReadingClass, key: int, limit: int) -> list[Row]:
        """Read up to ``limit`` waiting batches of a class behind ``key``, oldest first.

        What a failing card has changed is deleted instead, with a gap record that :meth:`turn` gives: the NOC could
        neither believe such a batch nor refuse it, and it would be sent for ever.
        """
        found: list[Row] = []
        behind, removals = key, self._removals
        while True:
            rows, cast_out = await self.run(partial(self._read, cls, behind, limit))
            if cast_out is not None:
                self._book(cast_out)
                self._untold += cast_out.committed
            if self._removals != removals:  # what was read before may be gone since
                found, behind, removals = [], key, self._removals
                continue
            found += [row for row in rows if seq_of(row.key) not in self._delivered]
            if len(rows) < limit or len(found) >= limit:
                return found[:limit]
            behind = rows[-1].key

    def _read(self, cls: ReadingClass, key: int, limit: int, store: Store) -> tuple[list[Row], Written | None]:
        """Read rows; or, where some of them are spoilt, delete those and say so."""
        rows = store.after(cls, key, limit)
        spoilt = [row for row in rows if not self._sealer.made(row.envelope)]
        return rows, self._writer.cast_out(spoilt[:COVERS_MAX]) if spoilt else None

    async def oldest(self) -> dict[ReadingClass, int]:
        """Give the key of the oldest batch that is not confirmed, of each class of which something waits."""
        oldest: dict[ReadingClass, int] = {}
        for cls in [cls for cls in ReadingClass if self.tallies[cls].batches]:
            for key, *_ in await self.run(partial(Store.oldest, cls=cls, limit=_OLDEST)):
                if seq_of(key) not in self._delivered:
                    oldest.setdefault(cls, key)
        return oldest

    def name(self, device: str, reading: Reading) -> str:
        """Name a device's record: 32 hex digits, the same whenever the device sends it again."""
        return self._box.name(wire.distinction(device, reading)).hex()

    async def seen(self, name: bytes) -> bool:
        """Say whether a device's record of this name was stored before."""
        return await self.run(lambda store: store.seen(name))

    async def state(self, name: str) -> bytes | None:
        """Read a piece of local state.

        Raises:
            StorageError: it is there but does not open: another identity wrote it, or it was tampered with.
        """
        value = await self.run(lambda store: store.state(name))
        return None if value is None else self._box.open(name, value)

    async def save(self, name: str, value: bytes) -> None:
        """Make a piece of local state durable by itself."""
        await self.commit({}, state={name: value})

    async def close(self) -> None:
        """Settle, close the file, end the thread."""
        try:
            with suppress(StorageError):  # the process must end, whatever the card does; what is confirmed goes again
                await self.settle()
        finally:
            await self.run(Store.close)
            self._hand.end()
