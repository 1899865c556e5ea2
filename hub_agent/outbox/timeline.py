"""When which batch numbers were taken: what a gap record can say of readings that nobody here can open. Pure.

Owns: a coarse index, in RAM alone, from batch numbers to stamps and devices.
Never: survives the process: of batches of an earlier life the hub knows neither, and says so by leaving them out.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from hub_agent.model import ReadingClass, Stamp

GRAIN_NS: Final = 60 * 10**9
ENTRIES_MAX: Final = 4096
"""Entries of a class: some three days at the finest grain; when there are more, every second one goes."""


@dataclass(slots=True)
class _Entry:
    seq: int
    stamp: Stamp
    devices: set[str] = field(default_factory=set)


class About(NamedTuple):
    """What is known of a range of batch numbers.

    Attributes:
        since: nothing in them is older; None where that was before this life of the process.
        until: nothing in them is newer; None where nothing followed yet.
        devices: whose readings may be among them; those that are known.
    """

    since: Stamp | None
    until: Stamp | None
    devices: tuple[str, ...]


class Timeline:
    """Knows, to the minute, what this life of the process has taken."""

    def __init__(self) -> None:
        self._entries: dict[ReadingClass, list[_Entry]] = {cls: [] for cls in ReadingClass}

    def add(self, cls: ReadingClass, seq: int, stamp: Stamp, devices: Iterable[str]) -> None:
        """Note a batch: its number, the stamp of its first item, whose it is."""
        entries = self._entries[cls]
        if not entries or stamp.monotonic_ns - entries[-1].stamp.monotonic_ns >= GRAIN_NS:
            entries.append(_Entry(seq, stamp))
        entries[-1].devices.update(devices)
        if len(entries) > ENTRIES_MAX:
            for kept, gone in zip(entries[::2], entries[1::2], strict=False):
                kept.devices |= gone.devices
            del entries[1::2]

    def about(self, cls: ReadingClass, first: int, last: int) -> About:
        """Tell what is known of the numbers ``first`` to ``last`` of a class."""
        entries = self._entries[cls]
        before = [entry for entry in entries if entry.seq <= first]
        within = before[-1:] + [entry for entry in entries if first < entry.seq <= last]
        after = next((entry for entry in entries if entry.seq > last), None)
        devices = set[str]().union(*(entry.devices for entry in within))
        return About(before[-1].stamp if before else None, after.stamp if after else None, tuple(sorted(devices)))
