"""What a device kept while nobody listened: charted and marked, once, and never taken for what is true now."""

import asyncio
import sqlite3
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from hub_agent.alarms.book import AlarmBook
from hub_agent.alarms.device_watch import Cadence
from hub_agent.alarms.limits import Limit, Priority
from hub_agent.envelope import parse_batch
from hub_agent.intake import Intake
from hub_agent.model import DeviceTime, Measurement, Reading, ReadingClass, ReceivedReading
from hub_agent.mqtt import Message
from hub_agent.noc.intake import Intake as NocIntake
from hub_agent.noc.lines import line
from hub_agent.noc.outcome import Outcome
from hub_agent.noc.store import Store
from hub_agent.nomenclature import SPO2
from hub_agent.outbox.outbox import Committed, Outbox
from hub_agent.reporter import to_wire
from hub_agent.topics import Topics
from tests.rooms import HUB, IDENTITY, NOC_KEY, open_outbox
from tests.virtual import LoopClock, virtual_time

_TOPICS = Topics(HUB)


class _Way:
    """From the intake to the chart: everything but the network."""

    def __init__(self, here: Path) -> None:
        self.clock = LoopClock()
        self.book = AlarmBook(
            [Limit(SPO2, "%", Decimal(90), None, priority=Priority.HIGH)],
            {"oximeter": Cadence(None)},
            self.clock.stamp(),
        )
        self.outbox: Outbox = open_outbox(here / "outbox.db", self.clock)
        self.committed: list[Committed] = []
        self.intake = Intake(
            self.outbox,
            self.book,
            self.clock,
            to_wire=to_wire,
            announce=lambda _events: None,
            offer=self.committed.extend,
        )
        self.store = Store(here / "noc.db")
        with self.store.transaction():
            self.store.hubs.add(HUB, IDENTITY.public_key(), 0)
        self.noc = NocIntake(self.store, {"noc-1": NOC_KEY})

    async def take(self, spo2: str, *, at: datetime | None = None) -> None:
        """Take a reading in: live, or from the device's memory, where it was measured then."""
        measured = None if at is None else DeviceTime(at)
        values = (Measurement(SPO2, "%", Decimal(spo2)),)
        reading = Reading(ReadingClass.CONTINUOUS, values, measured=measured, stored=at is not None)
        add = self.intake.take("oximeter", reading, self.clock.stamp())
        if at is None:
            await add
            await self.intake.drain()
            return
        async with asyncio.TaskGroup() as tasks:
            waiting = tasks.create_task(add)  # returns when it is durable, which somebody must make it
            while not waiting.done():
                await asyncio.sleep(0)
                await self.intake.drain()

    def chart(self, batches: list[Committed]) -> Outcome:
        """Let the NOC have batches, in this order."""
        epochs = {parse_batch(batch.envelope).header.epoch for batch in batches}
        keys = [self.outbox.epoch_record(epoch) for epoch in epochs]
        messages = [Message(_TOPICS.keys, key, retained=False, mid=1) for key in keys if key is not None]
        messages += [Message(_TOPICS.backlog, batch.envelope, retained=False, mid=1) for batch in batches]
        return self.noc.take(messages, self.clock.stamp().wall_ns // 1_000_000)

    async def close(self) -> None:
        """End both."""
        await self.outbox.close()
        self.store.close()

    def newest(self) -> list[tuple[str, str]]:
        """The NOC's newest values: (device, JSON number)."""
        db = sqlite3.connect(self.store.path)
        try:
            return db.execute("SELECT device, value FROM newest").fetchall()
        finally:
            db.close()


@virtual_time
async def test_a_backfill_never_displaces_the_newest_value(tmp_path: Path) -> None:
    way = _Way(tmp_path)
    await way.take("97.0")
    await way.take("84", at=datetime(2026, 11, 22, 3))  # noqa: DTZ001 - a device's own clock
    outcome = way.chart(way.committed)
    assert way.newest() == [("oximeter", "97.0")]
    marked = [line(charted) for charted in outcome.charted]
    assert [('"stored":true' in text, '"late":true' in text) for text in marked] == [(False, False), (True, True)]
    assert way.book.alarms() == ()  # 84 % of this night is no alarm of now
    await way.close()


@virtual_time
async def test_what_waited_in_the_outbox_does_not_displace_it_either(tmp_path: Path) -> None:
    way = _Way(tmp_path)
    await way.take("95")
    old = list(way.committed)
    await asyncio.sleep(3600)
    await way.take("98")
    way.chart(way.committed[len(old) :])
    way.chart(old)  # fresh first: the backlog comes after
    assert way.newest() == [("oximeter", "98")]
    await way.close()


@virtual_time
async def test_a_record_that_is_sent_again_is_charted_once(tmp_path: Path) -> None:
    way = _Way(tmp_path)
    for _ in range(3):
        await way.take("93", at=datetime(2026, 11, 22, 3))  # noqa: DTZ001 - a device's own clock
    outcome = way.chart(way.committed)
    assert [isinstance(charted.item, ReceivedReading) for charted in outcome.charted] == [True]
    assert way.intake.counts.repeated == 2
    await way.close()
