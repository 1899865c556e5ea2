"""How long to wait before the next attempt: pure.

Owns: the formula. Never: sleeps, counts for a caller, or knows what failed.
"""

import random
from collections.abc import Iterator


def full_jitter(cap_s: float, base_s: float = 0.1, *, rng: random.Random | None = None) -> Iterator[float]:
    """Yield delays for ever: uniform between 0 and ``min(cap_s, base_s * 2^n)``.

    Full jitter spreads a whole fleet that lost the same broker at the same instant (M. Brooker, "Exponential Backoff
    And Jitter", AWS Architecture Blog, 2015).
    """
    rng = rng or random.Random()  # noqa: S311 - spreading load, not a secret
    ceiling = base_s
    while True:
        yield rng.uniform(0.0, min(cap_s, ceiling))
        ceiling = min(cap_s, ceiling * 2)
