"""The chart: batches that were opened, each exactly once, with their readings and events.

Owns: the SQL of journals, epochs, batches, pending, readings, events, names and clocks.
Never: begins a transaction (its caller does), verifies or opens anything.

What makes a batch charted once is its digest under its number: a hub that sends again sends the same bytes. The same
number with other bytes is no repetition but another batch, and its readings are a patient's: it is charted too, and the
journal is marked as forked.

A batch may cover numbers of others, which then need not come: they were rewritten into it, or it says that they were
shed. A number that was rewritten and comes all the same is the work of a copy, or of a card that forgot the rewriting:
what such a pair of batches both hold is charted with the first. One that was shed may have been on its way.
"""

import sqlite3
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from hub_agent.envelope import FIRST_LINK, SEQ_END, Batch, Header
from hub_agent.model import ClockState, ReadingClass, ReceivedReading, Stamp
from hub_agent.noc.numbers import Numbers
from hub_agent.noc.rows import Rows
from hub_agent.wire import Event

PENDING_MAX: Final = 512
"""Batches of unknown epochs kept for each journal; what is beyond is sent again by the hub."""

_INSERT_READING: Final = "INSERT INTO readings VALUES (NULL, ?,?, ?,?, ?,?,?,?, ?,?, ?,?, ?,?, ?,?)"
_INSERT_EVENT: Final = "INSERT INTO events VALUES (NULL, ?,?, ?, ?,?,?,?, ?)"


Row = tuple[Any, ...]
"""Of the table ``readings``, without its first three columns."""


class Journal(NamedTuple):
    """The life of one hub's database file.

    Attributes:
        id: row.
        hub: row of the hub.
        journal: its 16 bytes.
        forked: whether its numbers cannot be trusted to name one batch each.
        given_up: how many of its numbers will not come, as somebody has acknowledged.
    """

    id: int
    hub: int
    journal: bytes
    forked: bool
    given_up: int


class Verdict(NamedTuple):
    """What charting a batch found out.

    Attributes:
        readings: those that were not known by name, nor from a batch that was rewritten into this one, or this into it.
        clone: another batch has its number, or one that was rewritten comes by itself as well.
        fork: its chain does not fit the neighbours'.
    """

    readings: list[ReceivedReading]
    clone: bool
    fork: bool


