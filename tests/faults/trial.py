"""One home, its NOC and the network between them, to which things happen; and what became of each reading.

Everything is real but the patients: the daemon and the collector as processes, mosquitto, TLS, drivers on ptys.
"""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from hub_agent import config as configuration
from hub_agent.builder import Builder
from hub_agent.clock import SystemClock
from hub_agent.model import Measurement, Reading, ReadingClass, ReceivedReading
from hub_agent.nomenclature import SPO2
from hub_agent.simulate.script import Step
from hub_agent.simulate.serial_devices import VirtualSerial
from tests.broker import Broker
from tests.faults.table import Row, book
from tests.faults.wire import Wire
from tests.integration.site import AS_IT_IS, Daemon, Life, Site, device, noc_options, oximeters, tls_site

HEALED_S = 21.0
"""The promise: what is measured after any single cut has healed, or within it, is charted so soon after."""
_DEVICES = 6
_SETTLE_S = 2.0


@dataclass
class Trial:
    """A running site.

    Attributes:
        site: its files and processes.
        broker: between hub and NOC.
        wire: between hub and broker.
        daemon: the hub.
        devices: the virtual ones.
        seeded: readings that lay in the outbox before the start.
        injected: how often something went wrong.
        outages: (from, to) of each trouble, seconds since the boot.
        stored: live readings that the hub has stored, known at the end.
    """

    site: Site
    broker: Broker
    wire: Wire
    daemon: Daemon
    devices: list[VirtualSerial]
    seeded: int = 0
    injected: int = 0
    outages: list[tuple[float, float]] = field(default_factory=list)
    stored: int = 0

    @contextlib.asynccontextmanager
    async def trouble(self) -> AsyncIterator[None]:
        """Book what is inside as one outage; it is healed when the context ends."""
        clock = SystemClock()
        began_s = clock.monotonic_s()
        self.injected += 1
        try:
            yield
        finally:
            self.outages.append((began_s, clock.monotonic_s()))

    async def deliver(self, seconds: float) -> None:
        """Let everything work for a while, and until nothing is owed from before: what breaks next is a single cut."""
        await asyncio.sleep(seconds)
        now_ms = SystemClock().monotonic_s() * 1000
        await self.site.until(lambda: self._has_all_since(now_ms), within_s=80)

    def _has_all_since(self, at_ms: float) -> bool:
        """Say whether the NOC has something measured later, and nothing is missing before what it has."""
        with contextlib.closing(sqlite3.connect(self.site.store)) as db:
            (newest_ms,) = db.execute("SELECT coalesce(max(monotonic_ms), 0) FROM readings").fetchone()
            (stretches,) = db.execute("SELECT count(*) FROM ranges").fetchone()
        return bool(newest_ms >= at_ms and stretches == 1)

    async def finish(self) -> None:
        """Let the devices fall silent, and wait until everything that they said is charted."""
        for one in self.devices:
            one.act(Step(0.0, "", "silent"))
        await asyncio.sleep(_SETTLE_S)
        status = await self.site.until_drained()
        self.stored = status["intake"]["stored"]

    # --- what became of it --------------------------------------------------------------------------------------------

    def delays_s(self, cls: ReadingClass | None = None, within: tuple[float, float] | None = None) -> list[float]:
        """How long each live reading took to the chart, counted from its outage's end where there was one.

        The hub's monotonic clock says when it was, whatever the wall clock does meanwhile: both are of one boot here.

        Args:
            cls: only events of this class, in place of readings.
            within: only those of this time, seconds since the boot.
        """
        with contextlib.closing(sqlite3.connect(self.site.store)) as db:
            if cls is None:
                rows = db.execute(
                    "SELECT r.monotonic_ms, b.received_ms FROM readings r JOIN batches b ON b.id = r.batch "
                    "WHERE r.device != 'seed'"
                ).fetchall()
            else:
                rows = db.execute(
                    "SELECT e.monotonic_ms, b.received_ms FROM events e JOIN batches b ON b.id = e.batch "
                    "WHERE e.kind = 'alarm' AND b.class = ?",
                    (int(cls),),
                ).fetchall()
        stamp = SystemClock().stamp()
        booted_s = (stamp.wall_ns - stamp.monotonic_ns) / 1e9
        times = [(at_ms / 1000, charted_ms / 1000 - booted_s) for at_ms, charted_ms in rows]
        return [self._delay_s(*one) for one in times if within is None or within[0] <= one[0] <= within[1]]

    def _delay_s(self, at_s: float, charted_s: float) -> float:
        healed_s = max((end_s for began_s, end_s in self.outages if began_s - 1 <= at_s <= end_s), default=at_s)
        return charted_s - max(at_s, healed_s)

    def reckon(self, fault: str) -> None:
        """Book the row of the table, and hold the promises: nothing lost, nothing twice, fresh in time.

        A device knows what it sent while the hub was plainly listening, the hub what it stored: all of both is charted.
        """
        emitted = sum(one.emitted for one in self.devices)
        charted, twice = self._charted()
        worst_s = max(self.delays_s())
        lost = max(emitted, self.stored) - (charted - self.seeded - twice)
        readings = self.stored + self.seeded
        book(Row(fault, self.injected, readings, max(0, lost), twice, worst_s, "healed → charted"))
        assert emitted <= self.stored
        assert charted == readings
        assert twice == 0
        assert worst_s <= HEALED_S
        assert self.site.faults() == []

    def _charted(self) -> tuple[int, int]:
        """Count the readings in the chart, and those that came in two batches."""
        with contextlib.closing(sqlite3.connect(self.site.store)) as db:
            (charted,) = db.execute("SELECT count(*) FROM readings").fetchone()
            (once,) = db.execute(
                "SELECT total(least) FROM (SELECT max(n) AS least FROM (SELECT count(*) AS n, device, boot, "
                "monotonic_ms, measurements FROM readings GROUP BY batch, device, boot, monotonic_ms, measurements) "
                "GROUP BY device, boot, monotonic_ms, measurements)"
            ).fetchone()
        return charted, charted - int(once)

    async def until_event(self, kind: str, **fields: object) -> None:
        """Wait until the NOC has an event."""
        await self.site.until(lambda: any(fields.items() <= event.items() for event in self.site.events(kind)))


