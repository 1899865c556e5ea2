"""How long something took, as a small histogram whose quantiles are right to five percent.

Owns: the buckets. Never: reads a clock or forgets by itself.
"""

import math
from collections.abc import Iterable
from typing import Final

_GROWTH: Final = math.log(1.05)
_FLOOR_S: Final = 1e-6


class Latency:
    """A histogram of durations in seconds; each bucket is five percent wider than the one below it."""

    def __init__(self) -> None:
        self._buckets: dict[int, int] = {}
        self.count = 0
        self.max_s = 0.0

    def add(self, seconds: float) -> None:
        """Count one duration; a negative one (a stamp from another boot) is the caller's bug and counts as zero."""
        bucket = math.ceil(math.log(max(seconds, _FLOOR_S)) / _GROWTH)
        self._buckets[bucket] = self._buckets.get(bucket, 0) + 1
        self.count += 1
        self.max_s = max(self.max_s, seconds)

    def quantile(self, q: float) -> float | None:
        """Give the upper edge of the bucket that holds quantile ``q`` (0..1) in seconds; None without durations."""
        rank = math.ceil(q * self.count)
        for bucket in sorted(self._buckets):
            rank -= self._buckets[bucket]
            if rank <= 0:
                return min(math.exp(bucket * _GROWTH), self.max_s)
        return None

    def below(self, edges_s: Iterable[float]) -> list[int]:
        """Count the durations up to each edge, cumulatively, as OpenMetrics does."""
        return [
            sum(n for bucket, n in self._buckets.items() if math.exp(bucket * _GROWTH) <= edge * 1.05)
            for edge in edges_s
        ]

    def summary(self) -> dict[str, float | None]:
        """Give p50, p95 and p99 in seconds, rounded to a tenth of a millisecond."""
        return {
            name: None if value is None else round(value, 4)
            for name, value in (("p50", self.quantile(0.5)), ("p95", self.quantile(0.95)), ("p99", self.quantile(0.99)))
        }

    def spread(self) -> dict[str, float | None]:
        """Give p50, p95 and the longest in seconds, rounded to a tenth of a millisecond; None where nothing was."""
        longest_s = self.max_s if self.count else None
        return {
            name: None if value is None else round(value, 4)
            for name, value in (("p50", self.quantile(0.5)), ("p95", self.quantile(0.95)), ("max", longest_s))
        }

    def clear(self) -> None:
        """Begin anew, for figures of the last minute rather than of a life."""
        self._buckets.clear()
        self.count, self.max_s = 0, 0.0
