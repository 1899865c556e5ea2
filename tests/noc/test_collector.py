"""The whole way: outbox, forwarder, a real broker, collector, store, and the confirmation back."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hub_agent import mqtt
from hub_agent.envelope import FIRST_LINK
from hub_agent.errors import RefusedError, StorageError
from hub_agent.model import ReadingClass, ReceivedReading
from hub_agent.noc.collector import Collector, Keys
from hub_agent.noc.lines import Charted, Fault
from hub_agent.noc.outcome import Outcome
from hub_agent.noc.spool import Letter
from hub_agent.noc.store import Store
from hub_agent.seal import Sealer
from hub_agent.wire import encode
from tests.broker import INTRUDER, NOC, Broker
from tests.noc.ends import CLOCK, CONFIRM_KEY, NOC_KEY, RECIPIENT, HubEnd, event, open_hub, reading

pytestmark = pytest.mark.broker


class NocEnd:
    """The NOC: a store, and a collector that can be started and cut off."""

    def __init__(self, broker: Broker, store: Store) -> None:
        self.broker = broker
        self.store = store
        self.charted: list[Charted] = []
        self.faults: list[Fault] = []
        self.changed = asyncio.Event()

    @contextlib.asynccontextmanager
    async def collecting(self, confirm_within_s: float = 0.05) -> AsyncIterator[Collector]:
        """Collect while inside; then cut off at once."""
        keys = Keys({"noc-1": NOC_KEY}, CONFIRM_KEY)
        collector = Collector(
            self.store,
            keys,
            self.broker.profile(NOC),
            CLOCK,
            confirm_within_s=confirm_within_s,
            on_outcome=self._on_outcome,
        )
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(collector.run())
            async with asyncio.timeout(100):
                await collector.connected.wait()
            yield collector
            task.cancel()

    async def _on_outcome(self, outcome: Outcome) -> None:
        self.charted += outcome.charted
        self.faults += outcome.faults
        self.changed.set()

    async def until_charted(self, count: int) -> None:
        """Wait until so many items were charted."""
        async with asyncio.timeout(100):
            while len(self.charted) < count:
                self.changed.clear()
                await self.changed.wait()

    async def until_fault(self, kind: str) -> Fault:
        """Wait for a fault."""
        async with asyncio.timeout(100):
            while True:
                for fault in self.faults:
                    if fault.kind == kind:
                        return fault
                self.changed.clear()
                await self.changed.wait()

    def values(self) -> list[int]:
        """Give the first value of each charted reading, in the order of charting."""
        items = [charted.item for charted in self.charted]
        return [int(str(i.reading.measurements[0].value)) for i in items if isinstance(i, ReceivedReading)]


@pytest.fixture
async def noc(broker: Broker, tmp_path: Path) -> AsyncIterator[NocEnd]:
    with Store(tmp_path / "noc.db") as store:
        yield NocEnd(broker, store)


@pytest.fixture
async def hub(noc: NocEnd, tmp_path: Path) -> AsyncIterator[HubEnd]:
    async with open_hub(tmp_path) as hub:
        register(noc.store, hub)
        yield hub


def register(store: Store, hub: HubEnd) -> None:
    with store.transaction():
        store.hubs.add(hub.hub_id, hub.identity.public_key(), 0)


@contextlib.asynccontextmanager
async def delivering(hub: HubEnd, broker: Broker) -> AsyncIterator[None]:
    """Let the hub deliver while inside."""
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(hub.run(broker))
        yield
        task.cancel()


async def fill(hub: HubEnd, first: int, batches: int, each: int = 5) -> None:
    """Commit batches whose readings count up from ``first``."""
    for number in range(batches):
        await hub.commit([reading(first + number * each + i) for i in range(each)])


async def test_everything_is_charted_once_and_confirmed(hub: HubEnd, noc: NocEnd, broker: Broker) -> None:
    await fill(hub, 0, 40)
    async with noc.collecting(), delivering(hub, broker):
        await hub.commit([event("alarm", condition="spo2 low")], ReadingClass.ALARM)
        await hub.commit([reading(1000, cls=ReadingClass.EPISODIC)], ReadingClass.EPISODIC)
        await fill(hub, 200, 40)
        await hub.drained()
    assert sorted(noc.values()) == [*range(400), 1000]
    counts = noc.store.chart.counts()
    assert (counts["readings"], counts["events"], counts["batches"]) == (401, 1, 82)
    assert noc.faults == []
    assert hub.happened == []


async def test_a_broker_that_is_killed_and_comes_back_loses_nothing(hub: HubEnd, noc: NocEnd, broker: Broker) -> None:
    async with noc.collecting(), delivering(hub, broker):
        await fill(hub, 0, 20)
        await noc.until_charted(1)
        await broker.kill()
        await fill(hub, 100, 20)
        await broker.start()
        await fill(hub, 200, 20)
        await hub.drained()
    assert sorted(noc.values()) == list(range(300))
    assert noc.faults == []


async def test_a_collector_that_dies_before_confirming_confirms_when_it_is_back(
    hub: HubEnd, noc: NocEnd, broker: Broker
) -> None:
    async with delivering(hub, broker):
        async with noc.collecting(confirm_within_s=3600):
            await fill(hub, 0, 10)
            await noc.until_charted(50)
        assert hub.waiting == 10
        async with noc.collecting():
            await hub.drained()
    assert sorted(noc.values()) == list(range(50))


async def test_a_lost_confirmation_is_made_good(hub: HubEnd, noc: NocEnd, broker: Broker) -> None:
    hub.drop = 3
    async with noc.collecting(), delivering(hub, broker):
        await fill(hub, 0, 10)
        await hub.drained()
    assert sorted(noc.values()) == list(range(50))
    assert hub.forwarder.figures.resent > 0


async def test_an_epoch_that_the_noc_lacks_is_asked_for(hub: HubEnd, noc: NocEnd, broker: Broker) -> None:
    async with delivering(hub, broker):
        # Nobody has subscribed yet: the epoch record and the first copies are gone with the broker's shrug.
        await fill(hub, 0, 5)
        await hub.until(lambda: [code for code, _ in hub.happened] == ["no_subscribers"])
        async with noc.collecting():
            await hub.drained()
    assert sorted(noc.values()) == list(range(25))
    assert noc.store.chart.counts()["pending"] == 0


async def test_a_forged_batch_is_not_charted_and_makes_the_hub_set_nothing_aside(
    hub: HubEnd, noc: NocEnd, broker: Broker
) -> None:
    stranger = Sealer(hub.hub_id, hub.outbox.journal, Ed25519PrivateKey.generate(), [RECIPIENT])
    epoch = stranger.open_epoch(0)
    forged = stranger.seal(epoch, 1, ReadingClass.ALARM, 1, FIRST_LINK, encode([reading(666)]))
    async with noc.collecting(), mqtt.connect(broker.profile(INTRUDER)) as intruder:
        await intruder.publish_and_wait(hub.topics.keys, epoch.record)
        await intruder.publish_and_wait(hub.topics.alarm, forged)
        fault = await noc.until_fault("forged")
        assert (fault.hub, fault.journal) == (hub.hub_id, hub.outbox.journal)
        async with delivering(hub, broker):
            await fill(hub, 0, 1)
            await hub.drained()
    assert noc.values() == [0, 1, 2, 3, 4]
    assert "batch_refused" not in [code for code, _ in hub.happened]


async def test_a_batch_that_the_hub_sealed_to_nobody_here_is_refused_by_name(
    noc: NocEnd, broker: Broker, tmp_path: Path
) -> None:
    async with open_hub(tmp_path, "hub-2") as hub:
        register(noc.store, hub)
        noc_end = NocEnd(broker, noc.store)
        keys = Keys({"another": NOC_KEY}, CONFIRM_KEY)
        collector = Collector(noc.store, keys, broker.profile(NOC), CLOCK, on_outcome=noc_end._on_outcome)
        async with asyncio.TaskGroup() as tasks:
            collecting = tasks.create_task(collector.run())
            await collector.connected.wait()
            async with delivering(hub, broker):
                await fill(hub, 0, 1)
                await hub.until(lambda: ("batch_refused", {"seq": 1, "why": "no_key", "times": 1}) in hub.happened)
            collecting.cancel()
        assert hub.waiting == 1
        assert noc_end.faults == [Fault("hub-2", "no_key", hub.outbox.journal, 1)]


async def test_a_stranger_is_neither_charted_nor_answered(noc: NocEnd, broker: Broker, tmp_path: Path) -> None:
    async with open_hub(tmp_path, "hub-3") as hub, noc.collecting(), delivering(hub, broker):
        await fill(hub, 0, 1)
        assert await noc.until_fault("stranger") == Fault("hub-3", "stranger")
        assert hub.waiting == 1
        with Store(noc.store.path) as registry:  # another connection: the collector's is its thread's alone
            register(registry, hub)  # the registry is asked for each message: no restart needed
        await hub.drained()
    assert noc.values() == [0, 1, 2, 3, 4]


async def test_a_command_goes_out_and_its_result_comes_back(hub: HubEnd, noc: NocEnd, broker: Broker) -> None:
    jti = "01900000-0000-7000-8000-000000000001"
    with noc.store.transaction():
        letter = Letter(jti, hub.hub_id, b"signed elsewhere")
        noc.store.spool.put(letter, op="ping", exp_ms=2**52, at_ms=0)
    async with mqtt.connect(broker.profile(hub.hub_id, [hub.topics.commands])) as link, noc.collecting():
        message = await link.inbox.get()
        assert (message.payload, message.retained) == (b"signed elsewhere", False)
    async with noc.collecting(), delivering(hub, broker):
        await hub.commit(
            [event("result", jti=jti, op="ping", outcome="done", result={"at": "now"})], ReadingClass.ALARM
        )
        await hub.drained()
    answer = noc.store.spool.answer(jti)
    assert answer is not None
    assert (answer.delivery, answer.outcome, answer.result) == ("sent", "done", {"at": "now"})


async def test_a_collector_that_can_keep_nothing_is_not_at_work(noc: NocEnd, hub: HubEnd) -> None:
    collector = Collector(noc.store, Keys({}, CONFIRM_KEY), noc.broker.profile(NOC), CLOCK)
    db = noc.store._db
    db.execute(f"PRAGMA max_page_count={db.execute('PRAGMA page_count').fetchone()[0]}")  # the disk is full
    health = mqtt.Message(hub.topics.health, json.dumps({"devices": "x" * 100_000}).encode(), False, 0)
    with pytest.raises(StorageError):
        collector._work([health], [])
    assert noc.store.collector_ms() is None
    collector._work([], [])
    assert noc.store.collector_ms() is not None


async def test_pubacks_go_in_the_order_of_coming(broker: Broker) -> None:
    """The broker gives one place of its window back with each PUBACK: the order shows in what it sends next."""
    profile = replace(broker.profile(NOC, ["hubs/v1/+/up/#"]), receive_maximum=2)
    async with mqtt.connect(profile) as noc, mqtt.connect(broker.profile("hub-a")) as hub_a:
        for number in range(4):
            await hub_a.publish_and_wait("hubs/v1/hub-a/up/live", bytes([number]))
        async with asyncio.timeout(100):
            first, second = await noc.inbox.get(), await noc.inbox.get()
            noc.acknowledge(second)
            await hub_a.publish_and_wait("hubs/v1/hub-a/up/live", b"more")  # a whole turn of the broker
            assert noc.inbox.empty()
            noc.acknowledge(first)
            assert [(await noc.inbox.get()).payload, (await noc.inbox.get()).payload] == [b"\2", b"\3"]


async def test_a_dead_command_does_not_go_out(hub: HubEnd, noc: NocEnd, broker: Broker) -> None:
    with noc.store.transaction():
        noc.store.spool.put(Letter("dead", hub.hub_id, b"dead"), op="ping", exp_ms=1, at_ms=0)
        noc.store.spool.put(Letter("live", hub.hub_id, b"live"), op="ping", exp_ms=2**52, at_ms=1)
    async with mqtt.connect(broker.profile(hub.hub_id, [hub.topics.commands])) as link, noc.collecting():
        assert (await link.inbox.get()).payload == b"live"
    answer = noc.store.spool.answer("dead")
    assert answer is not None
    assert answer.delivery == "expired"


async def test_hubs_are_kept_apart_as_delivery_shows(broker: Broker) -> None:
    seen: list[mqtt.Message] = []
    async with (
        mqtt.connect(broker.profile("hub-b", ["hubs/v1/#"])) as nosy,
        mqtt.connect(broker.profile("hub-a", ["hubs/v1/hub-a/down/#"])) as hub_a,
        mqtt.connect(broker.profile(NOC, ["hubs/v1/+/up/#"])) as noc,
    ):
        with contextlib.suppress(RefusedError):  # the broker may say so, or may not: only delivery counts
            await nosy.publish_and_wait("hubs/v1/hub-a/up/live", b"in another's name")
        with contextlib.suppress(RefusedError):
            await nosy.publish_and_wait("hubs/v1/hub-a/down/commands", b"a command")
        await hub_a.publish_and_wait("hubs/v1/hub-a/up/live", b"mine")
        await noc.publish_and_wait("hubs/v1/hub-a/down/ack", b"for a")
        await noc.publish_and_wait("hubs/v1/hub-b/down/ack", b"for b")
        async with asyncio.timeout(100):
            seen = [await noc.inbox.get(), await hub_a.inbox.get(), await nosy.inbox.get()]
        assert [message.payload for message in seen] == [b"mine", b"for a", b"for b"]
        assert all(link.inbox.empty() for link in (noc, hub_a, nosy))


async def test_a_name_cannot_take_another_ones_session(broker: Broker) -> None:
    profile = broker.profile("hub-b")
    taken = mqtt.Profile("hub-a", profile.host, profile.port, profile.tls)
    async with (
        mqtt.connect(broker.profile("hub-a", ["hubs/v1/hub-a/down/#"])) as hub_a,
        mqtt.connect(taken) as impostor,
    ):
        with contextlib.suppress(RefusedError):
            await impostor.publish_and_wait("hubs/v1/hub-a/up/status", b"offline")
        assert not hub_a.closed.done()
