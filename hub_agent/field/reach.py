"""The way to one device for a tool that runs without the daemon.

Owns: opening a radio only where one is needed, and running it meanwhile.
Never: decodes; ``devices.ways`` chooses the way.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from hub_agent.clock import Clock
from hub_agent.devices.ble.host import Host, OnEvent
from hub_agent.devices.ble.radio import Radio
from hub_agent.devices.ways import DeviceWays
from hub_agent.driver import BleLink, Link

MakeHost = Callable[[], Host]


@asynccontextmanager
async def radio_running(make_host: MakeHost, clock: Clock, on_event: OnEvent) -> AsyncIterator[Radio]:
    """Open a radio and keep it scanning meanwhile."""
    async with Radio(make_host(), clock, on_event).open() as radio, asyncio.TaskGroup() as tasks:
        scanning = tasks.create_task(radio.run(), name="radio")
        try:
            yield radio
        finally:
            scanning.cancel()


@asynccontextmanager
async def ways_for(link: Link, make_host: MakeHost, clock: Clock, on_event: OnEvent) -> AsyncIterator[DeviceWays]:
    """Open what it takes to reach a device of this link."""
    if isinstance(link, BleLink):
        async with radio_running(make_host, clock, on_event) as radio:
            yield DeviceWays(clock, radio)
    else:
        yield DeviceWays(clock, None)
