"""The way to one device for a tool that runs without the daemon.

Owns: opening a radio only where one is needed, and running it meanwhile.
Never: decodes; ``devices.ways`` chooses the way.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from hub_agent.clock import Clock
from hub_agent.devices.ble.host import AskPasskey, Host, OnEvent
from hub_agent.devices.ble.radio import Radio
from hub_agent.devices.ways import DeviceWays
from hub_agent.driver import BleLink, Link

RADIO_REMEDY: Final = "systemctl status bluetooth; rfkill list bluetooth"

MakeHost = Callable[[], Host]


@asynccontextmanager
async def radio_running(make_host: MakeHost, clock: Clock, on_event: OnEvent) -> AsyncIterator[Radio]:
    """Open a radio and keep it scanning meanwhile; one that did not get so far is told as ``radio_down``, too."""
    told: list[str] = []

    def heed(code: str, fields: Mapping[str, Any]) -> None:
        told.append(code)
        on_event(code, fields)

    async with Radio(make_host(), clock, heed).open() as radio, asyncio.TaskGroup() as tasks:
        scanning = tasks.create_task(radio.run(), name="radio")
        try:
            yield radio
        finally:
            scanning.cancel()
            if not radio.scanner.started and "radio_down" not in told:
                on_event("radio_down", {"reason": "does not answer"})


@asynccontextmanager
async def ways_for(
    link: Link, make_host: MakeHost, clock: Clock, on_event: OnEvent, ask: AskPasskey | None = None
) -> AsyncIterator[DeviceWays]:
    """Open what it takes to reach a device of this link; ``ask`` gets the digits that it may show to be paired."""
    if isinstance(link, BleLink):
        async with radio_running(make_host, clock, on_event) as radio:
            yield DeviceWays(clock, radio, ask)
    else:
        yield DeviceWays(clock, None)
