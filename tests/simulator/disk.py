"""The card under the outbox: it fails, fills up, takes its time, and is gone with its process.

Everything that is measured in MiB is 64 times smaller here than on a real card, the outbox's own limits with it:
some dozen blocks of a waveform fill it.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Final, TypeVar
from unittest import mock

from hub_agent import builder
from hub_agent.errors import FullError, StorageError
from hub_agent.model import ReadingClass
from hub_agent.outbox import ballast, quota
from hub_agent.outbox.hand import settle
from hub_agent.outbox.quota import Limits
from hub_agent.outbox.rows import Gone, class_of, seq_of
from hub_agent.outbox.store import Change, Store

T = TypeVar("T")

_MIB: Final = 1 << 14
_BLOCK: Final = 4096
_BLOCKS: Final = 1 << 14
_FREE: Final = _BLOCKS // 2 * _BLOCK
_LEAST: Final = 4 * _BLOCK
"""With less room than this nothing can be written: a commit's pages in the write-ahead log, a new file's first."""
_BALLAST: Final = 5 * _MIB
_MIN_FREE: Final = 4 * _MIB
_ROOMS: Final = tuple(rooms * _MIB for rooms in (5, 8, 24))
_EMPTY: Final = 5 * _MIB
"""What the file may have when nothing waits: schema, names, commands, some spare pages."""
_REFUSED: Final = "the outbox did not take a change: disk I/O error"
_CHECKPOINT: Final = 8
"""Pages of the write-ahead log until it is folded into the file."""

_WORK_S: Final = (0.001, 0.02)
_STALL_S: Final = (0.05, 0.4)
_STALLS: Final = 0.01
"""How long the card takes for a commit or a look: most of the time, and in so great a share of all."""


_GROW: Final = ballast.Ballast.grow


class Disk:
    """What may happen to the file system under the outbox.

    Args:
        directory: of the outbox.
        rng: draws how much room the outbox is given.

    Attributes:
        limits: of the outbox.
        others: bytes that others have taken of what was free.
        dead: the process is gone: nothing is written any more.
        fails: how many of the next commits fail.
        crash_in: in how many commits the process is killed; None: not planned.
        crash_after: whether the crash comes after that commit is durable, or before.
        commits: how many were durable.
        unjust: what was shed though something less valuable was there.
    """

    def __init__(self, directory: Path, rng: Random) -> None:
        self.limits = Limits(_BALLAST + rng.choice(_ROOMS), _BALLAST, _MIN_FREE)
        self._directory = directory
        self.others = 0
        self.dead = False
        self.fails = 0
        self.crash_in: int | None = None
        self.crash_after = False
        self.commits = 0
        self.unjust: list[str] = []
        self.on_crash: Callable[[], None] = lambda: None

    # --- room ---------------------------------------------------------------------------------------------------------

    def free(self) -> int:
        """Bytes that are free now."""
        return max(0, _FREE - self.others - self._own())

    def _own(self) -> int:
        return sum(file.stat().st_size for file in self._directory.glob("outbox.*") if file.suffix != ".db-shm")

    def fill(self, leave: int) -> None:
        """Let others take all but ``leave`` bytes."""
        self.others = max(0, _FREE - leave - self._own())

    def full(self) -> bool:
        """Whether nothing can be written."""
        return self.free() < _LEAST

    def _statvfs(self, _path: Path) -> SimpleNamespace:
        return SimpleNamespace(f_frsize=_BLOCK, f_blocks=_BLOCKS, f_bavail=self.free() // _BLOCK)

    # --- what is on it ------------------------------------------------------------------------------------------------

    @contextmanager
    def under(self) -> Iterator[None]:
        """Put this disk under an outbox."""

        def has_room(_directory: Path) -> bool:
            return not self.full()

        def grow(kept: ballast.Ballast, size: int) -> None:
            if self.free() >= ballast.STEP:
                _GROW(kept, size)

        with (
            mock.patch.object(builder, "Limits", return_value=self.limits),
            mock.patch.object(quota, "_PIECE", (_MIB // 4, 4 * _MIB)),
            mock.patch.object(quota, "_SLACK", 4 * _MIB),
            mock.patch.object(quota, "STEP", _MIB),
            mock.patch.object(ballast, "STEP", _MIB),
            mock.patch.object(ballast, "has_room", has_room),
            mock.patch.object(ballast.Ballast, "grow", grow),
            mock.patch("os.statvfs", self._statvfs),
        ):
            yield

    def store(self) -> type[Store]:
        """Make the store that is on this disk."""
        disk = self

        class OnDisk(Store):
            def __init__(self, path: Path, journal: bytes) -> None:
                disk.must_take("cannot open the outbox")
                super().__init__(path, journal)
                self._db.execute(f"PRAGMA wal_autocheckpoint={_CHECKPOINT}")
                self._db.execute(f"PRAGMA journal_size_limit={_CHECKPOINT * _BLOCK}")

            def apply(self, change: Change) -> list[Gone]:
                disk.before(self, change)
                gone = super().apply(change)
                disk.written()
                return gone

            def on_connection(self, work: Callable[[sqlite3.Connection], T]) -> T:
                before = self._db.total_changes
                result = disk.unless_refused(self._db, lambda: super(OnDisk, self).on_connection(work))
                if self._db.total_changes != before:
                    disk.written()
                return result

            def drop_spent_epochs(self) -> None:
                disk.unless_refused(self._db, super().drop_spent_epochs)

            def prune_seen(self, keep: int) -> None:
                disk.unless_refused(self._db, lambda: super(OnDisk, self).prune_seen(keep))

            def give_back(self, keep: int = 0, pages: int = 1000) -> None:
                usage = self.usage()
                if usage.spare - keep >= usage.page:
                    disk.must_take("the outbox did not give room back")
                super().give_back(keep, pages)

        return OnDisk

    def must_take(self, what: str) -> None:
        """Let something fail for which there is no room."""
        if self.full():
            raise FullError(f"{what}: database or disk is full")

    def before(self, store: Store, change: Change) -> None:
        """Let a commit fail that must, or the process die before it."""
        self._alive()
        if self.fails:
            self.fails -= 1
            raise StorageError(_REFUSED)
        if self.crash_in == 1 and not self.crash_after:
            self._die()
        self._judge(store, change)
        if change != Change():
            self.must_take("the outbox did not take a change")

    def written(self) -> None:
        """Count what is durable now; let the process die after it, where that is planned."""
        self.commits += 1
        if self.crash_in is not None:
            self.crash_in -= 1
            if self.crash_in <= 0:
                self._die()

    def unless_refused(self, db: sqlite3.Connection, work: Callable[[], T]) -> T:
        """Do something that may write; a card that is full or failing does not, as SQLite has it."""
        self._alive()
        if not self.full() and not self.fails:
            return work()
        before = db.total_changes
        db.execute("SAVEPOINT refused")  # whoever begins a transaction of his own writes
        try:
            result = work()
            if db.total_changes == before:
                return result
        except StorageError:
            pass
        finally:
            if db.in_transaction:
                db.execute("ROLLBACK")
        if not self.fails:
            raise FullError("the outbox did not take a change: database or disk is full")
        self.fails -= 1
        raise StorageError(_REFUSED)

    def _judge(self, store: Store, change: Change) -> None:
        """Look whether what is shed was the least valuable that was there."""
        if not change.removed or class_of(change.rows[0].key) is not ReadingClass.ALARM:
            return  # rewritten
        cls = class_of(change.removed[0])
        if cls is ReadingClass.ALARM:
            self.unjust.append("alarms were shed")
        for less in (less for less in ReadingClass if less > cls):
            here = {seq_of(key) for key, *_ in store.oldest(less, store.last_seq)} - {store.last_seq}
            waits = sum(not any(first <= seq <= last for first, last in change.confirmed) for seq in here)
            if waits:
                self.unjust.append(f"{cls.name.lower()} was shed while {waits} of {less.name.lower()} waited")

    def kept(self, fill: float, alarms: Sequence[str]) -> list[str]:
        """Say what of the room was not given back, where nothing waits any more.

        Args:
            fill: the share of its room that the outbox says is taken.
            alarms: that are on about storage.
        """
        ballast_bytes, file_bytes = ((self._directory / f"outbox.{name}").stat().st_size for name in ("ballast", "db"))
        found = [f"the alarm {code} is on, and {fill:.0%} taken" for code in alarms]
        if ballast_bytes != self.limits.ballast:
            found.append(f"{ballast_bytes} bytes of ballast, not {self.limits.ballast}")
        if file_bytes > _EMPTY:
            found.append(f"a file of {file_bytes} bytes")
        return found

    def _alive(self) -> None:
        if self.dead:
            raise StorageError("the process is gone")

    def _die(self) -> None:
        """Let the process be killed now."""
        self.dead, self.crash_in = True, None
        self.on_crash()
        raise StorageError("the process is gone")


class Card:
    """How long the card takes: the outbox's hand on virtual time.

    Args:
        rng: draws how long.
    """

    def __init__(self, rng: Random) -> None:
        self._rng = rng

    def hand(self, _name: str) -> "SimHand":
        """Make the hand of one life."""
        return SimHand(self)

    def takes_s(self) -> float:
        """Draw how long the next piece of work takes: some milliseconds, now and then much more."""
        return self._rng.uniform(*(_STALL_S if self._rng.random() < _STALLS else _WORK_S))


class SimHand:
    """Does one thing after the other, each in its time (a ``Hand``)."""

    def __init__(self, card: Card) -> None:
        self._card = card
        self._free_s = 0.0

    async def do(self, work: Callable[[], T]) -> T:
        """Do something, when what was asked for before is done; it is done, whoever stops waiting."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._free_s = max(self._free_s, loop.time()) + self._card.takes_s()
        loop.call_at(self._free_s, self._work, work, future)
        return await future

    def _work(self, work: Callable[[], T], future: "asyncio.Future[T]") -> None:
        try:
            result = work()
        except Exception as error:  # noqa: BLE001 - it belongs to whoever asked
            settle(future, None, error)
        else:
            settle(future, result, None)

    def end(self) -> None:
        """Nothing to do."""
