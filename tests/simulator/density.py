"""How much happens in a home: as much as can in two days, or as little as does in weeks.

What breaks after hours of trouble needs trouble; what breaks after days needs days: a key that is a day old, a chain
of many restarts, a clock that nobody sets for a week, a device that says its whole memory again, an outage from Friday
to Monday. Where little is measured and faults are rare and long, a day costs a fraction of a dense one.
"""

import math
import random
from typing import NamedTuple

_HOUR_S = 3600.0
_DAY_S = 24 * _HOUR_S


class Density(NamedTuple):
    """What one home is like.

    Attributes:
        rest_s: how long a device that measures all the time rests between two spells, at the mean.
        used_s: how long it is between two uses of the device that keeps records.
        remembers_s: how long that device says a record again at each connection though it was told that it is safe.
        rarer: faults come so many times more seldom than in the densest home.
        longer: what lasts takes so many times longer.
    """

    rest_s: float = 3 * _HOUR_S
    used_s: float = _HOUR_S
    remembers_s: float = 0.0
    rarer: float = 1.0
    longer: float = 1.0


DENSE = Density()


def _between(least: float, most: float, rng: random.Random) -> float:
    """Draw a factor: as likely within twice the least as within half the most."""
    return math.exp(rng.uniform(math.log(least), math.log(most)))


def sparse(rng: random.Random) -> Density:
    """Draw a home in which little happens."""
    return Density(
        rest_s=_between(4 * _HOUR_S, 2 * _DAY_S, rng),
        used_s=_between(2 * _HOUR_S, _DAY_S, rng),
        remembers_s=rng.choice([0.0, 3 * _DAY_S, 30 * _DAY_S]),
        rarer=_between(5.0, 50.0, rng),
        longer=_between(1.0, 100.0, rng),
    )
