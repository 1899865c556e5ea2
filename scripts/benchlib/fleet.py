"""Area *fleet*: simulated hubs against one broker and one collector, up to where it saturates; and what more need."""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from itertools import islice
from typing import Any, Final

from hub_agent import mqtt
from hub_agent.errors import DeliveryError
from scripts.benchlib import fleet_model
from scripts.benchlib.area import Effort
from scripts.benchlib.figures import Row, Table, number
from scripts.benchlib.fleet_load import SimulatedHub, confirmations, introduce, prepared, talk, weigh_connections
from scripts.benchlib.site import Site, cpu_s, rss_mib, site
from tests.broker import INTRUDER

SIZES: Final = (100, 500, 1000, 2000, 4000)
"""Hubs that each deliver one batch of eight readings a second, until they are too many."""
FLEETS: Final = (1000, 10_000, 100_000)
_SECONDS: Final = 6
_IN_TIME: Final = 90.0
"""Percent charted when the last is said: what is on its way then is no delay."""
_BUSY: Final = 80.0
_RETURNING: Final = 20
_MINUTES: Final = 10
_CONNECTIONS: Final = 200

Found = dict[str, float]


@dataclass(frozen=True, slots=True)
class Fleet:
    """The measured table and the model.

    Attributes:
        table: what was measured.
        costs: what follows from it.
    """

    table: Table
    costs: fleet_model.Costs

    def markdown(self) -> str:
        """Give both."""
        return f"{self.table.markdown()}\n{fleet_model.markdown(self.costs, FLEETS)}\n"

    def plain(self) -> dict[str, Any]:
        """Give both for programs."""
        return self.table.plain() | {"model": [asdict(fleet_model.demand(self.costs, hubs)) for hubs in FLEETS]}


def _charted(built: Site) -> int:
    """Count readings without taking the collector's store from it: none is ever deleted here."""
    with closing(sqlite3.connect(f"file:{built.here / 'noc.db'}?mode=ro", uri=True)) as db:
        return int(db.execute("SELECT coalesce(max(rowid), 0) FROM readings").fetchone()[0])


async def _said(built: Site, link: mqtt.Link, hubs: list[SimulatedHub], readings: int, every_s: float) -> Found:
    """Let hubs talk, wait until all is charted; give what it took."""
    await introduce(link, hubs)
    await asyncio.sleep(1.0)
    before, noc, broker, own = _charted(built), cpu_s(built.collector_pid), cpu_s(built.broker_pid), cpu_s()
    took_s = await talk(link, hubs, every_s)
    at_once, own_s = _charted(built) - before, cpu_s() - own
    for _ in range(300):
        if _charted(built) - before >= readings:
            break
        await asyncio.sleep(0.1)
    messages = sum(len(hub.batches) for hub in hubs)
    used_s, broker_s = cpu_s(built.collector_pid) - noc, cpu_s(built.broker_pid) - broker
    return {
        "in time": at_once / readings * 100,
        "rate": at_once / took_s,
        "noc cpu": used_s / messages * 1e6,
        "broker cpu": broker_s / messages * 1e6,
        "noc share": used_s / took_s * 100,
        "broker share": broker_s / took_s * 100,
        "load share": own_s / took_s * 100,
        "rss": rss_mib(built.collector_pid),
        "bytes": sum(len(batch) for hub in hubs for batch in hub.batches) / messages,
    }


async def _rising(
    built: Site, link: mqtt.Link, names: Iterator[str], sizes: tuple[int, ...], table: Table
) -> list[Found]:
    steps: list[Found] = []
    for size in sizes:
        hubs = await asyncio.to_thread(prepared, built, list(islice(names, size)), _SECONDS)
        try:
            found = await _said(built, link, hubs, size * _SECONDS * 8, 1.0)
        except DeliveryError:
            table.notes.append(f"**At {size:,} hubs the load's own connection broke; what is above is not the limit.**")
            break
        steps.append(found)
        table.rows += _rows(size, found)
        if found["in time"] < _IN_TIME:
            table.notes.append(_verdict(size, found))
            break
    else:
        table.notes.append(f"{sizes[-1]:,} hubs do not saturate it.")
    return steps


