"""Tries one device: runs it as the hub would, shows what it says, and keeps a capture of it.

Owns: the runner of a trial and what becomes of its findings.
Never: stores or sends a reading; the hub's outbox is not touched.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TextIO

from hub_agent.clock import Clock
from hub_agent.config import Device
from hub_agent.devices.link import Connector
from hub_agent.devices.recording import Recorder, Tell
from hub_agent.devices.runner import Outlet, Runner
from hub_agent.driver import Driver
from hub_agent.errors import ConfigError, HubError
from hub_agent.model import Reading, Stamp

_AGAIN_S: Final = 1.0


@dataclass(slots=True)
class Tally:
    """What a trial came to.

    Attributes:
        connections: how often the device was reached.
        readings: how many it gave.
        rejected: frames that no decoder accepted.
        warnings: codes that the driver gave, each once.
        trouble: what kept it from being reached, the latest last.
    """

    connections: int
    readings: int
    rejected: int
    warnings: Sequence[str]
    trouble: Sequence[str]


async def trial(
    device: Device,
    driver: Driver,
    connector: Connector,
    clock: Clock,
    seconds: float,
    *,
    tell: Tell,
    file: TextIO | None = None,
    command: str = "",
) -> Tally:
    """Run a device for so long.

    Args:
        device: its options are those of the configuration.
        driver: what it is.
        connector: the way to it.
        clock: stamps.
        seconds: how long.
        tell: is told each line of the capture as it happens.
        file: where the capture goes; None for nowhere.
        command: of the driver's, given once when the device has opened; empty for none.

    Raises:
        DriverError: the driver broke its contract; the capture ends with the line that did it.
        ConfigError: the device cannot be run as it is configured, or the driver has no such command.
    """
    if command and command not in driver.commands:
        known = ", ".join(sorted(driver.commands)) or "none"
        raise ConfigError(f"driver {driver.name} has no command {command!r}", hint=f"there are: {known}")
    recorder = Recorder(driver, device.options, "hub-agent devices test", tell=tell, file=file)
    trouble: list[str] = []

    async def take(device: str, reading: Reading, stamp: Stamp) -> bool:
        del device, reading, stamp
        return True

    def linked(device: str, up: bool, why: str) -> None:  # noqa: FBT001 - the outlet's protocol
        del device, why
        recorder.turned("connected" if up else "lost", clock.moment())

    outlet = Outlet(take, lambda _name, _reason, _data: None, lambda _name, _code: None, linked)
    runner = Runner(device.name, recorder.driver, device.options, connector, clock, outlet, command=command)
    try:
        async with asyncio.timeout(seconds):
            while True:
                try:
                    await runner.run()
                except HubError as error:
                    if error.retry == "never":
                        raise
                    trouble.append(str(error))
                    await asyncio.sleep(_AGAIN_S)
    except TimeoutError:
        pass
    state = runner.state
    return Tally(state.connections, state.readings, state.rejected, tuple(state.warnings), tuple(trouble))
