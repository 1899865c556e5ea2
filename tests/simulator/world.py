"""One history: a home for some days, with everything that goes wrong in it, drawn from one seed."""

import asyncio
import hashlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from hub_agent import housekeeping, identity, intake, logs
from hub_agent.model import ReadingClass
from hub_agent.mqtt import Profile
from hub_agent.noc import collector as collecting
from hub_agent.noc.collector import Collector, Keys
from hub_agent.noc.outcome import Outcome
from hub_agent.noc.store import Store
from tests.configs import HUB, make_keys
from tests.simulator.clock import MachineClock, TrueClock
from tests.simulator.devices import Keeper, SimDevice, Stream, Truth
from tests.simulator.hub import Machine, patched
from tests.simulator.loop import SimLoop
from tests.simulator.network import NOC, Network

DAY_S = 86_400.0
CALM_S = 3600.0
"""At the end everything works, long enough for all that waits to arrive."""

Fault = Callable[[random.Random], Awaitable[None]]


@dataclass
class Wholeness:
    """Since when everything works, as it changed."""

    broken: int = 0
    spans: list[tuple[float, float]] = field(default_factory=list)
    since_s: float = 0.0

    @contextmanager
    def broken_for(self) -> Iterator[None]:
        """Something is broken inside."""
        loop = asyncio.get_running_loop()
        if self.broken == 0 and loop.time() > self.since_s:
            self.spans.append((self.since_s, loop.time()))
        self.broken += 1
        try:
            yield
        finally:
            self.broken -= 1
            if self.broken == 0:
                self.since_s = loop.time()

    def close(self, at_s: float) -> None:
        """End the history."""
        if self.broken == 0:
            self.spans.append((self.since_s, at_s))


@dataclass
class History:
    """What happened, and where the NOC wrote it down.

    Attributes:
        seed: of everything.
        store: the NOC's database.
        truth: what the devices know.
        whole: when everything worked.
        deaths_s: when the process ended.
        waiting: batches that wait at the hub at the end.
        untold: records that no device was told to be safe, at the end.
        faults: fault → how often.
        digest: names the history: two runs of a seed give the same.
        ended_s: when the calm began.
    """

    seed: int
    store: Path
    truth: Truth
    whole: Wholeness
    deaths_s: list[float]
    waiting: int = 0
    untold: int = 0
    faults: dict[str, int] = field(default_factory=dict)
    digest: str = ""
    ended_s: float = 0.0


