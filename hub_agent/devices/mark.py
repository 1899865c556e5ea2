"""Which device's driver is at work, noted where it outlives the process.

Owns: 64 bytes of a file in the runtime directory, mapped into memory. Never: says what a note means.

To note a device is a copy of 64 bytes: no system call, and where the directory is in memory, as ``/run`` is, nothing
that goes to the card. The kernel keeps the page whatever ends the process: the watchdog, a crash in a driver's C code,
the out-of-memory killer. A thread could not do it: a regular expression that backtracks for ever holds the interpreter
lock, and nobody else runs.

A reboot forgets what is in memory. On the card the note would cost 4 KiB every half minute, for ever, and say after a
reset what was true at the last of them. So it is put there once, when the process has ended: by the unit's
``ExecStopPost=``, before systemd restarts anything, the board included.
"""

import mmap
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from hub_agent.errors import ConfigError

NAME: Final = "at-work"
LONGEST: Final = 64
"""Bytes of a note: more than the longest alias."""


def tag_of(who: str) -> bytes:
    """Spell an alias, or another name of at most ``LONGEST`` bytes, as :meth:`Mark.note` takes it."""
    return who.encode()[:LONGEST].ljust(LONGEST, b"\0")


class Mark:
    """The note. Without a file it dies with the process, as for a trial of a single device.

    Args:
        path: the file; made with mode 0600 where it is absent.
        kept: where its content was put when the life before ended; read where ``path`` is absent: the board was
            rebooted. None: nowhere.

    Attributes:
        left: what the life before has left; empty where no driver was at work when it ended.

    Raises:
        ConfigError: the file cannot be made there.
    """

    def __init__(self, path: Path | None = None, kept: Path | None = None) -> None:
        self._kept = kept
        rebooted = path is not None and not path.exists()
        self._room: bytearray | mmap.mmap = bytearray(LONGEST) if path is None else _mapped(path)
        left = _read(kept) if rebooted and kept is not None else bytes(self._room[:])
        self.left: Final = left.split(b"\0")[0].decode(errors="replace")

    def note(self, tag: bytes) -> None:
        """From now on the driver of this device is at work; see :func:`tag_of`."""
        self._room[:] = tag

    def clear(self) -> None:
        """No driver is at work."""
        self._room[0] = 0

    def forget(self) -> None:
        """What was left is known elsewhere: no later life may take it for its own predecessor's."""
        self.clear()
        if self._kept is not None:
            with suppress(OSError):  # there is none, or the card takes nothing, which others report
                self._kept.unlink()


def _read(kept: Path) -> bytes:
    try:
        with kept.open("rb") as file:
            return file.read(LONGEST)
    except OSError:  # an end that nobody saw, such as a power cut, leaves none
        return b""


def _mapped(path: Path) -> mmap.mmap:
    try:
        path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(handle, 0, LONGEST)  # else a full file system would end the process at the first note
            return mmap.mmap(handle, LONGEST)
        finally:
            os.close(handle)
    except OSError as error:
        raise ConfigError(
            f"hub.runtime_dir: {path}: {error.strerror or error}", hint="name a directory that the hub may write to"
        ) from error