class Chart:
    """Reads and writes the chart on one connection, inside the caller's transaction."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self.numbers = Numbers(db)

    def journal(self, hub: int, journal: bytes) -> Journal | None:
        """Look a journal up; None when nothing of it has come."""
        row = self._db.execute(
            "SELECT id, forked, given_up FROM journals WHERE hub = ? AND journal = ?", (hub, journal)
        ).fetchone()
        return None if row is None else Journal(row[0], hub, journal, bool(row[1]), row[2])

    def add_journal(self, hub: int, journal: bytes) -> Journal:
        """Look a journal up, or begin it."""
        self._db.execute("INSERT INTO journals (hub, journal) VALUES (?, ?) ON CONFLICT DO NOTHING", (hub, journal))
        found = self.journal(hub, journal)
        assert found is not None  # noqa: S101 - it was written in this transaction
        return found

    def mark_forked(self, journal: Journal) -> None:
        """From now on confirm only numbers that came, never a range that may hold one that did not."""
        self._db.execute("UPDATE journals SET forked = 1 WHERE id = ?", (journal.id,))

    def give_up(self, journal: Journal, more: int) -> None:
        """Note that so many more of its numbers will not come; fewer, where it is negative."""
        self._db.execute("UPDATE journals SET given_up = given_up + ? WHERE id = ?", (more, journal.id))

    # --- epochs and what waits for them -------------------------------------------------------------------------------

    def add_epoch(self, journal: Journal, epoch: bytes, record: bytes) -> None:
        """Keep an epoch record; the first one of an epoch stays."""
        self._db.execute("INSERT INTO epochs VALUES (?, ?, ?) ON CONFLICT DO NOTHING", (journal.id, epoch, record))

    def epoch(self, journal: Journal, epoch: bytes) -> bytes | None:
        """Give the record of an epoch; None when it has not come."""
        row = self._db.execute(
            "SELECT record FROM epochs WHERE journal = ? AND epoch = ?", (journal.id, epoch)
        ).fetchone()
        return None if row is None else bytes(row[0])

    def add_pending(self, journal: Journal, epoch: bytes, digest: bytes, envelope: bytes, *, bounded: bool) -> None:
        """Keep a verified batch until its epoch comes, if there is room for it or it must not be lost."""
        self._db.execute(
            "INSERT INTO pending SELECT NULL, ?1, ?2, ?3, ?4 "
            "WHERE (SELECT count(*) FROM pending WHERE journal = ?1) < ?5 ON CONFLICT DO NOTHING",
            (journal.id, epoch, digest, envelope, PENDING_MAX if bounded else SEQ_END),
        )

    def take_pending(self, journal: Journal, epoch: bytes) -> list[bytes]:
        """Give the batches that waited for an epoch, oldest first, and forget them."""
        rows = self._db.execute(
            "DELETE FROM pending WHERE journal = ? AND epoch = ? RETURNING number, envelope", (journal.id, epoch)
        ).fetchall()
        return [bytes(envelope) for _, envelope in sorted(rows)]

    # --- batches ------------------------------------------------------------------------------------------------------

    def has(self, journal: Journal, seq: int, digest: bytes) -> bool:
        """Say whether this very batch is charted."""
        row = self._db.execute(
            "SELECT 1 FROM batches WHERE journal = ? AND seq = ? AND digest = ?", (journal.id, seq, digest)
        ).fetchone()
        return row is not None

    def digests(self, journal: Journal, seq: int) -> list[bytes]:
        """Give the digests of the charted batches with a number; two of them are a clone's work."""
        rows = self._db.execute("SELECT digest FROM batches WHERE journal = ? AND seq = ?", (journal.id, seq))
        return [bytes(digest) for (digest,) in rows]

    def add(self, journal: Journal, batch: Batch, digest: bytes, rows: Rows, noc_ms: int) -> Verdict:
        """Chart a batch that is not charted yet."""
        header = batch.header
        twins = self._twins(journal, header)
        clone = bool(twins or self.digests(journal, header.seq))
        fork = not self._fits(journal, header.seq, digest, header.link)
        cursor = self._db.execute(
            "INSERT INTO batches VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)",
            (journal.id, header.seq, int(header.cls), header.items, digest, header.link, noc_ms),
        )
        place = (cursor.lastrowid, journal.hub)
        readings = rows.readings
        if twins:
            readings = _without(readings, (row for twin in twins for row in self._readings_of(twin)))
        fresh = [(row, item) for row, item in readings if not item.name or self._is_new(journal.hub, item.name)]
        self._db.executemany(_INSERT_READING, [place + row for row, _ in fresh])
        self._db.executemany(_INSERT_EVENT, [place + row for row, _ in rows.events])
        self.numbers.add(journal.id, header, cursor.lastrowid or 0)
        return Verdict([item for _, item in fresh], clone, fork)

    def _twins(self, journal: Journal, header: Header) -> list[int]:
        """Give the charted batches into which this one was rewritten, or that were rewritten into this one.

        A healthy hub sends no such pair. They come where its card forgot the rewriting after the NOC had it, where a
        copy of the card goes its own way, and where both were salvaged from a file that was torn in between.
        """
        twins = []
        if self.numbers.has(journal.id, header.seq):
            twins += self.numbers.rewritten_into(journal.id, header.seq)
        for first, last in () if header.cls is ReadingClass.ALARM else header.covers:
            rows = self._db.execute(
                "SELECT id FROM batches WHERE journal = ? AND seq BETWEEN ? AND ?", (journal.id, first, last)
            )
            twins += [batch for (batch,) in rows]
        return twins

    def _readings_of(self, batch: int) -> Iterator[Row]:
        """Give the readings charted with a batch, as rows.

        What is wanted so seldom has no index: ids count up as batches come, so that they are found by halving.
        """
        newest = self._db.execute("SELECT coalesce(max(id), 0) FROM readings").fetchone()[0]
        ids = range(1, newest + 1)
        first, behind = (1 + bisect_left(ids, one, key=self._batch_behind) for one in (batch, batch + 1))
        return self._db.execute(
            "SELECT device, class, boot, monotonic_ms, wall_ms, synced, quality, stored, device_time, offset_min, "
            "record, user, measurements, samples FROM readings WHERE id >= ? AND id < ?",
            (first, behind),
        )

    def _batch_behind(self, reading: int) -> int:
        query = "SELECT batch FROM readings WHERE id >= ? ORDER BY id LIMIT 1"
        return int(self._db.execute(query, (reading,)).fetchone()[0])

    def _is_new(self, hub: int, name: str) -> bool:
        cursor = self._db.execute("INSERT INTO names VALUES (?, ?) ON CONFLICT DO NOTHING", (hub, bytes.fromhex(name)))
        return cursor.rowcount == 1

    def _fits(self, journal: Journal, seq: int, digest: bytes, link: bytes) -> bool:
        """Check the chain to those neighbours that are charted."""
        if seq == 1 and link != FIRST_LINK:
            return False
        before = self.digests(journal, seq - 1)
        after = self._db.execute(
            "SELECT link FROM batches WHERE journal = ? AND seq = ?", (journal.id, seq + 1)
        ).fetchall()
        return (not before or link in before) and (not after or (digest,) in after)

    # --- clocks -------------------------------------------------------------------------------------------------------

    def add_clocks(self, hub: int, stamps: Sequence[Stamp], times: Sequence[Event]) -> None:
        """Learn from stamps of a good clock how to date the others: one of each boot, and every ``time`` event."""
        firsts: dict[str, Stamp] = {}
        for stamp in stamps:
            if stamp.clock is ClockState.SYNCED:
                firsts.setdefault(stamp.boot, stamp)
        for boot, stamp in firsts.items():
            known = self._db.execute("SELECT 1 FROM clocks WHERE hub = ? AND boot = ? LIMIT 1", (hub, boot)).fetchone()
            if known is None:
                self._add_clock(hub, stamp)
        for event in times:
            if event.kind == "time" and event.stamp.clock is ClockState.SYNCED:
                self._add_clock(hub, event.stamp)

    def _add_clock(self, hub: int, stamp: Stamp) -> None:
        self._db.execute(
            "INSERT INTO clocks VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (hub, stamp.boot, stamp.monotonic_ns // 1_000_000, stamp.wall_ns // 1_000_000),
        )

    def dated(self, hub: int, stamps: Sequence[Stamp]) -> Iterator[int | None]:
        """Give for each stamp its UTC milliseconds: its own where its clock was good, else by one that was.

        That is the next good clock of the same boot, or where none has come yet the last one before.
        """
        for stamp in stamps:
            if stamp.clock is ClockState.SYNCED:
                yield stamp.wall_ns // 1_000_000
                continue
            monotonic_ms = stamp.monotonic_ns // 1_000_000
            row = self._db.execute(
                "SELECT wall_ms - monotonic_ms FROM clocks WHERE hub = ?1 AND boot = ?2 "
                "ORDER BY monotonic_ms < ?3, abs(monotonic_ms - ?3) LIMIT 1",
                (hub, stamp.boot, monotonic_ms),
            ).fetchone()
            yield None if row is None else monotonic_ms + row[0]

    def newest(self, hub: str, since_ms: int) -> Iterator[tuple[int | None, int, bool, str]]:
        """Give a hub's readings that came to the NOC since an instant, newest first.

        Of each: when the hub received it (UTC, milliseconds; None while nobody can tell), its quality, whether it is
        from a device's memory, its measurements as JSON.
        """
        rows = self._db.execute(
            "SELECT c.received_ms, c.quality, c.stored, c.measurements, b.received_ms FROM readings r "
            "CROSS JOIN batches b ON b.id = r.batch CROSS JOIN chart c ON c.id = r.id "
            "WHERE c.hub = ? ORDER BY r.id DESC",
            (hub,),
        )
        for received_ms, quality, stored, measurements, noc_ms in rows:
            if noc_ms < since_ms:  # ids count up as batches come
                return
            yield received_ms, quality, bool(stored), measurements

    # --- figures ------------------------------------------------------------------------------------------------------

    def counts(self) -> dict[str, Any]:
        """Count what is charted. Reads whole indices: for people and tests, not for every second."""
        tables = ("batches", "readings", "events", "pending", "epochs")
        return {name: self._db.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in tables}  # noqa: S608


def _without(readings: Sequence[tuple[Row, ReceivedReading]], here: Iterable[Row]) -> list[tuple[Row, ReceivedReading]]:
    """Leave out readings that are here already, each as often as it is here."""
    known = Counter(map(_identity, here))
    left = []
    for row, item in readings:
        identity = _identity(row)
        known[identity] -= 1
        if known[identity] < 0:
            left.append((row, item))
    return left


def _identity(row: Row) -> Row:
    """Give what tells a reading from every other of its hub: all but the wall clock, which a batch rounds by itself."""
    return row[:4] + row[5:]