class World:
    """The parts of one history.

    Args:
        here: an empty directory, best in RAM.
        seed: of everything that is drawn.
    """

    def __init__(self, here: Path, seed: int) -> None:
        self.here, self.seed = here, seed
        self.rng = random.Random(seed)  # noqa: S311 - a history, no secret
        keyring = make_keys(here)
        self.keys = Keys(keyring.opening_keys(), keyring.confirming_key().private)
        self.clock = MachineClock(self.rng)
        self.network = Network()
        self.truth = Truth()
        self.keeper = Keeper(self.truth, self.rng, self.clock)
        self.streams = [Stream(self.truth, self.rng, self.clock) for _ in range(2)]
        self.devices: dict[str, SimDevice] = {
            "stream-1": self.streams[0],
            "stream-2": self.streams[1],
            "keeper": self.keeper,
        }
        self.machine = Machine(here, self.clock, self.network, self.devices, self.rng)
        self.whole = Wholeness(since_s=asyncio.get_running_loop().time())
        self.noc = asyncio.Event()
        self.noc.set()
        self.counts: dict[str, int] = {}
        self.trace = hashlib.sha256()

    # --- the NOC ------------------------------------------------------------------------------------------------------

    async def collect(self) -> None:
        """Run the collector, whenever it is to run."""
        while True:
            await self.noc.wait()
            with Store(self.here / "noc.db") as store:
                collector = Collector(store, self.keys, Profile(NOC, "sim", 1), TrueClock(), on_outcome=self._charted)
                async with asyncio.TaskGroup() as tasks:
                    task = tasks.create_task(collector.run())
                    while self.noc.is_set():  # noqa: ASYNC110 - cleared by a fault
                        await asyncio.sleep(1.0)
                    task.cancel()

    async def _charted(self, outcome: Outcome) -> None:
        now_s = asyncio.get_running_loop().time()
        for one in outcome.charted:
            self.note(f"{now_s:.6f} {one.seq} {one.item.stamp.monotonic_ns}")

    def note(self, line: str) -> None:
        """Let something be part of what makes this history this one."""
        self.trace.update(line.encode() + b"\n")

    # --- what goes wrong ----------------------------------------------------------------------------------------------

    async def now_and_then(self, name: str, mean_s: float, fault: Fault, *, breaks: bool = True) -> None:
        """Let something happen at random moments, for ever."""
        rng = random.Random(f"{self.seed} {name}")  # noqa: S311 - a history, no secret
        while True:
            await asyncio.sleep(rng.expovariate(1 / mean_s))
            self.note(f"{asyncio.get_running_loop().time():.6f} {name}")
            self.counts[name] = self.counts.get(name, 0) + 1
            if breaks:
                with self.whole.broken_for():
                    await fault(rng)
            else:
                await fault(rng)

    def faults(self) -> Iterator[Coroutine[Any, Any, None]]:
        """Give everything that goes wrong, each at its own pace."""
        hour = 3600.0
        yield self.now_and_then("cut", 3 * hour, self._cut)
        yield self.now_and_then("long cut", 24 * hour, self._long_cut)
        yield self.now_and_then("half-open", 4 * hour, self._half_open)
        yield self.now_and_then("flapping", 12 * hour, self._flapping)
        yield self.now_and_then("slow link", 6 * hour, self._slow, breaks=False)
        yield self.now_and_then("broker restarted", 8 * hour, self._broker(forget=False))
        yield self.now_and_then("broker without sessions", 8 * hour, self._broker(forget=True))
        yield self.now_and_then("ACL withdrawn", 12 * hour, self._acl)
        yield self.now_and_then("broker full", 12 * hour, self._full)
        yield self.now_and_then("NOC away", 8 * hour, self._noc_away)
        yield self.now_and_then("NOC away, broker drops", 24 * hour, self._noc_away_and_drops)
        yield self.now_and_then("confirmations lost", 12 * hour, self._confirmations_lost)
        yield self.now_and_then("kill -9", 6 * hour, self._kill)
        yield self.now_and_then("crash at a commit", 6 * hour, self._crash)
        yield self.now_and_then("failing disk", 8 * hour, self._disk)
        yield self.now_and_then("power cut, 1970", 12 * hour, self._reboot)
        yield self.now_and_then("clock step", 12 * hour, self._step, breaks=False)
        for name in ("stream-1", "stream-2", "keeper"):
            yield self.now_and_then(f"unplugged {name}", 6 * hour, self._unplug(name), breaks=False)
        yield self.now_and_then("silent stream-2", 6 * hour, self._silence, breaks=False)

    async def _cut(self, rng: random.Random) -> None:
        self.network.cut()
        await asyncio.sleep(rng.expovariate(1 / 60))
        self.network.heal()

    async def _long_cut(self, rng: random.Random) -> None:
        self.network.cut()
        await asyncio.sleep(rng.uniform(1, 8) * 3600)
        self.network.heal()

    async def _half_open(self, rng: random.Random) -> None:
        self.network.swallow()
        await asyncio.sleep(rng.expovariate(1 / 30))
        self.network.heal()

    async def _flapping(self, rng: random.Random) -> None:
        for _ in range(rng.randrange(2, 20)):
            self.network.cut()
            await asyncio.sleep(rng.expovariate(1 / 2))
            self.network.heal()
            await asyncio.sleep(rng.expovariate(1 / 3))

    async def _slow(self, rng: random.Random) -> None:
        self.network.bytes_s = 8000.0
        await asyncio.sleep(rng.expovariate(1 / 1800))
        self.network.bytes_s = 0.0

    def _broker(self, *, forget: bool) -> Fault:
        async def restart(rng: random.Random) -> None:
            self.network.stop_broker(forget=forget)
            await asyncio.sleep(rng.expovariate(1 / 10))
            self.network.alive = True
            await asyncio.sleep(4.5)  # until the collector is back, which is no fault of the hub's

        return restart

    async def _acl(self, rng: random.Random) -> None:
        self.network.hub_may = False
        await asyncio.sleep(rng.expovariate(1 / 120))
        self.network.hub_may = True

    async def _full(self, rng: random.Random) -> None:
        self.network.full = True
        await asyncio.sleep(rng.expovariate(1 / 120))
        self.network.full = False

    async def _noc_away(self, rng: random.Random) -> None:
        self.noc.clear()
        await asyncio.sleep(rng.expovariate(1 / 900))
        self.noc.set()
        await asyncio.sleep(4.5)

    async def _noc_away_and_drops(self, rng: random.Random) -> None:
        self.network.queue_max = 5
        await self._noc_away(rng)
        self.network.queue_max = 1000

    async def _confirmations_lost(self, rng: random.Random) -> None:
        self.network.lose_confirmations = True
        await asyncio.sleep(rng.expovariate(1 / 120))
        self.network.lose_confirmations = False

    async def _kill(self, _rng: random.Random) -> None:
        self.machine.kill()
        await asyncio.sleep(5.0)

    async def _crash(self, rng: random.Random) -> None:
        self.machine.disk.crash_in, self.machine.disk.crash_after = rng.randrange(1, 4), rng.random() < 0.5
        await asyncio.sleep(30.0)

    async def _disk(self, rng: random.Random) -> None:
        self.machine.disk.fails = rng.randrange(1, 4)
        await asyncio.sleep(30.0)

    async def _reboot(self, rng: random.Random) -> None:
        await self.machine.reboot(rng.expovariate(1 / 300))
        await asyncio.sleep(5.0)
        asyncio.get_running_loop().call_later(rng.expovariate(1 / 1800), self.clock.ntp)

    async def _step(self, rng: random.Random) -> None:
        self.clock.step(rng.choice([-1, 1]) * rng.choice([300.0, 365 * DAY_S, 2.0]))
        await asyncio.sleep(rng.expovariate(1 / 600))
        self.clock.ntp()

    def _unplug(self, name: str) -> Fault:
        async def pull(rng: random.Random) -> None:
            self.devices[name].unplug()
            await asyncio.sleep(rng.expovariate(1 / 300))
            self.devices[name].plugged.set()

        return pull

    async def _silence(self, rng: random.Random) -> None:
        self.streams[1].quiet = True
        await asyncio.sleep(rng.expovariate(1 / 300))
        self.streams[1].quiet = False

    # --- the end ------------------------------------------------------------------------------------------------------

    def repair(self) -> None:
        """Let everything work."""
        network = self.network
        network.heal()
        network.alive = network.hub_may = True
        network.full = network.lose_confirmations = False
        network.bytes_s, network.queue_max = 0.0, 1000
        self.noc.set()
        self.clock.ntp()
        self.machine.disk.fails, self.machine.disk.crash_in = 0, None
        for device in self.devices.values():
            device.plugged.set()
            device.quiet = False
        self.machine._powered.set()  # noqa: SLF001 - the plug is in again


