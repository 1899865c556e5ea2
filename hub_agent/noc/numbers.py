"""Which batch numbers of a journal are accounted for: those that came, and those for which others stand.

Owns: the SQL of ranges and covered.
Never: knows what a batch holds, or begins a transaction (its caller does).

A hub that was set back in time gives numbers to other batches. Where a number came, the chain shows it: the next one's
link is another batch's digest. Where it is covered there is no digest, and the chain is blind. So what stands between
two numbers is told apart from what came: only numbers that came may be confirmed in a range.
"""

import sqlite3
from functools import reduce
from typing import NamedTuple

from hub_agent.envelope import Header
from hub_agent.model import ReadingClass


class Range(NamedTuple):
    """Numbers that are accounted for, one after the other.

    Attributes:
        first: the lowest.
        last: the highest.
        came: from here on to ``last`` each came by itself; ``last + 1`` where the last did not.
    """

    first: int
    last: int
    came: int


class Numbers:
    """Reads and writes them on one connection, by the row of their journal."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def add(self, journal: int, header: Header, batch: int) -> None:
        """Account for a batch that came, and for those that it covers."""
        self._db.executemany(
            "INSERT INTO covered VALUES (?, ?, ?, ?, ?)",
            [(journal, first, last, batch, header.cls is ReadingClass.ALARM) for first, last in header.covers],
        )
        for first, last in header.covers:
            self._merge(journal, Range(first, last, last + 1))
        self._merge(journal, Range(header.seq, header.seq, header.seq))

    def has(self, journal: int, seq: int) -> bool:
        """Say whether a number is accounted for."""
        return bool(self._touching(journal, seq, seq))

    def rewritten_into(self, journal: int, seq: int) -> list[int]:
        """Give the batches into which a number was rewritten: more than one are a clone's work."""
        rows = self._db.execute(
            "SELECT batch FROM covered WHERE journal = ?1 AND first <= ?2 AND last >= ?2 AND NOT shed", (journal, seq)
        )
        return [batch for (batch,) in rows]

    def first_of(self, journal: int, seq: int) -> int:
        """Give the lowest number from which on, up to one that came, each came by itself, as far as is known here."""
        came = self._touching(journal, seq, seq)[0].came
        return min(came, seq)

    def missing(self, journal: int, last: int) -> int:
        """Count the numbers of 1..last that are not accounted for."""
        known = self._db.execute(
            "SELECT total(min(last, ?2) - first + 1) FROM ranges WHERE journal = ?1 AND first <= ?2", (journal, last)
        ).fetchone()[0]
        return last - int(known)

    def _merge(self, journal: int, new: Range) -> None:
        """Add numbers so that neighbours become one range."""
        touched = self._touching(journal, new.first - 1, new.last + 1)
        self._db.executemany(
            "DELETE FROM ranges WHERE journal = ? AND first = ?", [(journal, r.first) for r in touched]
        )
        merged = reduce(_joined, sorted([*touched, new]))
        self._db.execute("INSERT INTO ranges VALUES (?, ?, ?, ?)", (journal, *merged))

    def _touching(self, journal: int, first: int, last: int) -> list[Range]:
        """Give the ranges that hold a number of first..last."""
        rows = self._db.execute(
            "SELECT first, last, came FROM ranges WHERE journal = ?1 AND last >= ?2 AND first BETWEEN "
            "coalesce((SELECT max(first) FROM ranges WHERE journal = ?1 AND first <= ?2), 0) AND ?3",
            (journal, first, last),
        )
        return [Range(*row) for row in rows]


def _joined(low: Range, high: Range) -> Range:
    """Join two ranges that touch or overlap, of which ``low`` begins first."""
    if high.last <= low.last:
        return low
    unbroken = high.came == high.first == low.last + 1
    return Range(low.first, high.last, low.came if unbroken else high.came)
