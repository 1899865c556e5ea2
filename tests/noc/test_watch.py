"""What an operator is told: each alarm of the fleet, through a real broker, the real collector and its store."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from hub_agent import mqtt
from hub_agent.envelope import digest
from hub_agent.model import Stamp
from hub_agent.mqtt import Message
from hub_agent.noc.fleet import BEAT_S
from hub_agent.noc.store import Store
from hub_agent.noc.watch import Watch
from tests.broker import INTRUDER, Broker
from tests.noc.conftest import Hub
from tests.noc.ends import CLOCK, reading
from tests.noc.test_collector import NocEnd
from tests.virtual import HandClock

pytestmark = pytest.mark.broker


class _Later(HandClock):
    """The collector's clock, as an operator has it who looks so much later."""

    later_s = 0.0

    def stamp(self) -> Stamp:
        now = CLOCK.stamp()
        return now._replace(wall_ns=now.wall_ns + round(self.later_s * 1e9))


class Operator:
    """Publishes for hubs, and looks at what the watch makes of it."""

    def __init__(self, noc: NocEnd, link: mqtt.Link, store: Store) -> None:
        self._noc, self._link = noc, link
        self._barriers = count()
        self.clock = _Later()
        self.hub = Hub()
        self.store = store
        self.watch = Watch(store, BEAT_S, self.clock)
        with noc.store.transaction():
            noc.store.hubs.add(self.hub.name, self.hub.identity.public_key(), 0)

    async def says(self, *messages: Message) -> list[tuple[str, bool]]:
        """Publish; give the alarms that came (True) and went (False) of the hub once the collector has taken it all."""
        for message in messages:
            await self._link.publish_and_wait(message.topic, message.payload)
        barrier = f"barrier-{next(self._barriers)}"  # a stranger, whose fault shows that all before it is durable
        await self._link.publish_and_wait(f"hubs/v1/{barrier}/up/health", b"{}")
        while barrier not in {fault.hub for fault in self._noc.faults}:
            self._noc.faults.clear()
            await self._noc.until_fault("stranger")
        return self.looks()

    def looks(self) -> list[tuple[str, bool]]:
        """Look; give the hub's alarms that came and went."""
        told = [line for line in self.watch.look() if line["hub"] == self.hub.name and line["type"] == "alarm"]
        return [(line["condition"], line["active"]) for line in told]

    def beat(self, waiting: int = 0, oldest_s: float | None = None, p99: float = 0.4, **storage: Any) -> Message:  # noqa: ANN401
        """A heartbeat as ``docs/wire.md`` has it."""
        kept = {"journal": self.hub.journal.hex(), "last_seq": self.hub.seq, "chain": self.hub.link.hex()}
        lane = {"batches": waiting, "items": waiting, "numbers": waiting, "oldest_s": oldest_s}
        delivery = {"waiting": {"continuous": lane}, "latency_s": {"continuous": {"p99": p99}}}
        return self.hub.message("health", json.dumps({"storage": kept | storage, "delivery": delivery}).encode())


@pytest.fixture
async def operator(broker: Broker, tmp_path: Path) -> AsyncIterator[Operator]:
    async with AsyncExitStack() as stack:
        noc = NocEnd(broker, stack.enter_context(Store(tmp_path / "noc.db")))
        seen = stack.enter_context(Store(tmp_path / "noc.db"))  # another process has the file open too
        await stack.enter_async_context(noc.collecting())
        link = await stack.enter_async_context(mqtt.connect(broker.profile(INTRUDER)))
        yield Operator(noc, link, seen)


async def test_a_hub_that_falls_silent_and_comes_back(operator: Operator) -> None:
    assert await operator.says(operator.beat()) == []
    assert {view.hub: view.state for view in operator.watch.views}[operator.hub.name] == "online"
    operator.clock.later_s = 2 * BEAT_S - 1
    assert operator.looks() == []
    operator.clock.later_s = 2 * BEAT_S + 4
    assert operator.looks() == [("hub_silent", True)]
    operator.clock.later_s = 0.0
    assert await operator.says(operator.beat()) == [("hub_silent", False)]


async def test_a_promise_that_is_broken(operator: Operator) -> None:
    assert await operator.says(operator.beat(waiting=1, oldest_s=29.0)) == []
    assert await operator.says(operator.beat(waiting=31, oldest_s=31.0)) == [("latency", True)]
    assert await operator.says(operator.beat()) == [("latency", False)]
    assert await operator.says(operator.beat(p99=30.5)) == [("latency", True)]


async def test_numbers_that_are_nowhere(operator: Operator) -> None:
    hub = operator.hub
    first, second = hub.batch([reading(97)]), hub.batch([reading(96)])
    assert await operator.says(hub.keys(), first, operator.beat(waiting=1)) == []
    assert await operator.says(operator.beat()) == [("gap", True)]
    assert await operator.says(second, operator.beat()) == [("gap", False)]


async def test_a_history_that_was_changed(operator: Operator) -> None:
    hub = operator.hub
    first = hub.batch([reading(97)])
    hub.link = bytes(16)
    assert await operator.says(hub.keys(), first, hub.batch([reading(96)])) == [("fork", True)]
    acknowledge(operator)
    assert operator.looks() == [("fork", False)]


async def test_two_hubs_with_one_identity(operator: Operator) -> None:
    hub = operator.hub
    first = hub.batch([reading(97)])
    mine = hub.batch([reading(96)])
    assert await operator.says(hub.keys(), first, mine, operator.beat()) == []
    hub.seq, hub.link = 1, digest(first.payload)
    assert await operator.says(hub.batch([reading(60)])) == [("clone", True)]
    acknowledge(operator)
    assert operator.looks() == [("clone", False)]
    assert await operator.says(operator.beat(chain="ab" * 16)) == [("clone", True)]  # its heartbeat alone shows it too


async def test_a_broker_that_says_offline_is_believed_for_the_state_alone(operator: Operator) -> None:
    assert await operator.says(operator.beat(), operator.hub.message("status", b'{"state":"offline"}')) == [
        ("hub_offline", True)
    ]
    assert await operator.says(operator.beat()) == [("hub_offline", False)]


def acknowledge(operator: Operator) -> None:
    """Somebody has looked."""
    with operator.store.transaction():
        operator.store.faults.clear(operator.hub.name, 0)
