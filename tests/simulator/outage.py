"""One long outage and its drain on virtual time, and how the process's memory goes.

Prints a line a simulated day, and at the end: slope in KiB a day, readings, and how many of them are not charted.
"""

import asyncio
import gc
import resource
import sys
import tempfile
from pathlib import Path

from hub_agent import identity
from hub_agent.model import ReadingClass
from hub_agent.noc.store import Store
from tests.configs import HUB
from tests.simulator.hub import patched
from tests.simulator.loop import SimLoop
from tests.simulator.promises import Chart
from tests.simulator.world import DAY_S, History, Wholeness, World, living, quick

_WARM_DAYS = 2
_DRAIN_S = 6 * 3600.0


def _resident_kib() -> float:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 1024


def _slope(points: list[tuple[float, float]]) -> float:
    """Fit a line by least squares; give its slope."""
    middle_x = sum(x for x, _ in points) / len(points)
    middle_y = sum(y for _, y in points) / len(points)
    spread = sum((x - middle_x) ** 2 for x, _ in points)
    return sum((x - middle_x) * (y - middle_y) for x, y in points) / spread


async def _happen(here: Path, days: int) -> tuple[float, int, int]:
    world = World(here, seed=15)
    with Store(here / "noc.db") as store, store.transaction():
        store.hubs.add(HUB, identity.load(here / "identity.pem").public_key(), 0)
    points: list[tuple[float, float]] = []
    with patched(world.network, world.machine.disk, world.rng):
        async with living(world):
            await asyncio.sleep(60.0)
            world.network.cut()
            for day in range(days):
                await asyncio.sleep(DAY_S)
                points.append((day, _resident_kib()))
                print(f"day {day + 1:2}  {points[-1][1]:8.0f} KiB", flush=True)  # noqa: T201 - the program's output
            world.network.heal()
            for _ in range(6):
                await asyncio.sleep(_DRAIN_S / 6)
                points.append((points[-1][0] + _DRAIN_S / 6 / DAY_S, _resident_kib()))
            print(f"drained {points[-1][1]:8.0f} KiB", flush=True)  # noqa: T201 - the program's output
            agent = world.machine.agent
            assert agent is not None
            waiting = sum(agent.outbox.tallies[cls].items for cls in ReadingClass)
            ended_s = asyncio.get_running_loop().time()
            heard = [number for number, at_s in world.truth.heard_s.items() if at_s < ended_s - 60]
    charted = {row.number for row in Chart(History(15, here / "noc.db", world.truth, Wholeness(), [])).rows}
    lost = sum(number not in charted for number in heard)
    print(f"waiting {waiting}", flush=True)  # noqa: T201 - the program's output
    return _slope(points[_WARM_DAYS:]), len(heard), lost


def main() -> None:
    """Run for so many days."""
    with (
        quick(),
        tempfile.TemporaryDirectory(dir="/dev/shm") as here,  # noqa: S108 - of its own
        asyncio.Runner(loop_factory=SimLoop) as runner,
    ):
        slope_kib, readings, lost = runner.run(_happen(Path(here), int(sys.argv[1])))
    print(f"{slope_kib:.2f} {readings} {lost}")  # noqa: T201 - the program's output


if __name__ == "__main__":
    main()