@asynccontextmanager
async def living(world: World) -> AsyncIterator[asyncio.TaskGroup]:
    """Let hub, NOC and devices live."""
    async with asyncio.TaskGroup() as tasks:
        alive = [tasks.create_task(world.collect()), tasks.create_task(world.machine.run())]
        alive += [tasks.create_task(one.run()) for one in (*world.streams, world.keeper)]
        try:
            yield tasks
        finally:
            for task in alive:
                task.cancel()


async def _happen(here: Path, seed: int, days: float) -> History:
    loop = asyncio.get_running_loop()
    world = World(here, seed)
    with Store(here / "noc.db") as store, store.transaction():
        store.hubs.add(HUB, identity.load(here / "identity.pem").public_key(), 0)
    with patched(world.network, world.machine.disk, world.rng):
        async with living(world) as tasks:
            faults = [tasks.create_task(fault) for fault in world.faults()]
            await asyncio.sleep(days * DAY_S)
            for fault in faults:
                fault.cancel()
            await asyncio.sleep(0)
            world.repair()
            ended_s = loop.time()
            await asyncio.sleep(CALM_S)
            agent = world.machine.agent
            assert agent is not None
            waiting = sum(agent.outbox.tallies[cls].batches for cls in ReadingClass)
            world.whole.close(loop.time())
    return History(
        seed,
        here / "noc.db",
        world.truth,
        world.whole,
        world.machine.deaths_s,
        waiting,
        world.keeper.waiting,
        world.counts,
        world.trace.hexdigest(),
        ended_s,
    )


def happen(here: Path, seed: int, days: float) -> History:
    """Let a history happen.

    Args:
        here: an empty directory, best in RAM.
        seed: of everything.
        days: how long things go wrong; an hour of calm follows.
    """
    with quick():
        random.seed(seed)
        with asyncio.Runner(loop_factory=SimLoop) as runner:
            return runner.run(_happen(here, seed, days))


@contextmanager
def quick() -> Iterator[None]:
    """Look less often at what does not change by itself: an idle second of the hub is most of what a day would cost."""
    logs.configure("critical", "json")
    with (
        mock.patch.object(collecting, "TURN_S", 5.0),
        mock.patch.object(housekeeping, "TURN_S", 5.0),
        mock.patch.object(intake, "TURN_S", 5.0),
    ):
        yield
