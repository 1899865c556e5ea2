"""Which device's driver is at work, noted where it outlives the process.

Owns: 64 bytes of a file in the runtime directory, mapped into memory. Never: says what a note means.

To note a device is a copy of 64 bytes: no system call, and where the directory is in memory, as ``/run`` is, nothing
that goes to the card. The kernel keeps the page whatever ends the process: the watchdog, a crash in a driver's C code,
the out-of-memory killer. A thread could not do it: a regular expression that backtracks for ever holds the interpreter
lock, and nobody else runs. A reboot forgets the note.
"""

import mmap
import os
from pathlib import Path
from typing import Final

from hub_agent.errors import ConfigError

NAME: Final = "at-work"
_SIZE: Final = 64
"""More than the longest alias."""


def tag_of(device: str) -> bytes:
    """Spell an alias as :meth:`Mark.note` takes it."""
    return device.encode().ljust(_SIZE, b"\0")


class Mark:
    """The note. Without a file it dies with the process, as for a trial of a single device.

    Args:
        path: the file; made with mode 0600 where it is absent.

    Attributes:
        left: the alias that the life before has left; empty where no driver was at work when it ended.

    Raises:
        ConfigError: the file cannot be made there.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._room: bytearray | mmap.mmap = bytearray(_SIZE) if path is None else _mapped(path)
        self.left: Final = bytes(self._room[:]).split(b"\0")[0].decode(errors="replace")

    def note(self, tag: bytes) -> None:
        """From now on the driver of this device is at work; see :func:`tag_of`."""
        self._room[:] = tag

    def clear(self) -> None:
        """No driver is at work."""
        self._room[0] = 0


def _mapped(path: Path) -> mmap.mmap:
    try:
        path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(handle, 0, _SIZE)  # else a full file system would end the process at the first note
            return mmap.mmap(handle, _SIZE)
        finally:
            os.close(handle)
    except OSError as error:
        raise ConfigError(
            f"hub.runtime_dir: {path}: {error.strerror or error}", hint="name a directory that the hub may write to"
        ) from error
