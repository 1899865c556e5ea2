"""The gate before verification: so that a flood costs next to nothing.

Owns: token buckets, one for strangers together and one for each key that may command.
Never: looks into a message.

A signature check takes some 0.2 ms, a security event a row in the outbox. Both are paid for out of the strangers'
bucket, which only messages empty that fail authentication or come more often than their key may. While it is empty
nothing is looked at, so a genuine command may be turned away too: whoever can flood this topic holds the broker, and
could have dropped it as well. The vital signs come first.
"""

from collections.abc import Iterable
from typing import Final

STRANGERS: Final = (20, 0.2)
SIGNER: Final = (30, 0.5)
"""Of each: messages at once, and messages a second after that."""
REPORT_EVERY_S: Final = 60.0


class TokenBucket:
    """Grants ``capacity`` at once, and ``per_s`` a second after that.

    Args:
        capacity: how many it holds; it starts full.
        per_s: how many flow in each second.
    """

    def __init__(self, capacity: int, per_s: float) -> None:
        self._capacity = float(capacity)
        self._per_s = per_s
        self._level = self._capacity
        self._at_s: float | None = None

    def holds(self, now_s: float) -> bool:
        """Tell whether one could be taken at ``now_s`` (monotonic seconds)."""
        if self._at_s is None or now_s > self._at_s:
            self._level = min(self._capacity, self._level + (now_s - (self._at_s or now_s)) * self._per_s)
            self._at_s = now_s
        return self._level >= 1

    def take(self, now_s: float) -> bool:
        """Take one, if there is one."""
        if not self.holds(now_s):
            return False
        self._level -= 1
        return True


class Gate:
    """Who may pass, how often.

    Args:
        kids: the keys that may command: the only ones to have a bucket, so that nobody can make more.
    """

    def __init__(self, kids: Iterable[str]) -> None:
        self._strangers = TokenBucket(*STRANGERS)
        self._signers = {kid: TokenBucket(*SIGNER) for kid in kids}
        self._reported_s = float("-inf")
        self._unreported = 0
        self.dropped_total = 0

    def admits(self, now_s: float) -> bool:
        """Tell whether the next message may be looked at."""
        return self._strangers.holds(now_s)

    def failed(self, now_s: float) -> None:
        """Charge a message that was not worth its check."""
        self._strangers.take(now_s)

    def proven(self, kids: Iterable[str], now_s: float) -> bool:
        """Charge a message to its signers, and tell whether all of them could pay."""
        paid = [self._signers[kid].take(now_s) for kid in kids]  # each one pays, also behind one that cannot
        return all(paid)

    def dropped(self, now_s: float) -> int:
        """Count one message turned away.

        Returns:
            How many to report now: the first at once, later ones together each minute, else 0.
        """
        self.dropped_total += 1
        self._unreported += 1
        if now_s - self._reported_s < REPORT_EVERY_S:
            return 0
        self._reported_s = now_s
        count, self._unreported = self._unreported, 0
        return count
