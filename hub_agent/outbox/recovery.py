"""Opens the outbox whatever state it is in: a damaged file is put aside, whole, and a fresh one takes its place.

Owns: the decision that a file is damaged, the names of files put aside, what small state is carried over at once.
Never: changes what is sound in a damaged file, deletes one, or falls back to memory. A disk that is full or read-only
is no damage: that is for a person, and the error says so.

Files: ``outbox-TIME.corrupt`` with its ``-wal`` and ``-shm``, TIME in UTC. The database goes last, so that a power cut
between the renames leaves a log without its database, by which the next start knows what to finish.
"""

import os
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple

from hub_agent.errors import DamagedError, FullError, StorageError
from hub_agent.outbox import ledger, wal
from hub_agent.outbox.ballast import Ballast
from hub_agent.outbox.box import LocalBox
from hub_agent.outbox.card import Verdict
from hub_agent.outbox.salvage import damaged, read_whole, reading
from hub_agent.outbox.store import Change, Store

CHECK_S: Final = 3.0
"""How long the check at a start may take: readings must flow again within five seconds."""

LEDGER_LOST: Final = "ledger_lost"
"""Local state: the replay store did not come over whole; see ``Parts``."""

_NAMES_MAX: Final = 10_000


class Damage(NamedTuple):
    """What was found at a start.

    Attributes:
        why: what the check said.
        aside: where the damaged file is now.
    """

    why: str
    aside: Path


def open_store(
    path: Path, box: LocalBox, now: datetime, monotonic_s: Callable[[], float]
) -> tuple[Store, Damage | None]:
    """Open the outbox, or a fresh one in place of a damaged one.

    Args:
        path: the database file.
        box: proves local state that is carried over.
        now: names a file that is put aside.
        monotonic_s: a clock for the length of the check.

    Raises:
        StorageError: it can neither be opened nor put aside: a full or read-only disk, a file of a newer release.
    """
    try:
        return _open(path, box, now, monotonic_s)
    except FullError:
        Ballast(path.parent).release()
        return _open(path, box, now, monotonic_s)


def _open(path: Path, box: LocalBox, now: datetime, monotonic_s: Callable[[], float]) -> tuple[Store, Damage | None]:
    damage = None
    _finish_put_aside(path)
    why, verdict = _find_damage(path, monotonic_s)
    if why:
        damage = Damage(why, _put_aside(path, now))
    _marker(path).unlink(missing_ok=True)
    try:
        store = Store(path, os.urandom(16))
    except DamagedError:
        suspect(path)
        raise
    store.checked = verdict
    for aside in put_aside(path):
        if store.state(progress_name(aside)) is None:
            _carry_over(aside, store, box)
    return store, damage


# --- is it damaged? ---------------------------------------------------------------------------------------------------


def suspect(path: Path) -> None:
    """Note that file or card failed, so that the next start believes nothing that it has not checked whole."""
    with suppress(OSError):
        _marker(path).touch()


def is_suspected(path: Path) -> bool:
    """Say whether that was noted."""
    return _marker(path).exists()


def _marker(path: Path) -> Path:
    return path.with_suffix(".suspect")


def _find_damage(path: Path, monotonic_s: Callable[[], float]) -> tuple[str, Verdict]:
    """Say what is wrong with a file, empty when it is sound or not there; and how the check came out.

    Raises:
        StorageError: it cannot be opened for a reason that is not its own.
    """
    if not path.exists():
        return "", "none"
    log = path.with_name(path.name + "-wal")
    suspected = is_suspected(path)
    if suspected:  # what failed to be written may still be in the page cache, marked as written
        _drop_cache(path)
        _drop_cache(log)
    try:
        log_bytes = log.read_bytes() if log.exists() else b""
        empty = path.stat().st_size == 0
    except OSError as error:
        return f"unreadable: {error.strerror}", "damaged"
    if log_bytes and empty:
        return "the database is empty, and its write-ahead log is not", "damaged"
    if wal.is_torn(log_bytes):
        return "the write-ahead log is torn amid durable commits", "damaged"
    verdict = _check(path, monotonic_s)
    if verdict is None:
        unproven = "a write failed, and the file could not be proven whole in time"
        return (unproven, "damaged") if suspected else ("", "unfinished")
    return verdict, "damaged" if verdict else "ok"


