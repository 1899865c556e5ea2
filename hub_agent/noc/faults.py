"""What is wrong with what came, until it is cleared.

Owns: the SQL of the table ``faults``.
Never: decides what is a fault.
"""

import sqlite3
from typing import Final, NamedTuple

from hub_agent.noc.lines import Fault

OPEN_MAX: Final = 10_000
"""Faults open at once: a stranger who makes up hub ids fills no disk."""


class OpenFault(NamedTuple):
    """A fault that is not cleared.

    Attributes:
        hub: whose topic it came on.
        kind: see :class:`hub_agent.noc.lines.Fault`.
        times: how often it was seen.
        first_ms: when first.
        last_ms: when last.
    """

    hub: str
    kind: str
    times: int
    first_ms: int
    last_ms: int


class Faults:
    """Reads and writes faults on one connection."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def add(self, fault: Fault, at_ms: int) -> bool:
        """Book a fault; True when it is new, False when it is open already and was counted."""
        again = self._db.execute(
            "UPDATE faults SET times = times + 1, last_ms = ? "
            "WHERE hub = ? AND kind = ? AND journal = ? AND cleared_ms IS NULL",
            (at_ms, fault.hub, fault.kind, fault.journal),
        )
        if again.rowcount:
            return False
        added = self._db.execute(
            "INSERT INTO faults SELECT NULL, ?1, ?2, ?3, ?4, 1, ?5, ?5, NULL "
            "WHERE (SELECT count(*) FROM faults WHERE cleared_ms IS NULL) < ?6",
            (fault.hub, fault.kind, fault.journal, fault.seq, at_ms, OPEN_MAX),
        )
        return bool(added.rowcount)

    def clear(self, hub: str, at_ms: int, *, kind: str | None = None, journal: bytes | None = None) -> int:
        """Clear a hub's faults, all or those of a kind or journal; give how many there were."""
        cleared = self._db.execute(
            "UPDATE faults SET cleared_ms = ?1 WHERE hub = ?2 AND cleared_ms IS NULL "
            "AND (?3 IS NULL OR kind = ?3) AND (?4 IS NULL OR journal = ?4)",
            (at_ms, hub, kind, journal),
        )
        return cleared.rowcount

    def open(self) -> list[OpenFault]:
        """Give what is not cleared, by hub and kind; the same kind in several journals is one."""
        rows = self._db.execute(
            "SELECT hub, kind, sum(times), min(first_ms), max(last_ms) FROM faults WHERE cleared_ms IS NULL "
            "GROUP BY hub, kind ORDER BY hub, kind"
        )
        return [OpenFault(*row) for row in rows]
