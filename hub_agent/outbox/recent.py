"""What was committed a moment ago and nobody has sent: the only readings that the hub still has in clear. Pure.

Owns: the bounded memory from which waiting batches are rewritten into fewer, larger ones.
Never: keeps what was handed to the broker, or anything for longer than two minutes.

A batch of one second is mostly envelope: header, signature, seal. While nothing can be sent, a minute of them is
rewritten into one, under a number of its own that covers theirs. What was once handed out is never rewritten: the NOC
may have it, and would have it twice.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final, NamedTuple

from hub_agent import wire
from hub_agent.model import ReadingClass
from hub_agent.outbox.rows import Committed, class_of, seq_of

SPAN_S: Final = 60.0
KEEP_S: Final = 120.0
ITEMS_MAX: Final = 2048
"""Items of one rewritten batch: some 20 KiB, well inside what brokers take."""
RUNS_MAX: Final = 64
"""Ranges that a rewritten batch covers, at the most."""


class Kept(NamedTuple):
    """A batch with its items in clear."""

    batch: Committed
    items: Sequence[wire.Item]
    at_s: float


class Recent:
    """Holds the batches of one class that may be rewritten.

    Args:
        cls: which; readings of other classes gain little and may matter at once.
    """

    def __init__(self, cls: ReadingClass = ReadingClass.CONTINUOUS) -> None:
        self._cls = cls
        self._kept: OrderedDict[int, Kept] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def add(self, batch: Committed, items: Sequence[wire.Item], at_s: float) -> None:
        """Keep a batch that was committed just now; those of other classes are passed over."""
        if class_of(batch.key) is self._cls:
            self._kept[batch.key] = Kept(batch, items, at_s)

    def drop(self, key: int) -> None:
        """Forget a batch: it was handed to the broker, or is gone."""
        self._kept.pop(key, None)

    def due(self, now_s: float) -> list[Kept]:
        """Give the oldest minute of batches, when it is over; nothing while there is less."""
        while self._kept and now_s - next(iter(self._kept.values())).at_s > KEEP_S:
            self._kept.popitem(last=False)
        kept = list(self._kept.values())
        if not kept or now_s - kept[0].at_s < SPAN_S:
            return []
        group: list[Kept] = []
        items = runs = 0
        last = -1
        for one in kept:
            seq = seq_of(one.batch.key)
            items, runs = items + len(one.items), runs + (seq != last + 1)
            if one.at_s - kept[0].at_s >= SPAN_S or items > ITEMS_MAX or runs > RUNS_MAX:
                break
            group.append(one)
            last = seq
        return group if len(group) > 1 else []