def _rows(size: int, found: Found) -> list[Row]:
    shares = f"{number(found['noc share'])} · {number(found['broker share'])} · {number(found['load share'])} %"
    return [
        Row(f"{size:,} hubs: charted as fast as said", [found["in time"]], "%"),
        Row(f"{size:,} hubs: charted meanwhile", [found["rate"]], "readings/s"),
        Row(f"{size:,} hubs: CPU of a batch of 8, collector", [found["noc cpu"]], "µs"),
        Row(f"{size:,} hubs: CPU of a batch of 8, broker", [found["broker cpu"]], "µs"),
        Row(f"{size:,} hubs: share of a core: collector · broker · load", [found["noc share"]], "%", shown=shares),
        Row(f"{size:,} hubs: RSS of the collector", [found["rss"]], "MiB"),
    ]


def _verdict(size: int, found: Found) -> str:
    names = {"noc share": "the collector", "broker share": "the broker", "load share": "the load itself"}
    busiest = max(names, key=lambda key: found[key])
    why = (
        f"{names[busiest]} needs {number(found[busiest])} % of a core for what comes"
        if found[busiest] >= _BUSY
        else "no process is at its end; the disk, or something else on this machine, is"
    )
    late = f"{number(found['in time'])} % is charted when the last is said, the rest waits at the broker"
    return f"At {size:,} hubs it is saturated: {why}; {late}."


def measure(effort: Effort) -> Fleet:
    """Measure rising numbers of hubs, some that return with a backlog, and bare connections."""
    table = Table("fleet: hubs of eight devices at 1 Hz against one broker and one collector")
    sizes = SIZES[:2] if effort.quick else SIZES
    costs: list[fleet_model.Costs] = []

    async def run() -> None:
        names = [f"hub-{number:05d}" for number in range(sum(sizes) + _RETURNING)]
        async with (
            site(effort.scratch / "site", hubs=names) as built,
            built.collecting(),
            mqtt.connect(_load(built)) as link,
        ):
            unused = iter(names)
            back = await asyncio.to_thread(prepared, built, list(islice(unused, _RETURNING)), _MINUTES, 60)
            with confirmations(built) as confirmed:
                returned = await _said(built, link, back, _RETURNING * _MINUTES * 480, 0.01)
                steps = await _rising(built, link, unused, sizes, table)
            if not confirmed:
                table.notes.append("**mosquitto_sub is not installed: the broker handed out no confirmations.**")
            handshake_us, kib = await asyncio.to_thread(weigh_connections, built, _CONNECTIONS)
            costs.append(_costs(steps[-1], returned, handshake_us, kib))

    asyncio.run(run())
    table.rows += [
        Row("a batch of a minute (480 readings): CPU, collector", [costs[0].backlog_us], "µs"),
        Row(f"a TLS connection, of {_CONNECTIONS}: CPU, broker", [costs[0].handshake_us], "µs"),
        Row("the same: memory, broker", [costs[0].connection_kib], "KiB"),
    ]
    table.notes.append(
        "Each hub says one sealed batch of eight readings a second, over one TLS connection that speaks for all of"
        " them; another takes all confirmations. The load shares the machine. The table on paper takes the costs of the"
        f" largest fleet above, {fleet_model.MESSAGES_S:g} messages a hub and second, and collectors that use at most"
        f" {fleet_model.LOADED:.0%} of a core while all is well."
    )
    return Fleet(table, costs[0])


def _costs(last: Found, returned: Found, handshake_us: float, kib: float) -> fleet_model.Costs:
    return fleet_model.Costs(
        collector_us=last["noc cpu"],
        backlog_us=returned["noc cpu"],
        broker_us=last["broker cpu"],
        handshake_us=handshake_us,
        connection_kib=kib,
        batch_bytes=last["bytes"],
        backlog_bytes=returned["bytes"],
    )


def _load(built: Site) -> mqtt.Profile:
    """Make the one connection that may speak for any hub, with a window for many."""
    if built.tls is None:
        raise RuntimeError("the fleet speaks TLS")
    return replace(built.tls.profile(INTRUDER, clean=True), window=4000)
