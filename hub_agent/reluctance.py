"""A broker that does not pass on what is sent: what it says, and how it is probed meanwhile.

Owns: whether it refuses, and when it is asked again. Never: publishes, or decides what becomes of a batch.
"""

from collections.abc import Callable
from typing import Final

from hub_agent.delivery import Trouble

PROBE_S: Final = 1.0
"""While the broker refuses, one batch a second asks whether it still does, so that nothing storms."""


class Reluctance:
    """Whether the broker takes what is sent.

    Args:
        tell: is told (trouble, active) when it begins and ceases to refuse.
        monotonic_s: the clock.
    """

    def __init__(self, tell: Callable[[Trouble, bool], None], monotonic_s: Callable[[], float]) -> None:
        self._tell = tell
        self._monotonic_s = monotonic_s
        self._trouble: Trouble | None = None
        self._probe_at_s = 0.0

    def may_send(self) -> bool:
        """Say whether to send now; while it refuses, that is the next probe."""
        if self._trouble is None:
            return True
        now_s = self._monotonic_s()
        if now_s < self._probe_at_s:
            return False
        self._probe_at_s = now_s + PROBE_S
        return True

    def next_s(self) -> float | None:
        """Say when the next probe is due; None while the broker takes what is sent."""
        return None if self._trouble is None else self._probe_at_s

    def begin(self, trouble: Trouble) -> None:
        """Note that it refuses; told once."""
        if self._trouble != trouble:
            self.end()
            self._trouble = trouble
            self._probe_at_s = self._monotonic_s() + PROBE_S
            self._tell(trouble, True)

    def end(self) -> bool:
        """Note that it takes what is sent; True when it had refused before."""
        if self._trouble is None:
            return False
        trouble, self._trouble = self._trouble, None
        self._tell(trouble, False)
        return True
