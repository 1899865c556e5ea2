"""Area *drain*: 72 h of eight devices at 1 Hz, with fresh alarms on top; and what such a backlog costs in memory."""

import asyncio
import sqlite3
import time
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Final

from hub_agent.config import Config
from hub_agent.model import ReadingClass
from hub_agent.outbox.recent import SPAN_S
from scripts.benchlib.agent import FedWays, hub, until, waiting
from scripts.benchlib.area import Effort
from scripts.benchlib.figures import Row, Table, at_least, at_most
from scripts.benchlib.latency import ALARMS_HZ, forget
from scripts.benchlib.process import daemon
from scripts.benchlib.readings import DEVICES, history
from scripts.benchlib.relay import Relay
from scripts.benchlib.site import CLOCK, Site, open_outbox, site
from scripts.benchlib.traffic import devices, talking

DAYS_3_S: Final = 72 * 3600
SHORT_S: Final = 2500
"""Seconds that make 20,000 readings."""
NARROW_S: Final = 7200
"""Seconds of backlog that go through the narrow link."""
NARROW_BITS: Final = 1e6


async def fill(config: Config, seconds: int) -> None:
    """Let so many seconds of eight devices wait, minute by minute, as the hub rewrites them while the link is down."""
    outbox = open_outbox(config)

    def unsafe(db: sqlite3.Connection) -> None:
        db.execute("PRAGMA synchronous=OFF")  # nobody cuts the power while the bench fills

    await outbox.run(lambda store: store.on_connection(unsafe))
    now = CLOCK.stamp()
    start = now._replace(monotonic_ns=now.monotonic_ns - seconds * 10**9, wall_ns=now.wall_ns - seconds * 10**9)
    source = history(start, seconds)
    while minute := [one for rows in islice(source, int(SPAN_S)) for one in rows]:
        await outbox.commit({ReadingClass.CONTINUOUS: minute})
    await outbox.close()


async def _drained(
    built: Site, config: Config, readings: int, found: dict[str, list[float]], name: str, *, alarms: bool
) -> None:
    """Drain a backlog through a running hub, fresh traffic beside it."""
    ways = FedWays()
    async with hub(config, ways) as agent:
        await until(lambda: agent.uplink.connects > 0, every_s=0.001)
        forget(agent)
        began = time.perf_counter()
        backlog = agent.outbox.last_seq
        if alarms:
            async with talking(ways, len(DEVICES), alarms_hz=ALARMS_HZ):
                await until(lambda: _behind(agent.forwarder.lanes.flights, backlog, waiting(agent)), within_s=900)
        else:
            await until(lambda: waiting(agent) == 0, within_s=900)
        took_s = time.perf_counter() - began
        found.setdefault(f"{name} s", []).append(took_s)
        found.setdefault(name, []).append(readings / took_s)
        if alarms:
            for cls in (ReadingClass.ALARM, ReadingClass.CONTINUOUS):
                found.setdefault(f"{name} {cls.name}", []).append(
                    (agent.forwarder.figures.latency[cls].quantile(0.99) or 0.0) * 1e3
                )
    del built


def _behind(flights: Iterable[int], backlog: int, left: int) -> bool:
    """Say whether nothing of the backlog is left: what is fresh is a handful, and newer."""
    return left <= 20 and not any(seq <= backlog for seq in flights)  # noqa: PLR2004 - ten alarms a second


def measure(effort: Effort) -> Table:
    """Drain 20,000 readings, 2 million, and some through 1 Mbit/s."""
    found: dict[str, list[float]] = {}
    long_s = effort.times(DAYS_3_S, DAYS_3_S // 12)

    async def run() -> None:
        async with site(effort.scratch / "site") as built:
            _, config = built.config(rest=devices(), state=effort.scratch / "long")
            began = time.perf_counter()
            await fill(config, long_s)
            found["fill"] = [long_s * len(DEVICES) / (time.perf_counter() - began)]
            found["file"] = [_size(effort.scratch / "long") / long_s / len(DEVICES)]
            await _memory(built, effort.scratch / "long", effort.scratch / "empty", found)
            async with built.collecting():
                for number in range(effort.times(3, 2)):
                    _, short = built.config(rest=devices(), state=effort.scratch / f"short-{number}")
                    await fill(short, SHORT_S)
                    await _drained(built, short, SHORT_S * 8, found, "short", alarms=False)
                await _drained(built, config, long_s * 8, found, "long", alarms=True)
                await _narrow(built, effort, found)

    asyncio.run(run())
    return _table(found, long_s)


async def _narrow(built: Site, effort: Effort, found: dict[str, list[float]]) -> None:
    """Drain through a link of 1 Mbit/s."""
    seconds = effort.times(NARROW_S)
    async with Relay(built.port, NARROW_BITS).serving() as relay:
        _, config = built.config(rest=devices(), state=effort.scratch / "narrow", port=relay.port)
        await fill(config, seconds)
        await _drained(built, config, seconds * 8, found, "narrow", alarms=False)
        found["narrow bytes"] = [(relay.up + relay.down) / seconds / 8]


async def _memory(built: Site, full: Path, empty: Path, found: dict[str, list[float]]) -> None:
    """Look at the daemon's memory with a backlog and without, while there is no broker."""
    for name, state in (("empty", empty), ("full", full)):
        path, config = built.config(state=state, port=9)  # discard: nobody listens
        async with daemon(path, config) as one:
            await one.until(lambda status: bool(status["uplink"]["why"]), within_s=60)
            await asyncio.sleep(3)
            found[f"rss {name}"] = [one.rss_mib()]


def _size(state: Path) -> int:
    return sum(file.stat().st_size for file in state.glob("outbox.db*"))


def _table(found: dict[str, list[float]], long_s: int) -> Table:
    short = found["short"]
    hours = long_s / 3600
    whole_min = [DAYS_3_S * 8 / rate / 60 for rate in found["narrow"]]
    table = Table("drain: a backlog of eight devices at 1 Hz, over TLS", "20,000 readings")
    middle = sorted(short)[len(short) // 2]
    table.rows = [
        Row("20,000 readings", short, "readings/s"),
        Row(f"{hours:g} h ({long_s * 8:,} readings), traffic beside it", found["long"], "readings/s", [middle],
            at_least(0.9, of_limit=True)),
        Row("the same", found["long s"], "s", target=at_most(60) if long_s == DAYS_3_S else None),
        Row("fresh alarms meanwhile, p99", found["long ALARM"], "ms", target=at_most(1000)),
        Row("fresh continuous readings meanwhile, p99", found["long CONTINUOUS"], "ms"),
        Row("72 h through 1 Mbit/s, from a part", whole_min, "min", target=at_most(12)),
        Row("the same, bytes both ways", found["narrow bytes"], "B/reading"),
        Row("outbox file", found["file"], "B/reading"),
        Row("RSS of the daemon without backlog", found["rss empty"], "MiB"),
        Row("RSS with it, above that", [found["rss full"][0] - found["rss empty"][0]], "MiB", target=at_most(6)),
    ]  # fmt: skip
    table.notes.append(
        f"Beside the long drain eight devices go on at 1 Hz and an alarm begins or ends {ALARMS_HZ:g} times a second."
        " The backlog is filled at"
        f" {found['fill'][0]:,.0f} readings/s with fsync off. Hub, broker and NOC share the machine."
    )
    return table
