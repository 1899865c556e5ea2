"""Which batches the NOC has while their rows are still here. Pure.

Owns: the ranges that go with the next change of the file, and which of their batches are counted as delivered.
Never: touches the file, or believes anybody; its caller has the NOC's word.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain

Range = tuple[int, int]


class Delivered:
    """Numbers of batches, as ranges (first, last) in the order in which they were confirmed."""

    def __init__(self) -> None:
        self._ranges: list[Range] = []
        self._going: list[tuple[Range, ...]] = []
        self._counted: set[int] = set()

    def __len__(self) -> int:
        """Say how many batches are counted as delivered."""
        return len(self._counted)

    def __contains__(self, seq: int) -> bool:
        """Say whether the NOC has a batch, whose row goes with the next change."""
        return seq in self._counted or any(first <= seq <= last for first, last in chain(self._ranges, *self._going))

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

    @contextmanager
    def going(self) -> Iterator[tuple[Range, ...]]:
        """Give the ranges whose rows are deleted inside; they stay here until that is done, and if it fails."""
        going, self._ranges = tuple(self._ranges), []
        self._going.append(going)
        try:
            yield going
        except BaseException:
            self._ranges[:0] = going
            raise
        finally:
            self._going.remove(going)

    def gone(self, seq: int) -> bool:
        """Note that the row of a batch was deleted; say whether it had been counted before."""
        counted = seq in self._counted
        self._counted.discard(seq)
        return counted
