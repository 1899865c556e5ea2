"""A hub's batches without a broker, and an intake that takes them."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hub_agent import wire
from hub_agent.envelope import FIRST_LINK, digest
from hub_agent.model import ReadingClass
from hub_agent.mqtt import Message
from hub_agent.noc.intake import Intake
from hub_agent.noc.outcome import Outcome
from hub_agent.noc.store import Store
from hub_agent.seal import Epoch, Sealer
from hub_agent.wire import Item
from tests.noc.ends import NOC_KEY, RECIPIENT

NOW_MS = 1_800_000_000_000


class Hub:
    """Seals batches in one journal, each linked to the one before."""

    def __init__(self, name: str = "hub-1", journal: bytes = b"journal-1-------") -> None:
        self.name = name
        self.journal = journal
        self.identity = Ed25519PrivateKey.generate()
        self.sealer = Sealer(name, journal, self.identity, [RECIPIENT])
        self.epoch: Epoch = self.sealer.open_epoch(0)
        self.seq = 0
        self.link = FIRST_LINK

    def message(self, name: str, payload: bytes) -> Message:
        return Message(f"hubs/v1/{self.name}/up/{name}", payload, False, 0)

    def keys(self) -> Message:
        return self.message("keys", self.epoch.record)

    def batch(self, items: Sequence[Item], cls: ReadingClass = ReadingClass.CONTINUOUS) -> Message:
        return self.body(wire.encode(items), len(items), cls)

    def body(self, body: bytes, items: int = 1, cls: ReadingClass = ReadingClass.CONTINUOUS) -> Message:
        """Seal any bytes as the next batch."""
        self.seq += 1
        envelope = self.sealer.seal(self.epoch, self.seq, cls, items, self.link, body)
        self.link = digest(envelope)
        return self.message("live", envelope)

    def confirmed(self, outcome: Outcome) -> set[tuple[int, int]]:
        """Give the ranges that the hub is told under its present epoch."""
        confirmed = outcome.words[self.name].confirmed
        return {(first, last) for epoch, first, last in confirmed if epoch == self.epoch.id}


def health(hub: Hub, *, waiting: int = 0, chain: bytes | None = None, last_seq: Any = None) -> Message:  # noqa: ANN401
    """Give a heartbeat's part that speaks of the journal."""
    content = {
        "storage": {
            "journal": hub.journal.hex(),
            "last_seq": hub.seq if last_seq is None else last_seq,
            "chain": (hub.link if chain is None else chain).hex(),
        },
        "delivery": {"waiting": {"alarm": {"numbers": 0}, "continuous": {"numbers": waiting}}},
    }
    return hub.message("health", json.dumps(content).encode())


class Bench:
    """An intake with its store, and registered hubs."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.open()

    def open(self) -> None:
        self.store = Store(self.path)
        self.intake = Intake(self.store, {"noc-1": NOC_KEY})

    def reopen(self) -> None:
        self.store.close()
        self.open()

    def register(self, hub: Hub) -> Hub:
        with self.store.transaction():
            self.store.hubs.add(hub.name, hub.identity.public_key(), 0)
        return hub

    def take(self, *messages: Message) -> Outcome:
        return self.intake.take(messages, NOW_MS)

    def count(self, table: str) -> int:
        return int(self.store.chart.counts()[table])


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path / "noc.db")
    yield bench
    bench.store.close()


@pytest.fixture
def hub(bench: Bench) -> Hub:
    return bench.register(Hub())
