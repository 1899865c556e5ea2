"""The hub: the real agent on a machine that can be killed and rebooted, as its supervisor keeps it."""

import asyncio
import random
from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any
from unittest import mock

from hub_agent import app, mqtt
from hub_agent import config as configuration
from hub_agent.alarms.book import AlarmBook
from hub_agent.config import Config, Device
from hub_agent.devices.link import Connector
from hub_agent.driver import Driver
from hub_agent.errors import StorageError
from hub_agent.intake import Intake
from hub_agent.machine import Machine as Gauges
from hub_agent.outbox import outbox as outboxes
from hub_agent.outbox import recovery
from hub_agent.parts import Agent
from hub_agent.registry import Around, Registry
from hub_agent.supervise import Progress
from tests.configs import write
from tests.simulator.chance import seeded
from tests.simulator.clock import MachineClock
from tests.simulator.devices import DRIVERS, SimDevice
from tests.simulator.disk import Card, Disk
from tests.simulator.network import Network
from tests.simulator.strips import STRIPS

RESTART_S = (0.5, 4.0)
"""What systemd lets pass between two lives of the process."""

_WATCH_S = 120.0
_MORE = """
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

[[devices]]
name = "recorder"
driver = "sim-recorder"
port = "d"
"""


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
        self.disk = Disk(self._config.hub.state_dir, rng)
        self.disk.on_crash = self._crashed
        self.agent: Agent | None = None
        self.deaths_s: list[float] = []
        self.planned_s: list[float] = []
        self.full_s: list[float] = []
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
                    await agent.restart.wait()
                    self.planned_s.append(asyncio.get_running_loop().time())
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

    @contextmanager
    def noticing(self) -> Iterator[None]:
        """Take note whenever something has to wait for room."""
        take_back = Intake._take_back

        def noticed(intake: Intake, *what: Any) -> None:  # noqa: ANN401 - as it was
            self.full_s.append(asyncio.get_running_loop().time())
            take_back(intake, *what)

        with mock.patch.object(Intake, "_take_back", noticed):
            yield

    def repair(self) -> None:
        """Let the disk take everything, and the power be on."""
        self.disk.fails, self.disk.crash_in, self.disk.others = 0, None, 0
        self._powered.set()

    def kept(self) -> list[str]:
        """Say what the outbox keeps of the card though nothing waits any more."""
        agent = self.agent
        return ["the hub is not there"] if agent is None else self.disk.kept(agent.outbox.fill, _storage(agent.book))

    def revision(self) -> int | None:
        """Say which limits are in force; None where there is no hub."""
        return None if self.agent is None else self.agent.book.revision

    async def watch(self, progress: Progress) -> None:
        """Take the place of the watchdog: whoever makes no progress is named."""
        while True:
            await asyncio.sleep(_WATCH_S)
            self.stuck += progress.stuck()


def _storage(book: AlarmBook) -> list[str]:
    return [alarm.condition.code for alarm in book.alarms() if alarm.condition.code.startswith("storage")]


def _drivers(_wanted: Collection[str], _around: Around) -> Registry:
    return Registry(DRIVERS | {STRIPS.name: STRIPS})


# Functions, for a Mock remembers each of its calls, and so grows for as long as it is called.


def _nothing(_gauges: Gauges) -> dict[str, Any]:
    return {}


def _no_power(_gauges: Gauges) -> dict[str, Any]:
    return {"under_voltage": None, "throttled": None}


def _uncounted(_gauges: Gauges) -> None:
    return None


@contextmanager
def patched(network: Network, machine: Machine, rng: random.Random) -> Iterator[None]:
    """Put simulated network, disk and watchdog in the place of the real ones.

    The figures of this process in a heartbeat are of no history, and their digits take time on a slow link.
    """
    with (
        seeded(rng),
        machine.disk.under(),
        machine.noticing(),
        mock.patch.object(mqtt, "connect", network.connect),
        mock.patch.object(recovery, "Store", machine.disk.store()),
        mock.patch.object(app, "feed_watchdog", machine.watch),
        mock.patch.object(Gauges, "process", _nothing),
        mock.patch.object(Gauges, "host", _no_power),
        mock.patch.object(Gauges, "written_bytes", _uncounted),
        mock.patch.object(outboxes, "Hand", Card(rng).hand),
    ):
        yield
