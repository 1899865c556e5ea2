"""Which batch numbers were sealed under which epoch. Pure; a value that never changes, so that any thread may read it.

Owns: the records of the epochs under which batches may wait, and where each begins.
Never: makes a key, reads the file.
"""

from collections.abc import Iterable
from typing import Final

Begins = tuple[int, bytes, bytes]
"""The first number sealed under an epoch, its id, its record (docs/wire.md §3)."""


class Epochs:
    """Epochs by the numbers sealed under them.

    Args:
        begins: each one's beginning, in any order.
    """

    def __init__(self, begins: Iterable[Begins] = ()) -> None:
        self._begins: Final = tuple(sorted(begins))

    def followed_by(self, begins: Iterable[Begins]) -> "Epochs":
        """Give these and newer ones."""
        return Epochs((*self._begins, *begins))

    def record(self, epoch_id: bytes) -> bytes | None:
        """Give an epoch's record; None when it is unknown."""
        return next((record for _, its_id, record in self._begins if its_id == epoch_id), None)

    def span(self, epoch_id: bytes, last_seq: int) -> range:
        """Give the numbers sealed under an epoch; none when it is unknown.

        Args:
            epoch_id: which.
            last_seq: the newest number of all.
        """
        end = last_seq + 1
        for first, its_id, _ in reversed(self._begins):
            if its_id == epoch_id:
                return range(first, end)
            end = first
        return range(0)
