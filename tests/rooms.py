"""An outbox with its keys, for tests of what stands before and behind it."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hub_agent import wire
from hub_agent.alarms.alarm import AlarmEvent
from hub_agent.alarms.book import AlarmBook
from hub_agent.alarms.device_watch import Cadence
from hub_agent.alarms.limits import Limit, Priority
from hub_agent.clock import Clock
from hub_agent.envelope import parse_batch, parse_epoch
from hub_agent.errors import FullError
from hub_agent.intake import Intake
from hub_agent.model import Absent, Code, DeviceTime, Measurement, Reading, ReadingClass, ReceivedReading
from hub_agent.nomenclature import PULSE_RATE_OXIMETER, SPO2, SYSTOLIC
from hub_agent.outbox.box import LocalBox
from hub_agent.outbox.outbox import Committed, Outbox
from hub_agent.outbox.store import Change, Gone, Store
from hub_agent.reporter import to_wire
from hub_agent.seal import CLASSIC, Recipient, Sealer, open_epoch
from hub_agent.wire import Event, Item
from tests.opening import open_batch

HUB = "hub-0001"
JOURNAL = bytes(range(16))
IDENTITY = Ed25519PrivateKey.from_private_bytes(bytes(32))
NOC_KEY = X25519PrivateKey.from_private_bytes(bytes(range(32)))
RECIPIENT = Recipient("noc-1", CLASSIC, NOC_KEY.public_key())


def spo2(value: int | str | None, *, cls: ReadingClass = ReadingClass.CONTINUOUS) -> Reading:
    """A live reading of an oximeter; None: the value is missing."""
    if value is None:
        return Reading(cls, (Measurement(SPO2, "%", None, Absent.ERROR),))
    return Reading(
        cls, (Measurement(SPO2, "%", Decimal(value)), Measurement(Code(PULSE_RATE_OXIMETER), "/min", Decimal(61)))
    )


def pressure(value: int, *, record: int | None = None, measured: DeviceTime | None = None) -> Reading:
    """A blood pressure, as its device keeps and sends it."""
    return Reading(
        ReadingClass.EPISODIC, (Measurement(SYSTOLIC, "mm[Hg]", Decimal(value)),), record=record, measured=measured
    )


class Crammed(Store):
    """A store with room or without.

    Attributes:
        full: whether it takes nothing.
    """

    full = False

    def apply(self, change: Change) -> list[Gone]:
        """Take a change, where there is room."""
        if self.full and change != Change():
            raise FullError("the outbox is full, and nothing in it may be shed")
        return super().apply(change)


def open_outbox(path: Path, clock: Clock, store: type[Store] = Store) -> Outbox:
    """Open the outbox in a file, as a process does when it starts."""
    return Outbox(
        store(path, JOURNAL), lambda journal: Sealer(HUB, journal, IDENTITY, [RECIPIENT]), LocalBox(IDENTITY), clock
    )


def opened(outbox: Outbox, batches: Iterable[Committed]) -> list[Item]:
    """Open batches as the NOC does, all their items in order."""
    items: list[Item] = []
    for committed in batches:
        batch = parse_batch(committed.envelope)
        record = outbox.epoch_record(batch.header.epoch)
        assert record is not None
        key = open_epoch(parse_epoch(record), IDENTITY.public_key(), {RECIPIENT.kid: NOC_KEY})
        items += wire.decode(open_batch(batch, IDENTITY.public_key(), AESGCM(key)))
    return items


@dataclass
class Room:
    """An intake between its outbox and the alarm book, and what it gave away.

    Attributes:
        announced: alarm events, as the annunciator got them.
        offered: batches, as the forwarder got them, commit by commit.
        trail: ``announced`` and ``offered`` in the order in which they happened.
        given: set when something is offered.
    """

    outbox: Outbox
    clock: Clock
    limits: tuple[Limit, ...] = ()
    devices: dict[str, Cadence] = field(default_factory=dict)
    announced: list[AlarmEvent] = field(default_factory=list)
    offered: list[list[Committed]] = field(default_factory=list)
    trail: list[str] = field(default_factory=list)
    given: asyncio.Event = field(default_factory=asyncio.Event)
    book: AlarmBook = field(init=False)
    intake: Intake = field(init=False)

    def __post_init__(self) -> None:
        self.book = AlarmBook(self.limits, self.devices, self.clock.stamp())
        self.intake = Intake(
            self.outbox,
            self.book,
            self.clock,
            to_wire=to_wire,
            announce=self._announce,
            offer=self._offer,
        )

    def _announce(self, events: Any) -> None:  # noqa: ANN401 - the intake's word for them
        self.announced += events
        self.trail.append("announced")

    def _offer(self, batches: list[Committed]) -> None:
        self.offered.append(batches)
        self.trail.append("offered")
        self.given.set()

    async def take(self, reading: Reading, device: str = "oximeter") -> bool:
        """Take a reading that arrived now."""
        return await self.intake.take(device, reading, self.clock.stamp())

    def items(self) -> list[Item]:
        """What was offered, opened."""
        return opened(self.outbox, [batch for batches in self.offered for batch in batches])

    def readings(self) -> list[ReceivedReading]:
        """Those of ``items`` that are readings."""
        return [item for item in self.items() if isinstance(item, ReceivedReading)]

    def events(self) -> list[Event]:
        """Those of ``items`` that are events."""
        return [item for item in self.items() if isinstance(item, Event)]


def limit(low: int = 90, *, delay_s: float = 0.0) -> Limit:
    """A low limit for the saturation."""
    return Limit(measure=SPO2, unit="%", low=Decimal(low), high=None, delay_s=delay_s, priority=Priority.HIGH)


@asynccontextmanager
async def a_room(path: Path, clock: Clock, *limits: Limit, store: type[Store] = Store) -> AsyncIterator[Room]:
    """A room on the file, closed at the end."""
    outbox = open_outbox(path, clock, store)
    try:
        yield Room(outbox, clock, limits)
    finally:
        await outbox.close()
