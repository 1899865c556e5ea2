"""The devices of this hub: a runner for each, kept running until it is parked.

Owns: who is parked, and that it is said. Never: talks to a device (its runner does), or stores a reading.

Parked is until the next start: that tries every device again, but for one with whose driver the process died
(:mod:`hub_agent.deaths`).
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Protocol

from hub_agent.clock import Clock
from hub_agent.config import Device
from hub_agent.deaths import Deaths
from hub_agent.devices.link import Connector
from hub_agent.devices.runner import DeviceState, Outlet, Runner
from hub_agent.driver import Driver
from hub_agent.errors import HubError, StuckDriverError
from hub_agent.model import Reading, Stamp
from hub_agent.nomenclature import battery_alone
from hub_agent.registry import Registry
from hub_agent.reporter import Reporter
from hub_agent.supervise import keep_running

Take = Callable[..., Awaitable[bool]]
"""The intake: ``take(device, reading, stamp, repeats=…)``."""


class Ways(Protocol):
    """How devices are reached: real radios and ports, or virtual ones."""

    def connector(self, device: Device, driver: Driver) -> Connector:
        """Give the way to a configured device.

        Raises:
            ConfigError: the device cannot be reached in the way its driver needs.
        """
        ...

    async def run(self) -> None:
        """Keep the shared parts (the scanner) going; returns when there are none."""
        ...


class Sources:
    """Runs what is configured, each device for itself.

    Args:
        registry: the drivers there are.
        clock: stamps.
        reporter: is told of everything that is not a reading.
        take: takes a reading; returns when it may be acknowledged.
        deaths: knows the devices that may not be fed; restored before the first runner is made. Its mark is told which
            device's driver is at work.

    Attributes:
        states: what is known of each device, by alias, in the order of the configuration.
    """

    def __init__(self, registry: Registry, clock: Clock, reporter: Reporter, take: Take, deaths: Deaths) -> None:
        self._registry = registry
        self._clock = clock
        self._reporter = reporter
        self._take = take
        self._deaths = deaths
        self.states: dict[str, DeviceState] = {}

    def runner(self, device: Device, ways: Ways) -> Runner | None:
        """Make a device's runner; a device that cannot be run is parked, and said so."""
        clock, reporter = self._clock, self._reporter
        try:
            self._deaths.check(device.name)
            driver = self._registry.driver(device.driver)
            connector = ways.connector(device, driver)
        except HubError as error:
            self.states[device.name] = DeviceState("parked", clock.monotonic_s(), why=str(error))
            self._parked(device.name, error)
            return None
        reporter.alarm("device_parked", device.name, active=False)
        if self._deaths.killed(device.name):
            reporter.driver_stuck(device.name, self._deaths.of(device.name), parked=False)
        else:
            reporter.alarm("driver_stuck", device.name, active=False)
        take = partial(self._hear, repeats=driver.repeats)
        outlet = Outlet(take, reporter.rejected, reporter.device_event, reporter.connection)
        runner = Runner(device.name, driver, device.options, connector, clock, outlet, self._deaths.mark)
        self.states[device.name] = runner.state
        return runner

    async def keep(self, runner: Runner) -> None:
        """Keep one device running until it is parked."""

        def failed(error: BaseException) -> None:
            if isinstance(error, HubError) and error.retry == "never":
                runner.park(str(error))
                self._parked(runner.name, error)

        await keep_running(runner.name, runner.run, clock=self._clock, cap_s=lambda: 10.0, on_failure=failed)

    def _parked(self, device: str, error: HubError) -> None:
        stuck = isinstance(error, StuckDriverError)  # one trouble, one alarm
        self._reporter.parked(device, str(error))
        self._reporter.alarm("device_parked", device, active=not stuck)
        if stuck:
            self._reporter.driver_stuck(device, self._deaths.of(device), parked=True)

    async def _hear(self, device: str, reading: Reading, stamp: Stamp, *, repeats: bool) -> bool:
        if not reading.stored and not battery_alone(reading.measurements):
            self._reporter.heard(device, stamp)
        return await self._take(device, reading, stamp, repeats=repeats)