async def seed(site: Site, batches: int, each: int) -> int:
    """Fill the hub's outbox, before it runs, as an outage would; give how many readings lie there."""
    config = configuration.load(site.config)
    clock = SystemClock()
    config.hub.state_dir.mkdir(mode=0o700, exist_ok=True)  # nobody else is at work there yet
    outbox = Builder(config, clock).outbox()
    values = [Measurement(SPO2, "%", value) for value in _values()]
    stamp = clock.stamp()
    try:
        for number in range(batches):
            await outbox.commit({ReadingClass.CONTINUOUS: [
                ReceivedReading(
                    "seed",
                    Reading(ReadingClass.CONTINUOUS, (values[(number * each + i) * 7919 % len(values)],)),
                    stamp._replace(monotonic_ns=stamp.monotonic_ns - 10**6 * (number * each + i + 1)),
                )
                for i in range(each)
            ]})  # fmt: skip
    finally:
        await outbox.close()
    return batches * each


def _values() -> list[Decimal]:
    return [Decimal(number) / 1000 for number in range(70_000, 100_000)]  # as random as it takes not to be compressed


@contextlib.asynccontextmanager
async def trial(
    here: Path,
    broker: Broker,
    more: str = "",
    *,
    before: Callable[[Site], Awaitable[int]] | None = None,
    noc: bool = True,
    around: Life = AS_IT_IS,
    host: str = "127.0.0.1",
) -> AsyncIterator[Trial]:
    """Run a site whose six oximeters give a reading a second each; afterwards everything is charted.

    Args:
        here: an empty directory.
        broker: runs.
        more: of the configuration.
        before: fills the outbox, and says with how many readings.
        noc: whether the collector runs all the time; False: the trial starts it itself.
        around: what the daemon finds around it.
        host: the broker's name to the hub.
    """
    ports = [here / f"bed-{number}" for number in range(_DEVICES)]
    more = "[commit]\ncontinuous_s = 0.5\n" + more + "".join(device(port.name, port, form=8) for port in ports)
    async with contextlib.AsyncExitStack() as stack:
        wire = await stack.enter_async_context(Wire(broker.port).serving())
        site = tls_site(here, broker, wire.port, more)
        site.config.write_text(site.config.read_text().replace('host = "127.0.0.1"', f'host = "{host}"'))
        seeded = await before(site) if before else 0
        if noc:
            await stack.enter_async_context(site.collecting(*noc_options(broker)))
        devices = await stack.enter_async_context(oximeters(ports))
        daemon = await stack.enter_async_context(site.daemon(around))
        running = Trial(site, broker, wire, daemon, devices, seeded)
        await site.until(lambda: b"uplink_up" in daemon.said)
        yield running
        assert daemon.process.returncode is None, daemon.said.decode()
        assert await daemon.stop() == 0
