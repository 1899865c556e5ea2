"""Area *wire*: bytes on the socket a reading, TLS, PUBACKs, confirmations and heartbeats included, both ways."""

import asyncio
from typing import Final

from hub_agent.parts import Agent
from scripts.benchlib.agent import FedWays, hub, until, waiting
from scripts.benchlib.area import Effort
from scripts.benchlib.drain import fill
from scripts.benchlib.figures import Row, Table, at_most
from scripts.benchlib.readings import DEVICES
from scripts.benchlib.relay import Relay
from scripts.benchlib.site import HUB, Site, site
from scripts.benchlib.traffic import devices, talking

BACKLOG_S: Final = 3600
HUBS: Final = {HUB: "", "hub-slower": "[commit]\ncontinuous_s = 2.0\n"}
"""Each with its own commit window; they run side by side, since bytes do not depend on who else is busy."""


def measure(effort: Effort) -> Table:
    """Measure fresh at 8 readings a second, an idle hub, and a backlog of an hour."""
    found: dict[str, list[float]] = {}

    async def run() -> None:
        async with site(effort.scratch / "site", tuple(HUBS)) as built, built.collecting():
            async with asyncio.TaskGroup() as hubs:
                for name in HUBS:
                    hubs.create_task(_fresh(built, name, effort, found))
            await _backlog(built, effort, found)

    asyncio.run(run())
    table = Table("wire: bytes on the hub's socket, TLS 1.3, both ways")
    table.rows = [
        Row("fresh, 8 devices at 1 Hz, all included", found[HUB], "B/reading", target=at_most(64)),
        Row("of it from the NOC to the hub", found[f"{HUB} down"], "B/reading"),
        Row("with a commit window of 2 s in place of 1 s", found["hub-slower"], "B/reading"),
        Row("of it from the NOC to the hub", found["hub-slower down"], "B/reading"),
        Row("without a reading: keepalive and heartbeats", found["idle"], "B/s"),
        Row("backlog, all included", found["backlog"], "B/reading", target=at_most(24)),
        Row("of it from the NOC to the hub", found["backlog down"], "B/reading"),
        Row("connecting: handshake, CONNECT, birth, epoch", found["connect"], "B"),
    ]
    table.notes.append("Counted in a relay between hub and broker: TCP payload, without TCP and IP headers.")
    return table


async def _fresh(built: Site, name: str, effort: Effort, found: dict[str, list[float]]) -> None:
    seconds = effort.times(60, 12)  # a minute holds one whole heartbeat, and brief ones
    async with Relay(built.port).serving() as relay:
        ways = FedWays()
        _, config = built.config(name, rest=devices() + HUBS[name], port=relay.port)
        async with hub(config, ways) as agent:
            await until(lambda: agent.uplink.connects > 0)
            await _quiet(agent)
            found.setdefault("connect", []).append(relay.up + relay.down)
            before = relay.up + relay.down
            await asyncio.sleep(effort.times(21, 11))
            found.setdefault("idle", []).append((relay.up + relay.down - before) / effort.times(21, 11))
            up, down = relay.up, relay.down
            confirmed = agent.forwarder.figures.confirmed_readings
            async with talking(ways, len(DEVICES)):
                await asyncio.sleep(seconds)
            await _quiet(agent)
            readings = agent.forwarder.figures.confirmed_readings - confirmed
            found.setdefault(name, []).append((relay.up + relay.down - up - down) / readings)
            found.setdefault(f"{name} down", []).append((relay.down - down) / readings)


async def _backlog(built: Site, effort: Effort, found: dict[str, list[float]]) -> None:
    seconds = effort.times(BACKLOG_S, 900)
    async with Relay(built.port).serving() as relay:
        _, config = built.config(rest=devices(), state=effort.scratch / "backlog", port=relay.port)
        await fill(config, seconds)
        async with hub(config, FedWays()) as agent:
            await until(lambda: agent.uplink.connects > 0)
            await _quiet(agent)
        readings = seconds * len(DEVICES)
        found.setdefault("backlog", []).append((relay.up + relay.down) / readings)
        found.setdefault("backlog down", []).append(relay.down / readings)


async def _quiet(agent: Agent) -> None:
    """Wait until nothing is on its way."""
    await until(lambda: waiting(agent) == 0)
    await asyncio.sleep(1)
