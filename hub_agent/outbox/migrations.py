"""The schema of the outbox, and how one version becomes the next.

Owns: every CREATE and ALTER. Never: touches a row's meaning; a released migration is never edited.

sqlite-utils applies each step in one transaction and remembers it. It is imported only when there is something to do,
since the daemon's every start would pay for it.
"""

import sqlite3
from typing import TYPE_CHECKING, Final

from hub_agent.outbox import ledger

if TYPE_CHECKING:
    from sqlite_utils.db import Database

SCHEMA_VERSION: Final = 1

_FIRST: Final = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID, STRICT;
-- first_seq: batches from here to the next epoch's first_seq are under this key
CREATE TABLE epochs (first_seq INTEGER PRIMARY KEY, id BLOB NOT NULL, record BLOB NOT NULL) STRICT;
-- key: class << 56 | seq, so that one b-tree gives each class in order and no second index wears the card
-- numbers: how many batch numbers the row stands for, its own and those that it covers
CREATE TABLE batches (
    key INTEGER PRIMARY KEY, items INTEGER NOT NULL, envelope BLOB NOT NULL, numbers INTEGER NOT NULL
) STRICT;
-- names of records that devices may send again; number: order of arrival, for pruning
CREATE TABLE seen (number INTEGER PRIMARY KEY, name BLOB NOT NULL UNIQUE) STRICT;
"""


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the schema to ``SCHEMA_VERSION``; a database of a newer release is refused by the caller."""
    if connection.execute("PRAGMA user_version").fetchone()[0] == SCHEMA_VERSION:
        return
    from sqlite_utils import Database, Migrations  # noqa: PLC0415 - see the module's docstring

    steps = Migrations("hub_agent.outbox")

    @steps()
    def first(db: "Database") -> None:
        for statement in (_FIRST + ledger.SCHEMA).split(";\n"):
            if statement.strip():
                db.conn.execute(statement)

    steps.apply(Database(connection))
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
