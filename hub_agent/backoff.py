"""How long to wait before the next attempt: pure.

Owns: the formula. Never: sleeps, or knows what failed.
"""

import random
from typing import Final

_LONGEST_S: Final = 3600.0


class Backoff:
    """Full jitter: each wait is uniform between 0 and a ceiling that doubles with every failure.

    It spreads a whole fleet that lost the same broker at the same instant (M. Brooker, "Exponential Backoff And
    Jitter", AWS Architecture Blog, 2015). The cap scales the wait instead of cutting it off, so that the waits of a
    fleet that has reached its cap stay spread.

    Args:
        base_s: the first ceiling.
        rng: where the jitter comes from.
    """

    def __init__(self, base_s: float = 0.1, *, rng: random.Random | None = None) -> None:
        self._base_s = base_s
        self._draw = random.random if rng is None else rng.random
        self.reset()

    def reset(self) -> None:
        """Begin anew: what failed has worked for a while."""
        self._ceiling_s = self._base_s / 2
        self._share = 0.0

    def failed(self) -> None:
        """Count one more failure and draw its jitter."""
        self._ceiling_s = min(self._ceiling_s * 2, _LONGEST_S)
        self._share = self._draw()

    def delay_s(self, cap_s: float) -> float:
        """Give the wait after the newest failure; the same again for another cap, in proportion."""
        return self._share * min(cap_s, self._ceiling_s)
