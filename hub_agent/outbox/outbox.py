"""The outbox: what is committed, sealed and waiting, as the rest of the hub sees it.

Owns: the writer thread, the current epoch's data key, batch numbers and the chain.
Never: publishes, judges, or hands out anything but sealed bytes. Nobody else opens the database.

Everything that touches the file runs on one thread, so that a commit, slow as a card can be, never stops the event
loop, and no cancelled coroutine leaves a cursor open.
"""

import asyncio
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, NamedTuple, TypeVar

from hub_agent import wire
from hub_agent.clock import Clock
from hub_agent.envelope import digest
from hub_agent.errors import StorageError
from hub_agent.model import ReadingClass
from hub_agent.outbox.box import LocalBox
from hub_agent.outbox.store import Change, Row, Store, Tally, class_of, key_of, seq_of
from hub_agent.seal import BATCHES_PER_EPOCH, Epoch, Sealer

_DAY_S: Final = 86_400.0
_KEEP_NAMES: Final = 100_000

T = TypeVar("T")


class Committed(NamedTuple):
    """A batch that is durable now.

    Attributes:
        key: its row key (class and number).
        items: how many it holds.
        envelope: the bytes to publish.
        received_ns: monotonic stamps of its items, for the latency figures.
    """

    key: int
    items: int
    envelope: bytes
    received_ns: tuple[int, ...] = ()


