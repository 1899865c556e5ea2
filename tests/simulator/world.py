"""One history: a home for some days, with everything that goes wrong in it, drawn from one seed."""

import asyncio
import hashlib
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hub_agent import logs
from hub_agent.model import ReadingClass
from hub_agent.mqtt import Profile
from hub_agent.noc.collector import Collector, Keys
from hub_agent.noc.outcome import Outcome
from hub_agent.noc.store import Store
from tests.configs import HUB
from tests.simulator.chance import seeded_keys
from tests.simulator.clock import MachineClock, TrueClock
from tests.simulator.density import DENSE, sparse
from tests.simulator.devices import Keeper, SimDevice, Stream, Truth
from tests.simulator.faults import DAY_S, HOUR_S, Fault, Faults, Switch, Wholeness, now_and_then
from tests.simulator.hub import Machine, patched
from tests.simulator.loop import SimLoop
from tests.simulator.network import NOC, Network
from tests.simulator.office import Commands, Deeds, Office
from tests.simulator.shortage import Shortage
from tests.simulator.strips import Recorder
from tests.simulator.turns import Turns, quick

CALM_S = 3600.0
"""At the end everything works, long enough for all that waits to arrive."""
_ORDERS_S = 3 * HOUR_S
_FORGERIES_S = 8 * HOUR_S
_MEASURES = 0.3
"""How likely a device is to be in use when something goes wrong, beside chance."""


@dataclass
class History:
    """What happened, and where the NOC wrote it down.

    Attributes:
        seed: of everything.
        store: the NOC's database.
        truth: what the devices know.
        whole: when everything worked.
        deaths_s: when the process ended.
        planned_s: when it was asked to, shortly before.
        boots: when each boot began, by its name.
        full_s: when something had to wait for room.
        stuck: parts of the hub that made no progress for too long.
        waiting: batches that wait at the hub at the end.
        untold: records that no device was told to be safe, at the end.
        faults: fault → how often.
        unjust: what was shed though something less valuable was there.
        kept: what of the card's room was not given back at the end.
        commands: what the hub was told to do, and did.
        digest: names the history: two runs of a seed give the same.
        ended_s: when the calm began.
    """

    seed: int
    store: Path
    truth: Truth
    whole: Wholeness
    deaths_s: list[float]
    planned_s: list[float]
    boots: dict[str, float]
    full_s: list[float]
    stuck: list[str]
    waiting: int = 0
    untold: int = 0
    faults: dict[str, int] = field(default_factory=dict)
    unjust: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    commands: Commands = field(default_factory=Commands)
    digest: str = ""
    ended_s: float = 0.0


