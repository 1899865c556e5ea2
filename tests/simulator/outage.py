"""One long outage and its drain on virtual time, and how the process's memory goes.

Prints a line a simulated day, and at the end: KiB a day and blocks a day that memory grew by over the outage, KiB that
it was larger after the drain, readings, and how many of them are not charted.
"""

import asyncio
import contextlib
import gc
import resource
import sqlite3
import sys
import tempfile
from array import array
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import NamedTuple
from unittest import mock

from hub_agent import logs
from hub_agent.outbox import timeline
from hub_agent.outbox.outbox import UNBOUNDED
from tests.simulator.devices import CADENCE_S
from tests.simulator.faults import DAY_S
from tests.simulator.hub import patched
from tests.simulator.loop import SimLoop
from tests.simulator.turns import quick
from tests.simulator.world import World

_WARM_DAYS = 2
_MEASURES_S = DAY_S / 3
_DRAIN_S = 6 * 3600.0
_SETTLED_S = 60.0


class _Heard(MutableMapping[int, float]):
    """When each reading was heard, in as much memory at the end as at the beginning."""

    def __init__(self, most: int) -> None:
        self._at_s = array("d", bytes(8 * most))
        self._len = 0

    def __setitem__(self, number: int, at_s: float) -> None:
        self._len = max(self._len, number)
        self._at_s[number] = at_s

    def __getitem__(self, number: int) -> float:
        return self._at_s[number]

    def __delitem__(self, number: int) -> None:
        raise NotImplementedError

    def __iter__(self) -> Iterator[int]:
        return iter(range(1, self._len + 1))

    def __len__(self) -> int:
        return self._len


class _Point(NamedTuple):
    day: float
    resident_kib: float
    blocks: int


def _look(day: float) -> _Point:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    point = _Point(day, pages * resource.getpagesize() / 1024, sys.getallocatedblocks())
    print(f"day {day:5.2f}  {point.resident_kib:8.0f} KiB  {point.blocks:8} blocks", flush=True)  # noqa: T201 - output
    return point


def _slope(points: list[tuple[float, float]]) -> float:
    """Fit a line by least squares; give its slope."""
    middle_x = sum(x for x, _ in points) / len(points)
    middle_y = sum(y for _, y in points) / len(points)
    spread = sum((x - middle_x) ** 2 for x, _ in points)
    return sum((x - middle_x) * (y - middle_y) for x, y in points) / spread


def _charted(store: Path) -> set[int]:
    with contextlib.closing(sqlite3.connect(store)) as db:
        return {int(number) for (number,) in db.execute("SELECT measurements -> '$[0][2]' FROM chart")}


async def _happen(here: Path, days: int) -> str:
    world = World(here, seed=15)
    world.enrol()
    world.machine.disk.limits = UNBOUNDED  # the simulated card is a small one, and nothing is to be shed here
    heard_s = world.truth.heard_s = _Heard(int(days * DAY_S / CADENCE_S * 1.5))
    with patched(world.network, world.machine, world.rng("hub")):
        async with world.living():
            await asyncio.sleep(60.0)
            world.network.cut()
            points = []
            with world.turns.hopeless():
                for day in range(days):
                    await world.streams["stream-1"].measure(_MEASURES_S)
                    await asyncio.sleep(DAY_S - _MEASURES_S)
                    points.append(_look(day + 1))
            world.network.heal()
            await asyncio.sleep(_DRAIN_S)
            drained = _look(days + _DRAIN_S / DAY_S)
            assert not world.waiting(), "the outbox is not drained"
            settled_s = asyncio.get_running_loop().time() - _SETTLED_S
    charted = _charted(here / "noc.db")
    heard = [number for number, at_s in heard_s.items() if at_s < settled_s]
    lost = sum(number not in charted for number in heard)
    warm = points[_WARM_DAYS:]
    slope_kib = _slope([(point.day, point.resident_kib) for point in warm])
    slope_blocks = _slope([(point.day, point.blocks) for point in warm])
    more_kib = drained.resident_kib - points[-1].resident_kib
    return f"{slope_kib:.2f} {slope_blocks:.1f} {more_kib:.0f} {len(heard)} {lost}"


def main() -> None:
    """Run for so many days."""
    logs.configure("critical", "json")
    with (
        quick(),
        mock.patch.object(timeline, "ENTRIES_MAX", 64),  # fills for days, is halved then: no slope
        tempfile.TemporaryDirectory(dir="/dev/shm") as here,
        asyncio.Runner(debug=False, loop_factory=SimLoop) as runner,
    ):
        print(runner.run(_happen(Path(here), int(sys.argv[1]))))  # noqa: T201 - the program's output


if __name__ == "__main__":
    main()
