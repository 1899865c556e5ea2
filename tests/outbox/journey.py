"""A hub's outbox and forwarder on one side, the NOC's intake on the other, and nothing but memory between them."""

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

from hub_agent.clock import Clock
from hub_agent.delivery import Policy
from hub_agent.envelope import Confirmation, sign_confirmation
from hub_agent.errors import DeliveryError
from hub_agent.forwarder import Forwarder
from hub_agent.model import Measurement, Reading, ReadingClass, ReceivedReading
from hub_agent.mqtt import Message
from hub_agent.noc.intake import Intake
from hub_agent.noc.lines import Charted, Fault
from hub_agent.noc.store import Store as NocStore
from hub_agent.nomenclature import SPO2
from hub_agent.outbox.box import LocalBox
from hub_agent.outbox.outbox import UNBOUNDED, Outbox
from hub_agent.outbox.quota import Limits
from hub_agent.outbox.rows import Written
from hub_agent.outbox.store import Store
from hub_agent.outbox.writer import Confirmed
from hub_agent.seal import Sealer
from hub_agent.topics import Topics
from hub_agent.wire import Event, Item
from tests.noc.ends import CONFIRM_KEY
from tests.rooms import HUB, IDENTITY, JOURNAL, NOC_KEY, RECIPIENT

BOX = LocalBox(IDENTITY)


def reading(number: int, clock: Clock, cls: ReadingClass = ReadingClass.CONTINUOUS) -> ReceivedReading:
    """Make a reading that is like no other: its value is its number."""
    measurement = Measurement(SPO2, "%", Decimal(number))
    return ReceivedReading("oximeter", Reading(cls, (measurement,)), clock.stamp())


def number_of(item: Item) -> int:
    """Read it back."""
    assert isinstance(item, ReceivedReading)
    value = item.reading.measurements[0].value
    assert value is not None
    return int(value)


class Noc:
    """The other end, without a broker.

    Attributes:
        opened: those whose store is open; each test's are closed behind it.
    """

    opened: ClassVar["list[Noc]"] = []

    def __init__(self, path: Path) -> None:
        self.path = path
        self.opened.append(self)
        self.open()
        with self.store.transaction():
            self.store.hubs.add(HUB, IDENTITY.public_key(), 0)
        self.charted: list[Charted] = []
        self.faults: list[Fault] = []

    def open(self) -> None:
        """Open the store that lies there."""
        self.store = NocStore(self.path)
        self.intake = Intake(self.store, {RECIPIENT.kid: NOC_KEY})

    def take(self, topic: str, payload: bytes) -> list[Confirmation]:
        """Take one message; give what the hub must be told."""
        outcome = self.intake.take([Message(topic, payload, False, 0)], 0)
        self.charted += outcome.charted
        self.faults += outcome.faults
        return [
            Confirmation(
                hub,
                0,
                tuple(word.confirmed),
                tuple(word.wanted),
                tuple((epoch, seq, code) for (epoch, seq), code in word.refused.items()),
            )
            for hub, word in outcome.words.items()
        ]

    def numbers(self) -> list[int]:
        """The readings charted, in the order of charting."""
        return [number_of(one.item) for one in self.charted if isinstance(one.item, ReceivedReading)]

    def events(self, kind: str) -> list[Event]:
        """The events charted of one kind."""
        return [one.item for one in self.charted if isinstance(one.item, Event) and one.item.kind == kind]


class Line:
    """What the forwarder takes for a link: gives every message to the NOC at once, while it is up.

    Args:
        noc: the other end.
    """

    def __init__(self, noc: Noc) -> None:
        self.noc = noc
        self.closed: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.said: list[Confirmation] = []
        self.published: list[tuple[str, bytes]] = []

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> "asyncio.Future[Any]":
        del retain
        self.published.append((topic, payload))
        self.said += self.noc.take(topic, payload)
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        future.set_result(None)
        return future

    def lose(self, why: str) -> None:
        if not self.closed.done():
            self.closed.set_result(why)


@dataclass
class Hub:
    """An outbox with its forwarder, that can be dropped and opened again."""

    path: Path
    clock: Clock
    limits: Limits = UNBOUNDED
    outbox: Outbox = field(init=False)
    forwarder: Forwarder = field(init=False)

    def __post_init__(self) -> None:
        self.open()

    def open(self) -> None:
        """Open the file as a new process does."""
        store = Store(self.path, JOURNAL)
        try:
            self.outbox = Outbox(
                store, lambda journal: Sealer(HUB, journal, IDENTITY, [RECIPIENT]), BOX, self.clock, self.limits
            )
        except BaseException:
            store.close()
            raise
        self.forwarder = Forwarder(
            self.outbox,
            Topics(HUB),
            [CONFIRM_KEY.public_key()],
            Policy(),
            self.clock,
            lambda _code, _fields: None,
            lambda _trouble, _active: None,
        )

    async def die(self) -> None:
        """End as a killed process does: what is committed is committed, and nothing is tidied up."""
        await self.outbox.run(Store.close)
        self.outbox._hand.end()

    async def commit(self, items: Iterable[Item], cls: ReadingClass = ReadingClass.CONTINUOUS) -> None:
        """Commit one batch."""
        self.forwarder.offer(await self.outbox.commit({cls: [*items]}))

    async def shed(self, wanted: int = 500) -> None:
        """Make room as where there is none: the oldest that waits goes, with a gap record."""

        def work(confirmed: Confirmed) -> Written:
            done = Written()
            self.outbox._writer._let_go(done, confirmed)
            self.outbox._writer.shed(wanted, done, confirmed)
            return done

        self.forwarder.offer((await self.outbox._write(work)).committed)

    async def drain(self, noc: Noc, *, confirm: bool = True) -> Line:
        """Be connected until nothing more can be sent; with ``confirm``, until all of it is confirmed."""
        line = Line(noc)
        async with asyncio.TaskGroup() as tasks:
            sending = tasks.create_task(self._send(line))
            sent, quiet = -1, 0
            while quiet < (100 if confirm and self.waiting()[0] else 2):  # 20 s: twice the time to send again
                await asyncio.sleep(0.2)
                self._hear(line, confirm=confirm)
                quiet = quiet + 1 if len(line.published) == sent else 0
                sent = len(line.published)
            line.lose("the test is done")
            await sending
        return line

    async def _send(self, line: Line) -> None:
        with suppress(DeliveryError):
            await self.forwarder.run(line)

    def _hear(self, line: Line, *, confirm: bool) -> None:
        said, line.said = line.said, []
        for word in said if confirm else ():
            message = sign_confirmation(word, CONFIRM_KEY)
            self.forwarder.confirmation(Message(Topics(HUB).confirm, message, False, 0))

    def waiting(self) -> Sequence[int]:
        """Batches, items and numbers that wait, over all classes."""
        return [sum(figures) for figures in zip(*self.outbox.tallies.values(), strict=True)]

    def health(self) -> dict[str, Any]:
        """The part of a heartbeat by which the NOC looks for gaps."""
        tallies = self.outbox.tallies
        return {
            "storage": {
                "journal": self.outbox.journal.hex(),
                "last_seq": self.outbox.last_seq,
                "chain": self.outbox.chain.hex(),
            },
            "delivery": {"waiting": {cls.name.lower(): {"numbers": tallies[cls].numbers} for cls in ReadingClass}},
        }