class World:
    """The parts of one history.

    Args:
        here: an empty directory, best in RAM.
        seed: of everything that is drawn.
        few: whether it is a home in which little happens.
    """

    def __init__(self, here: Path, seed: int, *, few: bool = False) -> None:
        self.here, self.seed = here, seed
        density = sparse(self.rng("density")) if few else DENSE
        self._identity = Ed25519PrivateKey.from_private_bytes(self.rng("identity").randbytes(32))
        keyring = seeded_keys(here, self.rng("keys"), self._identity)
        self._keys = Keys(keyring.opening_keys(), keyring.confirming_key().private)
        self.clock = MachineClock(self.rng("clock"))
        self.network = Network(self._said)
        self.truth = Truth()
        self.turns = Turns()
        self._keeper = Keeper(self.truth, self.rng("keeper"), self.clock, self.turns.busy, density)
        self.streams = {
            name: Stream(self.truth, self.rng(name), self.clock, self.turns.busy, density)
            for name in ("stream-1", "stream-2")
        }
        self._recorder = Recorder(self.truth, self.rng("recorder"), self.clock, self.turns.busy, density)
        measuring: dict[str, SimDevice] = {**self.streams, "keeper": self._keeper}
        self._devices = {**measuring, "recorder": self._recorder}
        self.truth.said = {name: device.said for name, device in self._devices.items()}
        self.machine = Machine(here, self.clock, self.network, self._devices, self.rng("machine"))
        self.deeds = Deeds()
        self._office = Office(here / "noc.db", keyring, self.network, self.rng("stranger"))
        self._density = density
        self._whole = Wholeness(since_s=asyncio.get_running_loop().time())
        self._noc = Switch()
        self._counts: dict[str, int] = {}
        self._trace = hashlib.sha256()
        shortage = Shortage(self.network, self.machine.disk, self._recorder, measuring)
        self._faults = Faults(
            self.network,
            self.machine,
            self.clock,
            self._devices,
            self._noc,
            shortage.strike,
            density,
            self.turns.hopeless,
        )

    def rng(self, name: str) -> random.Random:
        """Make random numbers that depend on nothing but the seed and what they are for."""
        return random.Random(f"{self.seed} {name}")  # noqa: S311 - a history, no secret

    def enrol(self) -> None:
        """Let the NOC know the hub."""
        with Store(self.here / "noc.db") as store, store.transaction():
            store.hubs.add(HUB, self._identity.public_key(), 0)

    def waiting(self) -> int:
        """Count the batches that wait at the hub."""
        agent = self.machine.agent
        return 0 if agent is None else sum(agent.outbox.tallies[cls].batches for cls in ReadingClass)

    # --- who lives in it ----------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def living(self) -> AsyncIterator[asyncio.TaskGroup]:
        """Let hub, NOC and devices live."""
        async with asyncio.TaskGroup() as tasks:
            alive = [
                tasks.create_task(one)
                for one in (
                    self._collect(),
                    self.machine.run(),
                    self.turns.run(),
                    self._keeper.run(),
                    self._recorder.run(),
                    *(stream.run() for stream in self.streams.values()),
                )
            ]
            try:
                yield tasks
            finally:
                for task in alive:
                    task.cancel()

    async def _collect(self) -> None:
        """Run the collector, whenever it is to run."""
        while True:
            await self._noc.on.wait()
            with Store(self.here / "noc.db") as store:
                collector = Collector(store, self._keys, Profile(NOC, "sim", 1), TrueClock(), on_outcome=self._charted)
                async with asyncio.TaskGroup() as tasks:
                    task = tasks.create_task(collector.run())
                    await self._noc.off.wait()
                    task.cancel()

    async def _charted(self, outcome: Outcome) -> None:
        now_s = asyncio.get_running_loop().time()
        for one in outcome.charted:
            self._note(f"{now_s:.6f} {one.seq} {one.item.stamp.monotonic_ns}")

    def _said(self, topic: str, payload: bytes) -> None:
        """Take note of each byte on the network; of a data key sealed with HPKE's own randomness, their number."""
        self._note(f"{asyncio.get_running_loop().time():.6f} {topic} {len(payload)}")
        if not topic.endswith("/up/keys"):
            self._trace.update(payload)

    def _note(self, line: str) -> None:
        """Let something be part of what makes this history this one."""
        self._trace.update(line.encode() + b"\n")

    # --- what goes wrong ----------------------------------------------------------------------------------------------

    def trouble(self, tasks: asyncio.TaskGroup) -> list[asyncio.Task[None]]:
        """Let things go wrong until the tasks are cancelled."""
        started = []
        for name, mean_s, fault, breaks in self._faults.all():
            rng = self.rng(name)
            happen = partial(self._happen, name, fault, rng, breaks=breaks)
            started.append(tasks.create_task(now_and_then(mean_s, rng, happen)))
        for name, mean_s, act in (
            ("order", _ORDERS_S, self._office.order),
            ("forgery", _FORGERIES_S, self._office.forge),
        ):
            happen = partial(self._command, name, act, self.rng(name))
            when = now_and_then(mean_s * self._density.rarer, self.rng(f"{name}, when"), happen)
            started.append(tasks.create_task(when))
        return started

    async def _command(self, name: str, act: Fault, rng: random.Random) -> None:
        """Let somebody, or a stranger, command the hub."""
        self._counts[name] = self._counts.get(name, 0) + 1
        self.turns.stir()
        await act(rng)

    async def _happen(self, name: str, fault: Fault, rng: random.Random, *, breaks: bool) -> None:
        self._note(f"{asyncio.get_running_loop().time():.6f} {name}")
        self._counts[name] = self._counts.get(name, 0) + 1
        for device in self._devices.values():
            if rng.random() < _MEASURES:
                asyncio.get_running_loop().call_later(rng.uniform(0, 5), device.wanted.set)
        self.turns.stir()
        with self._whole.broken_for() if breaks else nullcontext():
            await fault(rng)
        self.turns.stir()

    def repair(self) -> None:
        """Let everything work."""
        self._faults.repair()

    def history(self, ended_s: float) -> History:
        """Say what has happened."""
        self._whole.close(asyncio.get_running_loop().time())
        return History(
            self.seed,
            self.here / "noc.db",
            self.truth,
            self._whole,
            self.machine.deaths_s,
            self.machine.planned_s,
            self.clock.boots,
            self.machine.full_s,
            self.machine.stuck,
            self.waiting(),
            self._keeper.waiting,
            self._counts,
            self.machine.disk.unjust,
            self.machine.kept(),
            self._office.told(self.deeds, self.machine.revision()),
            self._trace.hexdigest(),
            ended_s,
        )


async def _happen(here: Path, seed: int, days: float, *, few: bool) -> History:
    world = World(here, seed, few=few)
    world.enrol()
    with patched(world.network, world.machine, world.rng("hub")), world.deeds.watched():
        async with world.living() as tasks:
            troubles = world.trouble(tasks)
            await asyncio.sleep(days * DAY_S)
            for trouble in troubles:
                trouble.cancel()
            await asyncio.sleep(0)
            world.repair()
            ended_s = asyncio.get_running_loop().time()
            await asyncio.sleep(CALM_S)
            return world.history(ended_s)


def happen(here: Path, seed: int, days: float, *, few: bool = False) -> History:
    """Let a history happen.

    Args:
        here: an empty directory, best in RAM.
        seed: of everything.
        days: how long things go wrong; an hour of calm follows.
        few: whether readings and faults are few, and what lasts lasts long; see ``density``.
    """
    logs.configure("critical", "json")
    random.seed(seed)
    with quick(), asyncio.Runner(debug=False, loop_factory=SimLoop) as runner:
        return runner.run(_happen(here, seed, days, few=few))
