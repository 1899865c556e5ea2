"""Knows how long readings have waited for their confirmation, and when that is too long though the broker is there.

Owns: the age of the oldest of each class. Never: sends, deletes, or judges a NOC that cannot be reached:
``uplink_down`` tells of that.
"""

from bisect import bisect_left
from collections.abc import Callable
from typing import Final, NamedTuple

from hub_agent.clock import Clock
from hub_agent.envelope import parse_batch, parse_epoch
from hub_agent.errors import SealError
from hub_agent.health import Uplink
from hub_agent.model import ClockState, ReadingClass
from hub_agent.outbox.outbox import Outbox
from hub_agent.outbox.rows import seq_of

LATE_S: Final = 60.0
"""Twice the promise of 30 seconds. A new link is given as long for what waited before it came up."""
_FINE_S: Final = 60.0
"""For so long each look is remembered; of older ones, one a minute."""
_LOOKS_MAX: Final = 4096
"""Looks that are remembered: one a second for a minute, one a minute for some three days, fewer beyond."""


class _Look(NamedTuple):
    """The newest batch number at an instant: whatever has a higher one was committed later."""

    at_s: float
    seq: int


class BacklogWatch:
    """Watches the age of what is not confirmed.

    Args:
        outbox: whose batches.
        uplink: whether the broker is there.
        clock: the monotonic one, and for batches of an earlier life of the process the wall clock.
        late: is told when the oldest unconfirmed batch becomes too old, and when none is any more.

    Attributes:
        oldest_s: by class, how long the oldest unconfirmed batch has waited, never too little. It is right to a second
            in the first minute and to a minute later; of a batch from before the start it is the age of its epoch.
    """

    def __init__(self, outbox: Outbox, uplink: Uplink, clock: Clock, late: Callable[[bool], None]) -> None:
        self._outbox = outbox
        self._uplink = uplink
        self._clock = clock
        self._late = late
        self._looks: list[_Look] = []
        self._active = False
        self.oldest_s: dict[ReadingClass, float] = {}

    async def turn(self) -> None:
        """Look once; called every second.

        Raises:
            StorageError: the file cannot be read.
        """
        now_s = self._clock.monotonic_s()
        oldest = await self._outbox.oldest()
        ages = {cls: await self._age_s(key, now_s) for cls, key in oldest.items()}
        self.oldest_s.clear()
        self.oldest_s.update(ages)
        self._remember(now_s)
        up_s = self._uplink.connected_s
        settled = up_s is not None and now_s - up_s >= LATE_S
        active = settled and max(ages.values(), default=0.0) >= LATE_S
        if active is not self._active:
            self._active = active
            self._late(active)

    async def _age_s(self, key: int, now_s: float) -> float:
        behind = bisect_left(self._looks, seq_of(key), key=lambda look: look.seq)
        if behind:
            return round(now_s - self._looks[behind - 1].at_s, 1)
        known_s = now_s - self._looks[0].at_s if self._looks else 0.0
        stamp, begun_ns = self._clock.stamp(), await self._begun_ns(key)
        if stamp.clock is ClockState.SYNCED and begun_ns is not None:
            known_s = max(known_s, (stamp.wall_ns - begun_ns) / 1e9)
        return round(known_s, 1)

    async def _begun_ns(self, key: int) -> int | None:
        """Say when the epoch of a batch began, by the hub's wall clock of then; None where nobody can tell."""
        row = await self._outbox.run(lambda store: store.row(key))
        try:
            record = row and self._outbox.epoch_record(parse_batch(row.envelope).header.epoch)
            return parse_epoch(record).wall_ns if record else None
        except SealError:  # the card has changed it; whoever sends it finds out
            return None

    def _remember(self, now_s: float) -> None:
        """Note the newest number; looks of one minute that is long over become one, the earliest."""
        looks = self._looks
        looks.append(_Look(now_s, self._outbox.last_seq))
        fine = bisect_left(looks, now_s - _FINE_S, key=lambda look: look.at_s)
        if fine > 1 and looks[fine - 1].at_s - looks[fine - 2].at_s < _FINE_S:
            del looks[fine - 1]
        if len(looks) > _LOOKS_MAX:
            del looks[1:fine:2]
