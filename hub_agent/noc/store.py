"""The NOC's store: one SQLite file with everything that it knows.

Owns: the connection, and the parts that read and write it.
Never: runs on two threads at once; the process that collects gives it a thread of its own.
"""

import contextlib
import sqlite3
from pathlib import Path
from typing import Self

from hub_agent.noc import schema
from hub_agent.noc.chart import Chart
from hub_agent.noc.faults import Faults
from hub_agent.noc.hubs import Hubs
from hub_agent.noc.spool import Spool


class Store:
    """An open store.

    Args:
        path: the database file; made where it is not there.

    Raises:
        StorageError: it cannot be opened, or is of a newer release.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._db: sqlite3.Connection = schema.connect(path)
        self.chart = Chart(self._db)
        self.hubs = Hubs(self._db)
        self.faults = Faults(self._db)
        self.spool = Spool(self._db)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def transaction(self) -> contextlib.AbstractContextManager[None]:
        """Make everything inside durable together, or nothing of it."""
        return schema.transaction(self._db)

    def step(self) -> contextlib.AbstractContextManager[None]:
        """Undo what is done inside, and that alone, when it raises; inside a transaction, not within each other."""
        return schema.step(self._db)

    def look(self) -> contextlib.AbstractContextManager[None]:
        """Read inside without keeping a writer out, as of one instant."""
        return schema.transaction(self._db, "DEFERRED")

    def turned(self, at_ms: int) -> None:
        """Note that the collector is at work."""
        self._db.execute("INSERT OR REPLACE INTO meta VALUES ('collector_ms', ?)", (at_ms,))

    def collector_ms(self) -> int | None:
        """Say when the collector was last at work; None when it never was."""
        row = self._db.execute("SELECT value FROM meta WHERE name = 'collector_ms'").fetchone()
        return None if row is None else int(row[0])
