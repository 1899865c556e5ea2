"""Area *fleet*: simulated hubs against one broker and one collector, up to where it saturates."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import count, islice
from typing import Final

from hub_agent import identity, mqtt, seal
from hub_agent.envelope import digest
from hub_agent.errors import DeliveryError
from hub_agent.model import ReadingClass
from hub_agent.noc.keyring import Keyring
from hub_agent.noc.store import Store
from hub_agent.topics import Topics
from hub_agent.wire import encode
from scripts.benchlib.area import Effort
from scripts.benchlib.figures import Row, Table
from scripts.benchlib.readings import history
from scripts.benchlib.site import CLOCK, Site, cpu_s, rss_mib, site
from tests.broker import INTRUDER

SIZES: Final = (100, 500, 1000, 2000)
"""Hubs that each deliver one batch of eight readings a second."""
_PER_HUB: Final = 8


@dataclass
class SimulatedHub:
    """A hub as the NOC sees it: an epoch, then a batch a second, chained, sealed and signed."""

    name: str
    epoch: bytes = b""
    batches: list[bytes] = field(default_factory=list)

    def prepare(self, built: Site, keys: Sequence[seal.Recipient], seconds: int) -> None:
        """Make what it is going to say."""
        sealer = seal.Sealer(
            self.name, self.name.encode().ljust(16, b"-"), identity.load(built.here / f"{self.name}.pem"), keys
        )
        epoch = sealer.open_epoch(CLOCK.stamp().wall_ns)
        self.epoch, link = epoch.record, bytes(16)
        for seq, rows in enumerate(history(CLOCK.stamp(), seconds), 1):
            envelope = sealer.seal(epoch, seq, ReadingClass.CONTINUOUS, len(rows), link, encode(rows))
            self.batches.append(envelope)
            link = digest(envelope)


async def _say(link: mqtt.Link, hubs: Sequence[SimulatedHub], seconds: int) -> float:
    """Publish each hub's batch of each second, evenly; give for how long."""
    began = time.perf_counter()
    gap_s = 1 / len(hubs)
    for second in range(seconds):
        for number, hub in enumerate(hubs):
            late_s = second + number * gap_s - (time.perf_counter() - began)
            if late_s > 0.005:  # noqa: PLR2004 - a timer's grain
                await asyncio.sleep(late_s)
            answered = link.publish(Topics(hub.name).live, hub.batches[second])
            del answered  # what counts is what the NOC charts
        await asyncio.sleep(0)
    return time.perf_counter() - began


def _charted(built: Site) -> int:
    with Store(built.here / "noc.db") as store:
        return int(store.chart.counts()["readings"])


async def _step(built: Site, link: mqtt.Link, hubs: Sequence[SimulatedHub], found: dict[str, float]) -> None:
    recipients = [
        seal.Recipient(who.kid, who.suite, who.key()) for who in Keyring.open(built.here / "noc").trust.recipients
    ]
    for hub in hubs:
        hub.prepare(built, recipients, _PER_HUB)
    for hub in hubs:
        await link.publish(Topics(hub.name).keys, hub.epoch)
    await asyncio.sleep(1.0)
    before, noc, broker = _charted(built), cpu_s(built.collector_pid), cpu_s(built.broker_pid)
    took_s = await _say(link, hubs, _PER_HUB)
    at_once = _charted(built) - before
    offered = len(hubs) * _PER_HUB * 8
    for _ in range(300):
        if _charted(built) - before >= offered:
            break
        await asyncio.sleep(0.1)
    messages = len(hubs) * _PER_HUB
    found["in time"] = at_once / offered * 100
    found["rate"] = at_once / took_s
    found["noc cpu"] = (cpu_s(built.collector_pid) - noc) / messages * 1e6
    found["broker cpu"] = (cpu_s(built.broker_pid) - broker) / messages * 1e6
    found["noc share"] = found["noc cpu"] * messages / took_s / 1e4
    found["rss"] = rss_mib(built.collector_pid)


def measure(effort: Effort) -> Table:
    """Measure rising numbers of hubs."""
    table = Table("fleet: hubs of eight devices at 1 Hz against one broker and one collector")
    numbers = count(1)

    async def run() -> None:
        names = [f"hub-{number:05d}" for number in range(1, sum(SIZES) + 1)]
        async with (
            site(effort.scratch / "site", hubs=names) as built,
            built.collecting(),
            mqtt.connect(_load(built)) as link,
        ):
            for size in SIZES[:2] if effort.quick else SIZES:
                found: dict[str, float] = {}
                hubs = [SimulatedHub(f"hub-{number:05d}") for number in islice(numbers, size)]
                try:
                    await _step(built, link, hubs, found)
                except DeliveryError:
                    table.notes.append(f"At {size} hubs the load's own connections broke.")
                    break
                table.rows += [
                    Row(f"{size} hubs: charted as fast as said", [found["in time"]], "%"),
                    Row(f"{size} hubs: charted", [found["rate"]], "readings/s"),
                    Row(f"{size} hubs: collector, CPU a batch of 8", [found["noc cpu"]], "µs"),
                    Row(f"{size} hubs: collector, share of one core", [found["noc share"]], "%"),
                    Row(f"{size} hubs: broker, CPU a batch", [found["broker cpu"]], "µs"),
                    Row(f"{size} hubs: collector, RSS", [found["rss"]], "MiB"),
                ]

    asyncio.run(run())
    table.notes.append(
        "Each hub says one sealed batch of eight readings a second, over one TLS connection that speaks for all"
        " of them; a broker with a connection for each hub adds 16 KiB of memory and a handshake of some 0.5 ms a"
        " hub. The model for more hubs: `docs/scale.md`."
    )
    return table


def _load(built: Site) -> mqtt.Profile:
    """Make the one connection that may speak for any hub, with a window for many."""
    if built.tls is None:
        raise RuntimeError("the fleet speaks TLS")
    return replace(built.tls.profile(INTRUDER, clean=True), window=4000)
