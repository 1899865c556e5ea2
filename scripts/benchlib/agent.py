"""A running hub inside the bench: the agent as ``hub-agent run`` wires it, with devices that say what they are told.

Owns: devices that are fed by the bench instead of a radio. Never: takes a short cut behind the link.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

from hub_agent.app import running
from hub_agent.clock import Clock
from hub_agent.config import Config, Device
from hub_agent.devices.link import Connection, Connector
from hub_agent.driver import Chunk, Driver
from hub_agent.model import ReadingClass
from hub_agent.parts import Agent
from scripts.benchlib.site import CLOCK


class Fed:
    """A device whose notifications the bench makes (a ``Connector`` and its ``Connection``)."""

    def __init__(self) -> None:
        self._chunks: asyncio.Queue[Chunk] = asyncio.Queue()
        self.subscribed = asyncio.Event()

    def say(self, channel: str, data: bytes) -> None:
        """Let the device say something now."""
        self._chunks.put_nowait(Chunk(channel, data, CLOCK.moment()))

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Connection]:
        """Be there."""
        yield self

    async def subscribe(self) -> None:
        """Note that the hub listens."""
        self.subscribed.set()

    async def receive(self) -> Chunk:
        """Give the next chunk."""
        return await self._chunks.get()

    def waiting(self) -> bool:
        """Have nothing at hand on connecting."""
        return False

    async def write(self, channel: str, data: bytes, *, response: bool) -> None:
        """Take anything."""

    async def read(self, channel: str) -> None:
        """Have nothing to read."""

    def rssi_dbm(self) -> int | None:
        """Have no signal."""
        return None


class FedWays:
    """Reaches every configured device by the bench's own hand (``Ways``)."""

    def __init__(self) -> None:
        self.devices: dict[str, Fed] = {}
        self.measurements = count()

    def connector(self, device: Device, driver: Driver) -> Connector:
        """Give the device's feed."""
        del driver
        return self.devices.setdefault(device.name, Fed())

    async def run(self) -> None:
        """Keep nothing going."""

    @asynccontextmanager
    async def open(
        self, config: Config, clock: Clock, on_event: Callable[[str, Mapping[str, Any]], None], local: object
    ) -> AsyncIterator["FedWays"]:
        """Open nothing."""
        del config, clock, on_event, local
        yield self


@asynccontextmanager
async def hub(config: Config, ways: FedWays | None = None) -> AsyncIterator[Agent]:
    """Run a hub while the context is open."""
    async with running(config, (ways or FedWays()).open, clock=CLOCK) as agent:
        yield agent


def waiting(agent: Agent) -> int:
    """Count the batches that the NOC has not confirmed."""
    return sum(agent.outbox.tallies[cls].batches for cls in ReadingClass)


async def until(condition: Callable[[], bool], within_s: float = 120.0, every_s: float = 0.01) -> None:
    """Look again and again until something is so.

    Raises:
        TimeoutError: it did not come to be.
    """
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(every_s)
