"""How much backlog may be on its way at once: pure.

Owns: the room for backlog, in bytes, on the link and at the NOC, and when a drain may begin.
Never: chooses a batch, reads a clock, or holds up an alarm or a fresh reading; those are not asked for.

What is in the network's queues cannot be overtaken: on 64 kbit/s, twenty batches of 8 KiB are 20 s that an alarm would
wait. Nor can what the broker holds for a NOC that is busy: 500 batches of a minute are 4 s of its work. So there are
two rooms. Each grows while answers come back as fast as when all is idle and shrinks when they are later than
``TARGET_S``, as LEDBAT does (RFC 6817), down to one batch at a time: PUBACKs tell of the link, confirmations of the
NOC. An alarm then waits for the rest of one batch on a slow link, and for half a second of work at a busy NOC.
"""

from typing import Final

TARGET_S: Final = 0.5
"""The queue that backlog may build up: how much later than when all is idle an answer may come."""
FIRST_BYTES: Final = 16 * 1024
"""The room where nothing is known yet."""
MOST_BYTES: Final = 2 * 1024 * 1024

SPREAD_SHARE: Final = 0.1
"""A drain begins within this share of the outage's length, so that hubs of one broker come back one after another."""


class _Room:
    """How many bytes of backlog may wait for one kind of answer."""

    def __init__(self) -> None:
        self._bytes = float(FIRST_BYTES)
        self._idle_s = float("inf")
        self._calm_at_s = float("-inf")

    def takes(self, size: int, out_bytes: int) -> bool:
        """Say whether ``size`` bytes more may go while ``out_bytes`` wait; one batch alone always may."""
        return out_bytes == 0 or out_bytes + size <= self._bytes

    def timed(self, size: int, took_s: float, at_s: float, *, backlog: bool) -> None:
        """Learn from an answer to anything: grow or shrink."""
        self._idle_s = min(self._idle_s, took_s)
        if not backlog:
            return
        queue_s = took_s - self._idle_s
        if queue_s <= TARGET_S / 2:
            self._bytes = min(MOST_BYTES, self._bytes + size)
        elif queue_s > TARGET_S and at_s >= self._calm_at_s:
            self._bytes = max(1.0, self._bytes * max(0.25, TARGET_S / queue_s))
            self._calm_at_s = at_s + took_s  # what is under way was sent before this


class Pace:
    """The room for backlog on one link after the other, and at the NOC behind it.

    Args:
        rate_bytes_s: the most that backlog may send a second; None: as much as the link takes.
        spread_s: the longest that a drain may be put off after an outage.
    """

    def __init__(self, rate_bytes_s: float | None = None, spread_s: float = 30.0) -> None:
        self._rate_bytes_s = rate_bytes_s
        self._spread_s = spread_s
        self._link, self._noc = _Room(), _Room()
        self._out_bytes = 0
        self._free_at_s = float("-inf")

    def connected(self, at_s: float, outage_s: float, share: float) -> None:
        """Begin on a new link.

        Args:
            at_s: now.
            outage_s: how long there was none.
            share: 0 to 1, this hub's draw among the fleet.
        """
        self._link, self._noc = _Room(), _Room()
        self._out_bytes = 0
        self._free_at_s = at_s + share * min(self._spread_s, outage_s * SPREAD_SHARE)

    def may_go(self, size: int, at_s: float) -> bool:
        """Say whether the link takes so many bytes of backlog now; one batch alone always, once the drain has begun."""
        return at_s >= self._free_at_s and self._link.takes(size, self._out_bytes)

    def noc_takes(self, size: int, unconfirmed: int) -> bool:
        """Say whether the NOC may be given ``size`` bytes more, with ``unconfirmed`` bytes of backlog still to do."""
        return self._noc.takes(size, unconfirmed)

    def next_s(self) -> float:
        """Say from when on backlog may go at all; it may be past."""
        return self._free_at_s

    def sent(self, size: int, at_s: float) -> None:
        """Note that backlog was handed to the broker."""
        self._out_bytes += size
        if self._rate_bytes_s is not None:
            self._free_at_s = max(self._free_at_s, at_s) + size / self._rate_bytes_s

    def returned(self, size: int) -> None:
        """Note that backlog is on its way no more, whatever became of it."""
        self._out_bytes = max(0, self._out_bytes - size)

    def timed(self, size: int, took_s: float, at_s: float, *, backlog: bool) -> None:
        """Learn from any PUBACK, of backlog or not, how busy the link is."""
        self._link.timed(size, took_s, at_s, backlog=backlog)

    def confirmed(self, size: int, took_s: float, at_s: float, *, backlog: bool) -> None:
        """Learn from the confirmation of a batch that was sent once how busy the NOC and the way to it are."""
        self._noc.timed(size, took_s, at_s, backlog=backlog)