class Outbox:
    """The one owner of what waits for the NOC.

    Args:
        store: the open file.
        make_sealer: builds the sealer for a journal.
        box: protects local state on the card.
        clock: for the age of an epoch.
    """

    def __init__(self, store: Store, make_sealer: Callable[[bytes], Sealer], box: LocalBox, clock: Clock) -> None:
        self._store = store
        self._sealer = make_sealer(store.journal)
        self._box = box
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="outbox")
        self._epoch: Epoch | None = None
        self._epoch_first = 0
        self._epoch_since_s = 0.0
        self._link = store.last_link
        self._confirmed: list[tuple[int, int]] = []
        self._delivered: set[int] = set()
        self._records = {epoch_id: record for _, epoch_id, record in store.epochs()}
        self.tallies: dict[ReadingClass, Tally] = store.tally()

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
        return self._link

    @property
    def size_bytes(self) -> int:
        """Bytes on disk."""
        return self._store.size_bytes()

    async def run(self, work: Callable[[Store], T]) -> T:
        """Run something on the writer thread with the store; once asked for it is done, whoever stops waiting."""
        future = asyncio.get_running_loop().run_in_executor(self._thread, work, self._store)
        await asyncio.wait({future})
        return future.result()

    async def commit(
        self,
        batches: Mapping[ReadingClass, Sequence[wire.Item]],
        *,
        names: Iterable[bytes] = (),
        state: Mapping[str, bytes] | None = None,
    ) -> list[Committed]:
        """Make items durable, one batch a class, together with local state; give the batches in class order.

        Raises:
            StorageError: nothing was stored.
        """
        confirmed, self._confirmed = self._confirmed, []
        try:
            committed, deleted = await self.run(
                lambda store: self._commit(store, batches, tuple(names), state or {}, tuple(confirmed))
            )
        except StorageError:
            self._confirmed = confirmed + self._confirmed
            raise
        for batch in committed:
            self._count(batch.key, 1, batch.items)
        self._settled(confirmed, deleted)
        return committed

    def _commit(
        self,
        store: Store,
        batches: Mapping[ReadingClass, Sequence[wire.Item]],
        names: tuple[bytes, ...],
        state: Mapping[str, bytes],
        confirmed: tuple[tuple[int, int], ...],
    ) -> tuple[list[Committed], list[tuple[int, int]]]:
        epoch, begins = self._current_epoch(store)
        seq, link = store.last_seq, self._link
        committed = []
        for cls in sorted(batches):
            items = batches[cls]
            seq += 1
            envelope = self._sealer.seal(epoch, seq, cls, len(items), link, wire.encode(items))
            link = digest(envelope)
            received = tuple(item.stamp.monotonic_ns for item in items)
            committed.append(Committed(key_of(cls, seq), len(items), envelope, received))
        deleted = store.apply(
            Change(
                rows=[Row(batch.key, batch.items, batch.envelope) for batch in committed],
                epochs=begins if committed else (),
                confirmed=confirmed,
                names=names,
                state=[(name, self._box.close(name, value)) for name, value in state.items()],
            )
        )
        self._link = link
        if begins and committed:
            self._epoch, self._epoch_first = epoch, begins[0][0]
            self._epoch_since_s = self._clock.monotonic_s()
            self._records[epoch.id] = epoch.record
        return committed, deleted

    def _settled(self, confirmed: Sequence[tuple[int, int]], deleted: Sequence[tuple[int, int]]) -> None:
        """Book deletions: what was not known as delivered is counted now, and the newest batch is left for later."""
        for key, items in deleted:
            if seq_of(key) in self._delivered:
                self._delivered.remove(seq_of(key))
            else:
                self._count(key, -1, -items)
        newest = self._store.last_seq
        if any(last >= newest for _, last in confirmed):
            self._confirmed.insert(0, (newest, newest))

    def _count(self, key: int, batches: int, items: int) -> None:
        cls = class_of(key)
        before = self.tallies[cls]
        self.tallies[cls] = Tally(before.batches + batches, before.items + items)

    def _current_epoch(self, store: Store) -> tuple[Epoch, list[tuple[int, bytes, bytes]]]:
        """Give the epoch to seal under; a new one at a start, after a day, or after 2^20 batches."""
        fresh = (
            self._epoch is not None
            and self._clock.monotonic_s() - self._epoch_since_s < _DAY_S
            and store.last_seq - self._epoch_first < BATCHES_PER_EPOCH - len(ReadingClass)
        )
        if fresh and self._epoch is not None:
            return self._epoch, []
        epoch = self._sealer.open_epoch(self._clock.stamp().wall_ns)
        return epoch, [(store.last_seq + 1, epoch.id, epoch.record)]

    def epoch_record(self, epoch_id: bytes) -> bytes | None:
        """Give the record of an epoch that still has batches here; None when it is unknown."""
        return self._records.get(epoch_id)

    def confirm(self, first: int, last: int, flown: Iterable[Committed]) -> None:
        """Note that the NOC has a range of batches; they go with the next commit, or with :meth:`settle`.

        Args:
            first: lowest batch number.
            last: highest batch number.
            flown: those of them that were on their way, which are counted as delivered at once.
        """
        if self._confirmed and self._confirmed[-1][1] + 1 == first:
            self._confirmed[-1] = (self._confirmed[-1][0], last)
        else:
            self._confirmed.append((first, last))
        for batch in flown:
            if seq_of(batch.key) not in self._delivered:
                self._delivered.add(seq_of(batch.key))
                self._count(batch.key, -1, -batch.items)

    @property
    def unsettled(self) -> int:
        """How many ranges of confirmed batches still lie on the card."""
        return len(self._confirmed)

    async def settle(self) -> None:
        """Delete what is confirmed, forget spent epochs and old names, and give room back."""
        confirmed, self._confirmed = self._confirmed, []

        def work(store: Store) -> list[tuple[int, int]]:
            deleted = store.apply(Change(confirmed=confirmed)) if confirmed else []
            store.drop_spent_epochs()
            store.prune_seen(_KEEP_NAMES)
            store.give_back()
            self._records = {epoch_id: record for _, epoch_id, record in store.epochs()}
            return deleted

        try:
            deleted = await self.run(work)
        except StorageError:
            self._confirmed = confirmed + self._confirmed
            raise
        self._settled(confirmed, deleted)

    async def after(self, cls: ReadingClass, key: int, limit: int) -> list[Row]:
        """Read up to ``limit`` waiting batches of a class behind ``key``, oldest first."""
        return await self.run(lambda store: store.after(cls, key, limit))

    async def row(self, key: int) -> Row | None:
        """Read one waiting batch; None when it is gone."""
        return await self.run(lambda store: store.row(key))

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
            await self.settle()
        except StorageError:  # a broken card must not keep the process from ending; confirmed rows are only sent again
            pass
        finally:
            await self.run(Store.close)
            self._thread.shutdown()


def name_record(device: str, parts: Sequence[Any]) -> str:
    """Name a device's record: 32 hex digits of SHA-256 over alias and content, the same whenever it is sent again."""
    return hashlib.sha256(repr((device, *parts)).encode()).hexdigest()[:32]
