"""Notices readings that wait too long for their confirmation although the broker is there.

Owns: when that is so. Never: sends, deletes, or judges a NOC that cannot be reached: ``uplink_down`` tells of that.
"""

from collections import deque
from collections.abc import Callable
from typing import Final

from hub_agent.clock import Clock
from hub_agent.health import Uplink
from hub_agent.outbox.outbox import Outbox

LATE_S: Final = 60.0
"""Twice the promise of 30 seconds, and so long also is a new link given for what waited before it."""


class BacklogWatch:
    """The second hand of confirmation.

    Args:
        outbox: whose batches.
        uplink: whether the broker is there.
        clock: the monotonic one.
        late: is told when the oldest unconfirmed batch becomes too old, and when none is any more.
    """

    def __init__(self, outbox: Outbox, uplink: Uplink, clock: Clock, late: Callable[[bool], None]) -> None:
        self._outbox = outbox
        self._uplink = uplink
        self._clock = clock
        self._late = late
        self._newest: deque[tuple[float, int]] = deque()
        """The newest batch number at each look of the last minute: what has one of the first is older than that."""
        self._active = False

    async def turn(self) -> None:
        """Look once; called every second.

        Raises:
            StorageError: the file cannot be read.
        """
        now_s = self._clock.monotonic_s()
        self._newest.append((now_s, self._outbox.last_seq))
        while len(self._newest) > 1 and now_s - self._newest[1][0] >= LATE_S:
            self._newest.popleft()
        since_s, seq = self._newest[0]
        up_s = self._uplink.connected_s
        settled = up_s is not None and now_s - max(up_s, since_s) >= LATE_S
        active = settled and await self._outbox.waits(seq)
        if active is not self._active:
            self._active = active
            self._late(active)
