"""The ballast: a file that is in the way on purpose, so that there is room when the disk is full.

Owns: the file ``outbox.ballast`` and what is written into it.
Never: decides when it is made or given up; the quota does.

On a full disk SQLite can neither insert nor delete nor checkpoint (SQLITE_FULL, measured on ext4): each needs room in
the write-ahead log first. Giving up the ballast makes all of them work again.
"""

import errno
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

STEP: Final = 1 << 20
"""Bytes written at once: a tenth of a second on a slow card, for commits wait meanwhile."""
_PROBE: Final = 1 << 16
_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


class Ballast:
    """The file, and what it can do.

    Args:
        directory: where the outbox is: room is wanted on the same file system.
    """

    def __init__(self, directory: Path) -> None:
        self.path = directory / "outbox.ballast"

    def size(self) -> int:
        """Bytes that it holds back now."""
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0

    def grow(self, size: int) -> None:
        """Write it on, one step nearer to ``size``; a disk that is full meanwhile gets the step back.

        Random bytes: a file system that compresses, or leaves holes for zeros, would hold nothing back.
        """
        have = self.size()
        try:
            with self.path.open("ab") as file:
                file.write(os.urandom(max(0, min(STEP, size - have))))
                file.flush()
                os.fsync(file.fileno())
        except OSError:  # no room after all, or no way to write: the commits will say so
            with suppress(OSError):
                os.truncate(self.path, have)

    def release(self) -> None:
        """Give its room to who needs it more."""
        self.path.unlink(missing_ok=True)


def has_room(directory: Path) -> bool:
    """Try whether the disk takes a little more: free space as a number says nothing of disk quotas."""
    probe = directory / "outbox.probe"
    try:
        with probe.open("wb") as file:
            file.write(bytes(_PROBE))
    except OSError as error:
        return error.errno not in _NO_ROOM
    finally:
        with suppress(OSError):
            probe.unlink()
    return True
