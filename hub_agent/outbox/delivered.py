"""Which batches the NOC has while their rows are still here. Pure.

Owns: the ranges that go with the next change of the file, and which of their batches are counted as delivered.
Never: touches the file, or believes anybody; its caller has the NOC's word.
"""

from collections.abc import Iterable

Range = tuple[int, int]


class Delivered:
    """Numbers of batches, as ranges (first, last) in the order in which they were confirmed."""

    def __init__(self) -> None:
        self._ranges: list[Range] = []
        self._taken: list[Range] = []
        self._counted: set[int] = set()

    def __len__(self) -> int:
        """Say how many batches are counted as delivered."""
        return len(self._counted)

    def __contains__(self, seq: int) -> bool:
        """Say whether the NOC has a batch, whose row goes with the next change."""
        return seq in self._counted or any(first <= seq <= last for first, last in (*self._ranges, *self._taken))

    def add(self, first: int, last: int) -> None:
        """Take the NOC's word for a range."""
        if self._ranges and self._ranges[-1][1] + 1 == first:
            self._ranges[-1] = (self._ranges[-1][0], last)
        else:
            self._ranges.append((first, last))

    def count(self, seq: int) -> bool:
        """Note that a batch is counted as delivered; False when it was before."""
        fresh = seq not in self._counted
        self._counted.add(seq)
        return fresh

    def take(self) -> tuple[Range, ...]:
        """Take the ranges out, to delete their rows; they are known here until they are released."""
        taken, self._ranges = tuple(self._ranges), []
        self._taken += taken
        return taken

    def release(self, ranges: Iterable[Range]) -> None:
        """Forget ranges that were taken: their rows are deleted, or they were put back."""
        for one in ranges:
            self._taken.remove(one)

    def put_back(self, ranges: Iterable[Range]) -> None:
        """Put ranges back of which rows may still be here."""
        self._ranges[:0] = ranges

    def gone(self, seq: int) -> bool:
        """Note that the row of a batch was deleted; say whether it had been counted before."""
        counted = seq in self._counted
        self._counted.discard(seq)
        return counted
