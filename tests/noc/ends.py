"""Both ends of the wire, for tests: a hub's delivery and the NOC's keys."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from hub_agent import mqtt
from hub_agent.clock import SystemClock
from hub_agent.delivery import Policy
from hub_agent.errors import DeliveryError
from hub_agent.forwarder import Forwarder
from hub_agent.model import Code, Measurement, Reading, ReadingClass, ReceivedReading
from hub_agent.nomenclature import PULSE_RATE_OXIMETER, SPO2
from hub_agent.outbox.box import LocalBox
from hub_agent.outbox.outbox import Committed, Outbox
from hub_agent.outbox.store import Store as OutboxStore
from hub_agent.seal import CLASSIC, Recipient, Sealer
from hub_agent.supervise import keep_running
from hub_agent.topics import Topics
from hub_agent.wire import Event, Item
from tests.broker import Broker

CLOCK = SystemClock(synced=lambda: True)

NOC_KEY = X25519PrivateKey.generate()
CONFIRM_KEY = Ed25519PrivateKey.generate()
CONFIRM_PUBLIC = CONFIRM_KEY.public_key()
RECIPIENT = Recipient("noc-1", CLASSIC, NOC_KEY.public_key())


def reading(value: int | str, *, cls: ReadingClass = ReadingClass.CONTINUOUS, name: str = "") -> ReceivedReading:
    """Make a reading of a pulse oximeter, received now."""
    measurements = (
        Measurement(SPO2, "%", Decimal(value)),
        Measurement(Code(PULSE_RATE_OXIMETER), "/min", Decimal("61.5")),
    )
    return ReceivedReading("oximeter", Reading(cls, measurements), CLOCK.stamp(), name)


def event(kind: str, **fields: object) -> Event:
    """Make an event that happens now."""
    return Event(kind, CLOCK.stamp(), fields)


@dataclass
class HubEnd:
    """A hub from its outbox to the broker.

    Attributes:
        hub_id: its id, and the name of its certificate.
        identity: signs for it.
        outbox: where its batches wait.
        forwarder: sends them.
        confirm_key: whose confirmations count.
        commands: what came on the command topic.
        drop: how many confirmations to lose on their way.
        happened: what the forwarder reported.
    """

    hub_id: str
    identity: Ed25519PrivateKey
    outbox: Outbox
    forwarder: Forwarder = field(init=False)
    drop: int = 0
    happened: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    policy: Policy = field(default_factory=lambda: Policy(resend_s=0.5))
    confirm_key: Ed25519PublicKey = field(default_factory=lambda: CONFIRM_PUBLIC)
    commands: asyncio.Queue[mqtt.Message] = field(default_factory=asyncio.Queue)

    def __post_init__(self) -> None:
        self.topics = Topics(self.hub_id)
        self.forwarder = Forwarder(
            self.outbox, self.topics, [self.confirm_key], self.policy, CLOCK, self._on_event, self._on_trouble
        )

    def _on_event(self, code: str, fields: dict[str, Any]) -> None:
        self.happened.append((code, fields))
        self.changed.set()

    def _on_trouble(self, trouble: str, active: bool) -> None:  # noqa: FBT001 - the forwarder's callback
        self._on_event(trouble, {"active": active})

    async def commit(self, items: Sequence[Item], cls: ReadingClass = ReadingClass.CONTINUOUS) -> list[Committed]:
        """Commit one batch and offer it to the forwarder."""
        committed = await self.outbox.commit({cls: items})
        self.forwarder.offer(committed)
        return committed

    async def run(self, broker: Broker) -> None:
        """Deliver for ever."""
        await keep_running(
            "hub", partial(self._once, broker), clock=CLOCK, cap_s=lambda: 0.2, on_failure=lambda _error: None
        )

    async def _once(self, broker: Broker) -> None:
        profile = broker.profile(self.hub_id, [self.topics.confirm, self.topics.commands])
        async with mqtt.connect(profile) as link:
            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self.forwarder.run(link))
                    tasks.create_task(self._listen(link))
            except* DeliveryError as group:
                raise DeliveryError(str(group.exceptions[0])) from group

    async def _listen(self, link: mqtt.Link) -> None:
        while True:
            message = await link.inbox.get()
            link.acknowledge(message)
            if message.topic == self.topics.commands:
                self.commands.put_nowait(message)
            elif self.drop > 0:
                self.drop -= 1
            else:
                self.forwarder.confirmation(message)
            self.changed.set()

    @property
    def waiting(self) -> int:
        """How many batches are not confirmed."""
        return sum(tally.batches for tally in self.outbox.tallies.values())

    async def until(self, condition: Callable[[], bool], within_s: float = 100.0) -> None:
        """Wait until something is so; looked at after each confirmation and event."""
        async with asyncio.timeout(within_s):
            while not condition():
                self.changed.clear()
                await self.changed.wait()

    async def drained(self) -> None:
        """Wait until everything is confirmed."""
        await self.until(lambda: self.waiting == 0)


@contextlib.asynccontextmanager
async def open_hub(
    directory: Path,
    hub_id: str = "hub-1",
    recipients: Sequence[Recipient] = (RECIPIENT,),
    confirm_key: Ed25519PublicKey = CONFIRM_PUBLIC,
) -> AsyncIterator[HubEnd]:
    """Make a hub with an empty outbox; not connected yet."""
    identity = Ed25519PrivateKey.generate()
    journal = bytes(8) + hub_id.encode().ljust(8, b"\0")[:8]
    outbox = Outbox(
        OutboxStore(directory / f"{hub_id}.db", journal),
        lambda adopted: Sealer(hub_id, adopted, identity, recipients),
        LocalBox(identity),
        CLOCK,
    )
    try:
        yield HubEnd(hub_id, identity, outbox, confirm_key=confirm_key)
    finally:
        await outbox.close()
