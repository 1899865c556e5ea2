"""The hub: the real agent on a machine that can be killed, rebooted and short of disk, as its supervisor keeps it."""

import asyncio
import random
import secrets
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar
from unittest import mock

from hub_agent import app, mqtt
from hub_agent import config as configuration
from hub_agent.config import Config, Device
from hub_agent.devices.link import Connector
from hub_agent.driver import Driver
from hub_agent.errors import StorageError
from hub_agent.machine import Machine as Gauges
from hub_agent.outbox import outbox as outboxes
from hub_agent.outbox import recovery
from hub_agent.outbox.hand import settle
from hub_agent.outbox.rows import Gone
from hub_agent.outbox.store import Change, Store
from hub_agent.parts import Agent
from hub_agent.registry import Around, Registry
from hub_agent.supervise import Progress
from tests.configs import write
from tests.simulator.clock import MachineClock
from tests.simulator.devices import DRIVERS, SimDevice
from tests.simulator.network import Network

T = TypeVar("T")

RESTART_S = (0.5, 4.0)
"""What systemd lets pass between two lives of the process."""

_WATCH_S = 120.0
_WORK_S = (0.001, 0.02)
_STALL_S = (0.05, 0.4)
_STALLS = 0.01
"""How long the card takes for a commit or a look: most of the time, and in so great a share of all."""

_MORE = """
[storage]
quota_mib = 64
ballast_mib = 1
min_free_mib = 0

[[limits]]
measure = "pulse"
high = 130
priority = "high"

[[devices]]
name = "stream-1"
driver = "sim-stream"
port = "a"

[[devices]]
name = "stream-2"
driver = "sim-stream"
port = "b"

[[devices]]
name = "keeper"
driver = "sim-keeper"
port = "c"
"""


class Disk:
    """What may happen to the file system under the outbox.

    Attributes:
        dead: the process is gone: nothing is written any more.
        fails: how many of the next commits fail.
        crash_in: in how many commits the process is killed; None: not planned.
        crash_after: whether the crash comes after that commit is durable, or before.
        commits: how many were durable.
    """

    def __init__(self) -> None:
        self.dead = False
        self.fails = 0
        self.crash_in: int | None = None
        self.crash_after = False
        self.commits = 0
        self.on_crash: Callable[[], None] = lambda: None

    def store(self) -> type[Store]:
        """Make the store that is on this disk."""
        disk = self

        class OnDisk(Store):
            def apply(self, change: Change) -> list[Gone]:
                disk.look()
                crashes = disk.crashes()
                if crashes and not disk.crash_after:
                    disk.die()
                gone = super().apply(change)
                disk.commits += 1
                if crashes:
                    disk.die()
                return gone

        return OnDisk

    def look(self) -> None:
        """Let a commit fail that must."""
        if self.dead:
            raise StorageError("the process is gone")
        if self.fails:
            self.fails -= 1
            raise StorageError("the outbox did not take a change: disk I/O error")

    def crashes(self) -> bool:
        """Count down to a planned crash."""
        if self.crash_in is None:
            return False
        self.crash_in -= 1
        return self.crash_in <= 0

    def die(self) -> None:
        """Let the process be killed now."""
        self.dead, self.crash_in = True, None
        self.on_crash()
        raise StorageError("the process is gone")


class Card:
    """How long the card takes: the outbox's hand on virtual time.

    Args:
        rng: draws how long.
    """

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng

    def hand(self, _name: str) -> "SimHand":
        """Make the hand of one life."""
        return SimHand(self)

    def takes_s(self) -> float:
        """Draw how long the next piece of work takes: some milliseconds, now and then much more."""
        return self._rng.uniform(*(_STALL_S if self._rng.random() < _STALLS else _WORK_S))


class SimHand:
    """Does one thing after the other, each in its time (a ``Hand``)."""

    def __init__(self, card: Card) -> None:
        self._card = card
        self._free_s = 0.0

    async def do(self, work: Callable[[], T]) -> T:
        """Do something, when what was asked for before is done; it is done, whoever stops waiting."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._free_s = max(self._free_s, loop.time()) + self._card.takes_s()
        loop.call_at(self._free_s, self._work, work, future)
        return await future

    def _work(self, work: Callable[[], T], future: "asyncio.Future[T]") -> None:
        try:
            result = work()
        except Exception as error:  # noqa: BLE001 - it belongs to whoever asked
            settle(future, None, error)
        else:
            settle(future, result, None)

    def end(self) -> None:
        """Nothing to do."""


class SimWays:
    """The hub's cables (``Ways``)."""

    def __init__(self, devices: Mapping[str, SimDevice]) -> None:
        self._devices = devices

    def connector(self, device: Device, driver: Driver) -> Connector:
        """Give a device's cable."""
        del driver
        return self._devices[device.name]

    async def run(self) -> None:
        """Nothing to keep going."""


