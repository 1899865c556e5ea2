"""How the outbox's file and the card under it do, in figures.

Owns: how long commits take, the size of the log, what the check at the start found.
Never: writes, opens the database, or judges a figure.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeVar

from hub_agent.clock import Clock
from hub_agent.latency import Latency

T = TypeVar("T")

Verdict = Literal["ok", "unfinished", "damaged", "none"]
"""What SQLite's quick check found before the file was opened: ``unfinished``, sound as far as there was time to look;
``damaged``, and this is the fresh file in its place; ``none``, there was no file."""


class Card:
    """Watches one open file.

    Args:
        path: the database file.
        verdict: of its check, which was made just now.
        clock: measures.

    Attributes:
        commits: how long each transaction took on the writer thread, since the last whole heartbeat.
    """

    def __init__(self, path: Path, verdict: Verdict, clock: Clock) -> None:
        self._file, self._log = path, path.with_name(path.name + "-wal")
        self._verdict = verdict
        self._clock = clock
        self._checked_s = clock.monotonic_s()
        self.commits = Latency()

    def timed(self, work: Callable[[], T]) -> tuple[T, float]:
        """Do something and say how many seconds it took; on the writer thread, so that no queue counts."""
        began_s = self._clock.monotonic_s()
        return work(), self._clock.monotonic_s() - began_s

    def size_bytes(self) -> int:
        """Bytes on disk: the file and its write-ahead log."""
        return _bytes(self._file) + _bytes(self._log)

    def figures(self) -> dict[str, Any]:
        """Give them as the heartbeat shows them (``docs/wire.md``, 10)."""
        return {
            "bytes": self.size_bytes(),
            "wal_bytes": _bytes(self._log),
            "commit_s": self.commits.spread(),
            "check": self._verdict,
            "check_age_s": round(self._clock.monotonic_s() - self._checked_s, 1),
        }


def _bytes(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0
