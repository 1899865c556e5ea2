"""Connects that come to nothing, one after the other, though who was called had just been heard.

Owns: since when there is nothing else, how many they are, and when that is worth a step. Pure: time is an argument.
Never: says which step, or performs it.

One such connect is the air, and several to one device are that device: too far away, its battery too low, or linked
with somebody's phone. Nothing else for minutes, while nobody else can be reached either, may be the adapter: one whose
firmware has lost its connection procedure goes on scanning. The two look alike from here, and the gentle rungs of the
ladder cost nothing while no link lives.
"""

from typing import Final

_ENOUGH: Final = 6


class Streak:
    """Counts failures between two successes.

    Args:
        patience_s: how long there must have been nothing but failures, from the first of them.
    """

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._count = 0
        self._since_s = 0.0

    def failed(self, at_s: float) -> bool:
        """Count a failure at ``at_s``; True where it is time for a step, before which it counts anew."""
        if not self._count:
            self._since_s = at_s
        self._count += 1
        if self._count < _ENOUGH or at_s - self._since_s < self._patience_s:
            return False
        self._count = 0
        return True

    def broken(self) -> None:
        """Take note of a success."""
        self._count = 0