class Machine:
    """A hub that lives, dies and comes back.

    Args:
        here: its directory; trust and identity are there already.
        clock: its clocks.
        network: its way to the broker.
        devices: what is plugged into it.
        rng: draws how long a restart takes.
    """

    def __init__(
        self,
        here: Path,
        clock: MachineClock,
        network: Network,
        devices: Mapping[str, SimDevice],
        rng: random.Random,
    ) -> None:
        self._config: Config = configuration.load(write(here, _MORE))
        self._clock, self._network, self._devices, self._rng = clock, network, devices, rng
        self.disk = Disk()
        self.disk.on_crash = self._crashed
        self.agent: Agent | None = None
        self.deaths_s: list[float] = []
        self.stuck: list[str] = []
        self._powered = asyncio.Event()
        self._powered.set()
        self._life: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Live again and again, for ever."""
        loop = asyncio.get_running_loop()
        while True:
            await self._powered.wait()
            async with asyncio.TaskGroup() as tasks:
                self._life = tasks.create_task(self._live())
            self.agent = None
            self.deaths_s.append(loop.time())
            await asyncio.sleep(self._rng.uniform(*RESTART_S))
            self.disk.dead = False

    async def _live(self) -> None:
        """Live one life of the process; whatever ends it is its supervisor's to see."""
        with suppress(asyncio.CancelledError):
            try:
                async with app.running(self._config, self._ways, load=_drivers, clock=self._clock) as agent:
                    self.agent = agent
                    await asyncio.Event().wait()
            except* StorageError:
                pass

    @asynccontextmanager
    async def _ways(self, _config: Config, _clock: Any, _told: Any, _kept: Any) -> AsyncIterator[SimWays]:  # noqa: ANN401 - unused
        yield SimWays(self._devices)

    def kill(self) -> None:
        """End the process as ``kill -9`` does: nothing of it runs on."""
        self.disk.dead = True
        self._crashed()

    def _crashed(self) -> None:
        self._network.kill_hub()
        if self._life is not None:
            self._life.cancel()

    async def reboot(self, off_s: float) -> None:
        """Pull the plug for a while; the clock is lost with it."""
        self._powered.clear()
        self.kill()
        await asyncio.sleep(off_s)
        self._clock.reboot()
        self._powered.set()

    def repair(self) -> None:
        """Let the disk take everything, and the power be on."""
        self.disk.fails, self.disk.crash_in = 0, None
        self._powered.set()

    async def watch(self, progress: Progress) -> None:
        """Take the place of the watchdog: whoever makes no progress is named."""
        while True:
            await asyncio.sleep(_WATCH_S)
            self.stuck += progress.stuck()


def _drivers(_wanted: Collection[str], _around: Around) -> Registry:
    return Registry(DRIVERS)


# Functions, for a Mock remembers each of its calls, and so grows for as long as it is called.


def _nothing(_gauges: Gauges) -> dict[str, Any]:
    return {}


def _no_power(_gauges: Gauges) -> dict[str, Any]:
    return {"under_voltage": None, "throttled": None}


def _uncounted(_gauges: Gauges) -> None:
    return None


@contextmanager
def patched(network: Network, machine: Machine, rng: random.Random) -> Iterator[None]:
    """Put simulated network, disk and watchdog in the place of the real ones, and leave nothing to chance.

    The figures of this process in a heartbeat are of no history, and their digits take time on a slow link.
    """
    with (
        mock.patch.object(mqtt, "connect", network.connect),
        mock.patch.object(recovery, "Store", machine.disk.store()),
        mock.patch.object(app, "feed_watchdog", machine.watch),
        mock.patch.object(Gauges, "process", _nothing),
        mock.patch.object(Gauges, "host", _no_power),
        mock.patch.object(Gauges, "written_bytes", _uncounted),
        mock.patch.object(outboxes, "Hand", Card(rng).hand),
        mock.patch.object(secrets, "token_hex", lambda size: rng.randbytes(size).hex()),
    ):
        yield
