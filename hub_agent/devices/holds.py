"""How long one driver holds everybody else up.

Owns: when that is too much. Never: measures (the runner does), or ends anything.

Drivers compute on the event loop; nothing else turns meanwhile. A good one takes well under a millisecond for a chunk,
on the slowest board too, so a call that takes a tenth of a second is a fault in the driver, or a machine that stood
still. The second happens to anybody, but not to the same driver again and again.
"""

from typing import Final

HOLD_S: Final = 0.1
"""A call that takes so long is counted."""
SHARE: Final = 0.1
"""The share of the event loop's time that such calls of one driver may take in the long run."""
DEBT_S: Final = 10.0
"""How far a driver may exceed its share: half of what the watchdog gives the whole hub (WatchdogSec=)."""
TIMES: Final = 2
"""How often it must have done so within that debt: once is no habit."""


class Holds:
    """Keeps the account of one driver: its long calls are a debt, which its share pays off as time passes."""

    def __init__(self) -> None:
        self._debt_s = 0.0
        self._at_s = 0.0
        self._times = 0

    def add(self, took_s: float, at_s: float) -> None:
        """Take note of a call of at least ``HOLD_S``.

        Args:
            took_s: how long it took.
            at_s: when it ended, monotonic.
        """
        self._debt_s = max(0.0, self._debt_s - (at_s - self._at_s) * SHARE)
        self._times = self._times + 1 if self._debt_s else 1
        self._debt_s += took_s
        self._at_s = at_s

    @property
    def exceeded(self) -> bool:
        """Whether this is too much."""
        return self._times >= TIMES and self._debt_s > DEBT_S
