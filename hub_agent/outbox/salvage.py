"""Reads what can be read of a damaged outbox, row by row; every batch proves itself by its signature.

Owns: how a damaged database is opened and read past its damage.
Never: believes a row that does not prove itself, deletes anything, or writes to the file, but for one page: where the
first is destroyed, a new one is written, and the old one kept beside it.

``.recover`` of the SQLite shell is no way: it is not on the hub, and failed on healthy files (Debian 12, measured).
"""

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from hub_agent.envelope import SEQ_END, parse_batch, parse_epoch
from hub_agent.errors import SealError, StorageError
from hub_agent.model import ReadingClass
from hub_agent.outbox.rows import SEQ_MASK, class_of, key_of, seq_of
from hub_agent.outbox.store import Store
from hub_agent.seal import verify_batch, verify_epoch

_NOT_ITS_FAULT: Final = frozenset(
    {
        sqlite3.SQLITE_AUTH,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_READONLY,
    }
)
_NEAR: Final = 1 << 15
"""Batch numbers that one inner page of the tree may hide: some 300 leaves of a dozen rows, other classes between."""
_PAGE_COUNT_AT: Final = slice(28, 32)
_FREE_PAGES_AT: Final = slice(32, 40)


def damaged(error: StorageError) -> bool:
    """Tell whether a failure to open says something of the file itself, not of the disk or of the release."""
    cause = error.__cause__
    if not isinstance(cause, sqlite3.Error):
        return False
    return getattr(cause, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF not in _NOT_ITS_FAULT


class Table(NamedTuple):
    """What a query gave, as far as it went.

    Attributes:
        rows: in order.
        whole: whether it came to its end.
    """

    rows: list[Any]
    whole: bool


def read_whole(source: sqlite3.Connection, query: str, *values: object) -> Table:
    """Run a query as far as the damage lets it."""
    rows: list[Any] = []
    try:
        rows.extend(source.execute(query, values))
    except sqlite3.Error:
        return Table(rows, whole=False)
    return Table(rows, whole=True)


@contextmanager
def reading(aside: Path) -> Iterator[sqlite3.Connection | None]:
    """Open a damaged database for reading; None where nothing in it can be found any more."""
    connection = _try_open(aside) or (_try_open(aside) if _graft(aside) else None)
    try:
        yield connection
    finally:
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()


def _try_open(aside: Path) -> sqlite3.Connection | None:
    if aside.stat().st_size == 0:  # SQLite would delete the log of an empty database
        return None
    for options in ("mode=ro", "immutable=1"):  # with its log, then without
        with suppress(sqlite3.Error):
            connection = sqlite3.connect(
                f"file:{aside}?{options}", uri=True, isolation_level=None, check_same_thread=False
            )
            try:
                connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
                connection.execute("PRAGMA query_only=ON")
            except sqlite3.Error:
                connection.close()
                raise
            return connection
    return None


def _graft(aside: Path) -> bool:
    """Give a file whose first page is destroyed that of a fresh outbox: same schema, same places of the tables."""
    try:
        with tempfile.TemporaryDirectory() as directory:
            model = Path(directory) / "model.db"
            Store(model, bytes(16)).close()
            page = bytearray(model.read_bytes()[:4096])
        page[_PAGE_COUNT_AT] = max(1, aside.stat().st_size // len(page)).to_bytes(4, "big")
        page[_FREE_PAGES_AT] = bytes(8)
        with aside.open("r+b") as file:
            old = file.read(len(page))
            aside.with_name(aside.name + "-page1").write_bytes(old)
            file.seek(0)
            file.write(page)
    except OSError:
        return False
    return True


class Page(NamedTuple):
    """Some rows of a damaged outbox.

    Attributes:
        batches: (key, envelope) of those that prove themselves.
        behind: the key to go on behind; None when the class is at its end.
        unproven: rows that were read and are no batch of this hub.
        unread: ranges (first, last) of numbers in which rows may be that cannot be reached.
    """

    batches: list[tuple[int, bytes]]
    behind: int | None
    unproven: int
    unread: list[tuple[int, int]]


class Salvage:
    """Reads one damaged outbox. Synchronous; any thread, one at a time.

    Args:
        aside: the file.
        hub_id: whose batches it must hold.
        key: that hub's public key.
    """

    def __init__(self, aside: Path, hub_id: str, key: Ed25519PublicKey) -> None:
        self._aside = aside
        self._hub_id = hub_id
        self._key = key

    def epochs(self) -> list[bytes]:
        """Give the epoch records that prove themselves: without them the NOC may not be able to open the batches."""
        with reading(self._aside) as source:
            rows = [] if source is None else read_whole(source, "SELECT record FROM epochs ORDER BY first_seq").rows
        return [record for (record,) in rows if self._proves_epoch(record)]

    def page(self, cls: ReadingClass, behind: int, limit: int) -> Page:
        """Read up to ``limit`` rows of a class behind a key, past what cannot be read."""
        page = Page([], None, 0, [])
        with reading(self._aside) as source:
            if source is None:
                return page._replace(unread=[(1, SEQ_END)])
            end = key_of(cls, SEQ_MASK)
            behind = max(behind, key_of(cls, 0))
            query = "SELECT key, envelope FROM batches WHERE key > ? AND key < ? ORDER BY key LIMIT ?"
            rows, whole = read_whole(source, query, behind, end, limit)
            last = rows[-1][0] if rows else behind
            if not whole:
                readable = _readable_behind(source, last, end)
                page.unread.append((seq_of(last) + 1, min(seq_of(readable), SEQ_END)))
                last = readable
        good = [(key, bytes(envelope)) for key, envelope in rows if self._proves(key, envelope)]
        more = not whole or len(rows) == limit
        return Page(good, last if more and last < end - 1 else None, len(rows) - len(good), page.unread)

    def _proves(self, key: int, envelope: object) -> bool:
        try:
            batch = parse_batch(envelope if isinstance(envelope, bytes) else b"")
            verify_batch(batch, self._key)
        except SealError:
            return False
        header = batch.header
        return header.hub_id == self._hub_id and (header.cls, header.seq) == (class_of(key), seq_of(key))

    def _proves_epoch(self, record: object) -> bool:
        try:
            parsed = parse_epoch(record if isinstance(record, bytes) else b"")
            verify_epoch(parsed, self._key)
        except SealError:
            return False
        return parsed.hub_id == self._hub_id


def remove(aside: Path) -> None:
    """Delete a file that was salvaged whole, with what belongs to it."""
    for suffix in ("-shm", "-wal", "-page1", ""):
        aside.with_name(aside.name + suffix).unlink(missing_ok=True)


def keep(aside: Path) -> None:
    """Put a file that was not salvaged whole where it is no longer looked for; people may still want it."""
    for suffix in ("-shm", "-wal", "-page1", ""):
        part = aside.with_name(aside.name + suffix)
        if part.exists():
            part.rename(aside.with_name(f"{aside.stem}.kept{suffix}"))


def _readable_behind(source: sqlite3.Connection, key: int, end: int) -> int:
    """Find the last key of the unreadable stretch behind ``key``.

    One by one at first: there may be several stretches, and a larger step could take the next one for the same. Beyond
    what one lost page of the tree can hide, further and further, then back by halves.
    """

    def readable(behind: int) -> bool:
        query = "SELECT key, envelope FROM batches WHERE key > ? ORDER BY key LIMIT 1"
        return read_whole(source, query, behind).whole

    for near in range(key + 1, min(key + _NEAR, end)):
        if readable(near):
            return near
    bad, step = key + _NEAR, _NEAR
    while bad + step < end and not readable(bad + step):
        bad, step = bad + step, step * 2
    good = min(bad + step, end - 1)
    while good - bad > 1:
        middle = (bad + good) // 2
        bad, good = (bad, middle) if readable(middle) else (middle, good)
    return good
