"""What SQLite's errors mean to the hub.

Owns: the table from result codes to the hub's errors.
Never: logs, retries, or decides what is done about them.
"""

import sqlite3
from pathlib import Path
from typing import Final

from hub_agent.errors import DamagedError, FullError, StorageError
from hub_agent.outbox.ballast import has_room

_PRIMARY: Final = 0xFF
"""The primary part of an extended result code (sqlite.org/rescode.html)."""
_DAMAGE: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_IOERR})


def named(error: sqlite3.Error, what: str, directory: Path) -> StorageError:
    """Name an error of SQLite: no room, damage, or something that may pass.

    SQLite knows ENOSPC alone for "full" (os_unix.c, unixWrite): a disk quota's EDQUOT comes as a mere failed write, and
    so does a full disk where the shared memory should grow. A failed input or output therefore asks the disk first.

    Args:
        error: as caught.
        what: what did not happen, for the message.
        directory: of the file.
    """
    text = f"{what}: {type(error).__name__}: {error}"
    primary = getattr(error, "sqlite_errorcode", 0) & _PRIMARY
    if primary == sqlite3.SQLITE_FULL or (primary == sqlite3.SQLITE_IOERR and not has_room(directory)):
        return FullError(text, hint="free space on the disk, or raise storage.quota_mib")
    if primary in _DAMAGE:
        return DamagedError(text, hint="the next start checks the file; look at the card")
    return StorageError(text)
