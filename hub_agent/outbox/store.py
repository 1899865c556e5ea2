"""The database file: sealed batches, epochs, local state. Synchronous; one thread calls it.

Owns: the SQLite connection, its settings and every statement but the schema and the ledger's.
Never: seals, opens, decides what is sent next; reads a clock.

Settings after measurements of power cuts on ext4: WAL with ``synchronous=FULL`` lost none of 8,901 commits, ``NORMAL``
lost rows in 17 of 20 cuts. Pages of 1 KiB would write 0.4 times the bytes to the card; but then one block
of 4 KiB, which is what cards and file systems lose, holds the schema and the roots of several tables, and a salvage
cannot do without it.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, TypeVar

from hub_agent.envelope import FIRST_LINK, JOURNAL_BYTES, digest
from hub_agent.errors import StorageError
from hub_agent.model import ReadingClass
from hub_agent.outbox.card import Verdict
from hub_agent.outbox.failures import named
from hub_agent.outbox.migrations import SCHEMA_VERSION, migrate
from hub_agent.outbox.rows import (
    SEQ_BITS,
    SEQ_MASK,
    Change,
    Gone,
    Row,
    Tally,
    Usage,
    class_of,
    key_of,
    seq_of,
)

__all__ = ["Change", "Gone", "Row", "Store", "Tally", "Usage", "class_of", "key_of", "seq_of"]

T = TypeVar("T")


_PROGRESS: Final = 1000
"""Virtual machine instructions between two looks at the clock during a check."""

_PRAGMAS: Final = (
    "PRAGMA auto_vacuum=INCREMENTAL",
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA wal_autocheckpoint=200",
    "PRAGMA journal_size_limit=1048576",
    "PRAGMA secure_delete=FAST",
    "PRAGMA foreign_keys=ON",
    "PRAGMA trusted_schema=OFF",
    "PRAGMA cell_size_check=ON",
    "PRAGMA mmap_size=0",
    "PRAGMA temp_store=MEMORY",
    "PRAGMA cache_size=-1024",
    "PRAGMA busy_timeout=5000",
)


class Store:
    """An open outbox file. Any thread may open it; after that one thread at a time.

    Args:
        path: the database file; made with mode 0600 when absent.
        journal: 16 bytes for a new file; an existing file keeps its own.
        page_size: bytes of a page in a new file.

    Attributes:
        checked: what the check found before it was opened.

    Raises:
        StorageError: it cannot be opened, is damaged, or is of a newer release.
    """

    def __init__(self, path: Path, journal: bytes, *, page_size: int = 4096) -> None:
        self.path = path
        self.checked: Verdict = "none"
        try:
            path.touch(mode=0o600, exist_ok=True)
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=32)
            try:
                self._prepare(journal, page_size)
            except BaseException:
                self._db.close()
                raise
        except OSError as error:
            raise StorageError(f"cannot open the outbox: {type(error).__name__}: {error}") from error
        except sqlite3.Error as error:
            raise named(error, "cannot open the outbox", path.parent) from error

    def _prepare(self, journal: bytes, page_size: int) -> None:
        """Set it up, bring its schema up to date, and read what it is."""
        self._db.execute(f"PRAGMA page_size={page_size}")
        for pragma in _PRAGMAS:
            self._db.execute(pragma)
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            raise StorageError(
                f"the outbox has schema {version}, this release knows {SCHEMA_VERSION}",
                hint="start the release that wrote it",
            )
        migrate(self._db)
        self._page = int(self._db.execute("PRAGMA page_size").fetchone()[0])
        self.journal = self._adopt_journal(journal)
        self.last_seq, self.last_link = self._tail()

    def _adopt_journal(self, fresh: bytes) -> bytes:
        self._db.execute("INSERT INTO meta VALUES ('journal', ?) ON CONFLICT DO NOTHING", (fresh,))
        value = self._db.execute("SELECT value FROM meta WHERE name = 'journal'").fetchone()[0]
        if len(value) != JOURNAL_BYTES:
            raise sqlite3.DatabaseError("the journal's name is damaged")
        return bytes(value)

    def _tail(self) -> tuple[int, bytes]:
        """Find the last batch number used and its digest."""
        newest = self.newest()
        return (0, FIRST_LINK) if newest is None else (seq_of(newest.key), digest(newest.envelope))

    def close(self) -> None:
        """Close the file; a last checkpoint folds the WAL into it."""
        self._db.close()

    def on_connection(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Let the ledger, which shares file and thread, work on the connection.

        Raises:
            StorageError: SQLite refused.
        """
        with self._named("the command ledger did not answer"):
            return work(self._db)

    def apply(self, change: Change) -> list[Gone]:
        """Write one change durably: when this returns, a power cut cannot undo it. Give the confirmed rows it deleted.

        Raises:
            FullError: there is no room; nothing of it was written.
            StorageError: nothing of it was written.
        """
        db = self._db
        deleted: list[Gone] = []
        with self._named("the outbox did not take a change"):
            db.execute("BEGIN IMMEDIATE")
            for key in change.removed:
                if db.execute("DELETE FROM batches WHERE key = ?", (key,)).rowcount != 1:
                    raise StorageError("the outbox lacks a batch that was to be replaced", hint="this is a bug")
            for row in change.rows:
                db.execute("INSERT INTO batches VALUES (?, ?, ?, ?)", row)
            for epoch in change.epochs:
                db.execute("INSERT INTO epochs VALUES (?, ?, ?)", epoch)
            for name in change.names:
                db.execute("INSERT INTO seen (name) VALUES (?) ON CONFLICT DO NOTHING", (name,))
            for state in change.state:
                db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", state)
            newest = max((seq_of(row.key) for row in change.rows), default=self.last_seq)
            for first, last in change.confirmed:
                deleted += self._delete(first, min(last, newest - 1))
            db.execute("COMMIT")
            self.last_seq = newest
        return deleted

    def _delete(self, first: int, last: int) -> list[Gone]:
        gone: list[Gone] = []
        for cls in ReadingClass:
            rows = self._db.execute(
                "DELETE FROM batches WHERE key BETWEEN ? AND ? RETURNING key, items, numbers",
                (key_of(cls, first), key_of(cls, last)),
            )
            gone += [Gone(*row) for row in rows.fetchall()]
        return gone

    @contextmanager
    def _named(self, what: str) -> Iterator[None]:
        """Give SQLite's errors the hub's names; nothing is left half done."""
        try:
            yield
        except (sqlite3.Error, StorageError) as error:
            with suppress(sqlite3.Error):  # a full or failing disk may have rolled back already
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
            if isinstance(error, StorageError):
                raise
            raise named(error, what, self.path.parent) from error

    def after(self, cls: ReadingClass, key: int, limit: int) -> list[Row]:
        """Read up to ``limit`` batches of one class behind ``key``, oldest first."""
        rows = self._db.execute(
            "SELECT key, items, envelope, numbers FROM batches WHERE key > ? AND key < ? ORDER BY key LIMIT ?",
            (max(key, key_of(cls, 0)), key_of(cls, SEQ_MASK), limit),
        )
        return [Row(*row) for row in rows]

    def oldest(self, cls: ReadingClass, limit: int) -> list[tuple[int, int, int, int]]:
        """Give (key, items, numbers, bytes) of up to ``limit`` batches of a class, oldest first."""
        return self._db.execute(
            "SELECT key, items, numbers, length(envelope) FROM batches WHERE key BETWEEN ? AND ? ORDER BY key LIMIT ?",
            (key_of(cls, 0), key_of(cls, SEQ_MASK), limit),
        ).fetchall()

    def row(self, key: int) -> Row | None:
        """Read one batch; None when it is gone."""
        found = self._db.execute("SELECT key, items, envelope, numbers FROM batches WHERE key = ?", (key,)).fetchone()
        return None if found is None else Row(*found)

    def newest(self) -> Row | None:
        """Read the batch with the highest number, which is kept until another follows it; None when there is none."""
        query = "SELECT max(key) FROM batches WHERE key BETWEEN ? AND ?"
        ends = [self._db.execute(query, (key_of(cls, 0), key_of(cls, SEQ_MASK))).fetchone()[0] for cls in ReadingClass]
        return self.row(max((key for key in ends if key is not None), key=seq_of, default=0))

    def tally(self) -> dict[ReadingClass, Tally]:
        """Count what waits, by class. Reads the whole file: for the start, not for every second."""
        rows = self._db.execute(
            "SELECT key >> ?, count(*), sum(items), sum(numbers) FROM batches GROUP BY 1", (SEQ_BITS,)
        )
        found = {ReadingClass(cls): Tally(*figures) for cls, *figures in rows}
        return {cls: found.get(cls, Tally(0, 0)) for cls in ReadingClass}

    def epochs(self) -> Iterator[tuple[int, bytes, bytes]]:
        """Give (first seq, id, record) of every epoch still kept, oldest first."""
        yield from self._db.execute("SELECT first_seq, id, record FROM epochs ORDER BY first_seq")

    def drop_spent_epochs(self) -> None:
        """Forget epochs, but the newest, under which no batch waits any more."""
        kept = list(self.epochs())
        for (first, _, _), (following, _, _) in pairwise(kept):
            if not any(self._any_between(cls, first, following - 1) for cls in ReadingClass):
                self._db.execute("DELETE FROM epochs WHERE first_seq = ?", (first,))

    def _any_between(self, cls: ReadingClass, first: int, last: int) -> bool:
        row = self._db.execute(
            "SELECT 1 FROM batches WHERE key BETWEEN ? AND ? LIMIT 1", (key_of(cls, first), key_of(cls, last))
        ).fetchone()
        return row is not None

    def seen(self, name: bytes) -> bool:
        """Say whether a record of this name was stored before."""
        return self._db.execute("SELECT 1 FROM seen WHERE name = ?", (name,)).fetchone() is not None

    def prune_seen(self, keep: int) -> None:
        """Forget all but the newest ``keep`` names."""
        self._db.execute("DELETE FROM seen WHERE number <= (SELECT max(number) FROM seen) - ?", (keep,))

    def state(self, name: str) -> bytes | None:
        """Read a piece of local state; None when it was never written."""
        row = self._db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return None if row is None else bytes(row[0])

    def usage(self) -> Usage:
        """Say how large the file is, and how much of it is free."""
        pages, spare = (self._db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count"))
        return Usage(self._page * pages, self._page * spare, self._page)

    def bound(self, ceiling: int) -> None:
        """Let the file grow to ``ceiling`` bytes and no further; beyond, a change raises FullError."""
        self._db.execute(f"PRAGMA max_page_count={max(1, ceiling // self._page):d}")

    def give_back(self, keep: int = 0, pages: int = 1000) -> None:
        """Return free pages to the file system, all but ``keep`` bytes of them, at most ``pages`` at once.

        The write-ahead log is cut too, once it is empty: what a drain wrote there would stay until the next start.
        """
        usage = self.usage()
        pages = min(pages, (usage.spare - keep) // usage.page)
        with self._named("the outbox did not give room back"):
            if pages > 0:
                # it frees a page a step; execute() takes one step where there are no columns, a script all of them
                self._db.executescript(f"PRAGMA incremental_vacuum({pages:d})")
                self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def check(self, limit_s: float, monotonic_s: Callable[[], float]) -> str | None:
        """Run SQLite's quick check: "ok", or what is wrong first; None when ``limit_s`` was not enough.

        Raises:
            StorageError: it could not be read.
        """
        end_s = monotonic_s() + limit_s
        self._db.set_progress_handler(lambda: monotonic_s() > end_s, _PROGRESS)
        try:
            result: Any = self._db.execute("PRAGMA quick_check(1)").fetchone()[0]
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_INTERRUPT:
                return None
            raise named(error, "the outbox cannot be checked", self.path.parent) from error
        finally:
            self._db.set_progress_handler(None, 0)
        return str(result)
