"""What came of what was given: lost, twice, how late, how fast. Pure.

Owns: the arithmetic that is the same for everybody. Never: measures, knows a product.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Final, NamedTuple

DRAINED: Final = 0.9
"""The part of a backlog whose coming is timed; the last stragglers tell of a timer, not of a rate."""


class Arrival(NamedTuple):
    """A reading at the far end.

    Attributes:
        at_ns: when it came (perf_counter).
        number: which one.
    """

    at_ns: int
    number: int


@dataclass(frozen=True, slots=True)
class Tally:
    """What came of some readings.

    Attributes:
        accepted: how many the system had taken over.
        lost: how many of them never came.
        duplicates: how often one came again.
        latencies_ms: from giving to coming of each one that came, sorted.
    """

    accepted: int
    lost: int
    duplicates: int
    latencies_ms: Sequence[float]

    def quantile(self, part: float) -> float | None:
        """Give the latency that this part of the readings did not exceed; None where nothing came."""
        return quantile(self.latencies_ms, part) if self.latencies_ms else None


def tally(given: Mapping[int, int], accepted: Collection[int], arrivals: Iterable[Arrival]) -> Tally:
    """Compare what was given with what came; other readings' arrivals are passed over.

    Args:
        given: when each reading was handed over (perf_counter_ns), by its number.
        accepted: the numbers that the system said it had, or for which it cannot say.
        arrivals: in the order of their coming.
    """
    first: dict[int, int] = {}
    duplicates = 0
    for at_ns, number in arrivals:
        if number not in given:
            continue
        if number in first:
            duplicates += 1
        else:
            first[number] = at_ns
    latencies = sorted((at_ns - given[number]) / 1e6 for number, at_ns in first.items())
    return Tally(len(accepted), sum(number not in first for number in accepted), duplicates, latencies)


def quantile(ordered: Sequence[float], part: float) -> float:
    """Give the smallest of sorted values that at least this part of them does not exceed (nearest rank).

    Raises:
        ValueError: there are no values, or the part is not above 0 and at most 1.
    """
    if not ordered or not 0 < part <= 1:
        raise ValueError("no such quantile")
    return ordered[ceil(part * len(ordered)) - 1]


def rate(since_ns: int, arrivals_ns: Collection[int]) -> float | None:
    """Give readings/s from an instant until ``DRAINED`` of them had come; None where nothing came.

    The instant is the connection's, not the first coming's: what comes in few large messages took its time before the
    first of them.
    """
    if not arrivals_ns:
        return None
    end_ns = quantile(sorted(arrivals_ns), DRAINED)
    return ceil(DRAINED * len(arrivals_ns)) / (end_ns - since_ns) * 1e9