def _check(path: Path, monotonic_s: Callable[[], float]) -> str | None:
    """Say what SQLite finds wrong; empty for nothing, None where there was no time to look everywhere."""
    try:
        store = Store(path, os.urandom(16))
    except StorageError as error:
        if not damaged(error):
            raise
        return str(error.__cause__ or error)
    try:
        verdict = store.check(CHECK_S, monotonic_s)
    except StorageError as error:
        verdict = str(error)
    with suppress(sqlite3.Error):
        store.close()
    return "" if verdict == "ok" else verdict


def _drop_cache(file: Path) -> None:
    with suppress(OSError):
        handle = os.open(file, os.O_RDONLY)
        try:
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(handle)


# --- aside ------------------------------------------------------------------------------------------------------------


def put_aside(path: Path) -> list[Path]:
    """Give the damaged files that wait to be salvaged, oldest first."""
    return sorted(path.parent.glob(f"{path.stem}-*.corrupt"))


def progress_name(aside: Path) -> str:
    """Name the piece of local state that says how far a file's salvage has come."""
    return f"salvage:{aside.name}"


def _put_aside(path: Path, now: datetime) -> Path:
    stamp = now.strftime("%Y%m%dT%H%M%SZ")
    aside = path.with_name(f"{path.stem}-{stamp}.corrupt")
    number = 1
    while any(path.parent.glob(f"{aside.stem}.*")):
        number += 1
        aside = path.with_name(f"{path.stem}-{stamp}-{number}.corrupt")
    _move(path, aside)
    return aside


def _move(path: Path, aside: Path) -> None:
    try:
        for suffix in ("-shm", "-wal", ""):
            source = path.with_name(path.name + suffix)
            if source.exists():
                source.rename(aside.with_name(aside.name + suffix))
        handle = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        raise StorageError(
            f"{path}: is damaged and cannot be put aside: {error.strerror}", hint="look at the disk"
        ) from error


def _finish_put_aside(path: Path) -> None:
    """Finish what a power cut interrupted: a log that was put aside belongs to the database that was not yet."""
    for part in sorted(path.parent.glob(f"{path.stem}-*.corrupt-???")):
        aside = part.with_name(part.name[: -len("-wal")])
        if not aside.exists() and path.exists():
            _move(path, aside)


# --- what is carried over at once -------------------------------------------------------------------------------------


def _carry_over(aside: Path, store: Store, box: LocalBox) -> None:
    """Take the small state over: alarms with their limits, the clock's floor, names of records, the replay store.

    State proves itself by its seal. The replay store does not: what of it comes over counts, and where any of it cannot
    be read that is noted, so that no command from before is obeyed (``LEDGER_LOST``).
    """
    kept: list[tuple[str, bytes]] = []
    names: list[bytes] = []
    whole = False
    with reading(aside) as source:
        if source is not None:
            for name, value in read_whole(source, "SELECT name, value FROM meta").rows:
                with suppress(StorageError, TypeError, ValueError):
                    box.open(name, value)
                    kept.append((name, value))
            last = "SELECT name FROM (SELECT number, name FROM seen ORDER BY number DESC LIMIT ?) ORDER BY number"
            names = [bytes(name) for (name,) in read_whole(source, last, _NAMES_MAX).rows]
            whole = store.on_connection(lambda connection: ledger.adopt(connection, source))
    if not whole:
        kept.append((LEDGER_LOST, box.close(LEDGER_LOST, b"1")))
    present = {name for name, _ in kept if store.state(name) is not None}
    fresh = [(name, value) for name, value in kept if name not in present]
    progress = progress_name(aside)
    store.apply(Change(names=names, state=[*fresh, (progress, box.close(progress, b""))]))
