"""The life of the broker link, on virtual time with a broker of the test's own."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from hub_agent import mqtt
from hub_agent.delivery import Policy
from hub_agent.errors import DeliveryError, HubError, RefusedError, StorageError
from hub_agent.forwarder import Forwarder
from hub_agent.health import BEAT_S, Health, Uplink
from hub_agent.latency import Latency
from hub_agent.machine import Machine
from hub_agent.model import ReadingClass, ReceivedReading
from hub_agent.mqtt import Message, Profile
from hub_agent.topics import Topics
from hub_agent.uplink import CALM_CAP_S, HURRY_CAP_S, BrokerSession
from tests.rooms import HUB, Room, open_outbox, spo2
from tests.virtual import LoopClock, settle, virtual_time

_TOPICS = Topics(HUB)


@dataclass
class _Link:
    """A connection on which a test is the broker."""

    broker: "_Broker"
    inbox: asyncio.Queue[Message] = field(default_factory=asyncio.Queue)
    acknowledged: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.closed: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> asyncio.Future[Any]:
        if self.closed.done():
            raise DeliveryError("the broker link is down")
        self.broker.published.append((topic, payload, retain))
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if not self.broker.mute:
            answer.set_result(None)
        return answer

    async def publish_and_wait(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        async with asyncio.timeout(6):
            await self.publish(topic, payload, retain=retain)

    def acknowledge(self, message: Message) -> None:
        self.acknowledged.append(message.mid)

    def lose(self, why: str) -> None:
        if not self.closed.done():
            self.closed.set_result(why)


@dataclass
class _Broker:
    """Takes connections, or refuses them.

    Attributes:
        tried_s: when each attempt came.
        links: the connections that were made.
        published: (topic, payload, retained) over all of them.
        refusal: what the next attempts meet.
        holds_s: how long a connection lives; None for ever.
        mute: answers no publish.
    """

    tried_s: list[float] = field(default_factory=list)
    links: list[_Link] = field(default_factory=list)
    published: list[tuple[str, bytes, bool]] = field(default_factory=list)
    refusal: HubError | None = None
    holds_s: float | None = None
    mute: bool = False

    @contextlib.asynccontextmanager
    async def connect(self, _profile: Profile) -> AsyncIterator[_Link]:
        loop = asyncio.get_running_loop()
        self.tried_s.append(loop.time())
        if self.refusal is not None:
            raise self.refusal
        link = _Link(self)
        self.links.append(link)
        if self.holds_s is not None:
            loop.call_later(self.holds_s, link.lose, "kicked")
        try:
            yield link
        finally:
            link.lose("closed here")

    def said(self, topic: str) -> list[bytes]:
        return [payload for name, payload, _ in self.published if name == topic]


@dataclass
class _Bench:
    room: Room
    broker: _Broker
    changes: list[tuple[bool, str]] = field(default_factory=list)
    commands: list[Message] = field(default_factory=list)
    fault: HubError | None = None
    hold: asyncio.Event | None = None
    turns: int = 0

    def __post_init__(self) -> None:
        clock, outbox = self.room.clock, self.room.outbox
        self.forwarder = Forwarder(
            outbox, _TOPICS, [], Policy(), clock, lambda _code, _fields: None, lambda _code, _active: None
        )
        self.state = Uplink(down_s=clock.monotonic_s())
        health = Health(
            HUB,
            "5e" * 16,
            clock,
            outbox,
            self.forwarder,
            self.room.intake,
            {},
            self.room.book,
            self.state,
            {},
            Machine(Path("/")),
            Latency(),
            lambda: 0,
        )
        self.session = BrokerSession(
            Profile(HUB, "127.0.0.1", 1),
            _TOPICS,
            self.forwarder,
            health,
            self._command,
            str.encode,
            clock,
            self.state,
            lambda up, why: self.changes.append((up, why)),
        )

    async def _command(self, message: Message) -> None:
        if self.fault is not None:
            raise self.fault
        if self.hold is not None:
            await self.hold.wait()
        self.commands.append(message)

    def _turned(self) -> None:
        self.turns += 1

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[asyncio.Task[None]]:
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(self.session.run(self._turned))
            await settle()
            yield task
            task.cancel()

    async def fresh(self) -> None:
        """Let something fresh wait."""
        item = ReceivedReading("oximeter", spo2(97), self.room.clock.stamp())
        self.forwarder.offer(await self.room.outbox.commit({ReadingClass.CONTINUOUS: [item]}))


def bench_test(test: Callable[[_Bench], Any]) -> Callable[[Path, pytest.MonkeyPatch], None]:
    """Give an asynchronous test a bench, on virtual time."""

    def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        @virtual_time
        async def main() -> None:
            broker = _Broker()
            monkeypatch.setattr(mqtt, "connect", broker.connect)
            clock = LoopClock()
            outbox = open_outbox(tmp_path / "o.db", clock)
            try:
                await test(_Bench(Room(outbox, clock), broker))
            finally:
                await outbox.close()

        main()

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


def _waits(broker: _Broker) -> list[float]:
    return [after - before for before, after in pairwise(broker.tried_s)]


@bench_test
async def test_says_that_it_is_there_beats_and_says_goodbye(bench: _Bench) -> None:
    async with bench.running():
        await asyncio.sleep(3 * BEAT_S + 1)
    assert bench.broker.said(_TOPICS.status) == [b"online", b"offline"]
    assert all(retained for topic, _, retained in bench.broker.published if topic == _TOPICS.status)
    assert len(bench.broker.said(_TOPICS.health)) == 4
    assert bench.changes == [(True, "")]


@bench_test
async def test_a_message_is_acknowledged_once_it_is_dealt_with(bench: _Bench) -> None:
    async with bench.running():
        (link,) = bench.broker.links
        link.inbox.put_nowait(Message(_TOPICS.commands, b"c", False, 1))
        link.inbox.put_nowait(Message(_TOPICS.confirm, b"nonsense", False, 2))
        await settle()
        assert link.acknowledged == [1, 2]
        assert [message.payload for message in bench.commands] == [b"c"]


@bench_test
async def test_a_confirmation_passes_a_command_that_waits_and_is_acknowledged_after_it(bench: _Bench) -> None:
    """The command may wait for the room that the confirmation brings; the broker wants its PUBACKs in order."""
    bench.hold = asyncio.Event()
    with mock.patch.object(bench.forwarder, "confirmation") as confirmed:
        async with bench.running():
            (link,) = bench.broker.links
            link.inbox.put_nowait(Message(_TOPICS.commands, b"c", False, 1))
            link.inbox.put_nowait(Message(_TOPICS.confirm, b"room", False, 2))
            await settle()
            confirmed.assert_called_once()
            assert link.acknowledged == []
            bench.hold.set()
            await settle()
            assert link.acknowledged == [1, 2]


@bench_test
async def test_a_command_that_could_not_be_recorded_stays_with_the_broker(bench: _Bench) -> None:
    bench.fault = StorageError("full")
    async with bench.running():
        bench.broker.links[0].inbox.put_nowait(Message(_TOPICS.commands, b"c", False, 1))
        await asyncio.sleep(5)
        assert bench.broker.links[0].acknowledged == []
        assert len(bench.broker.links) == 2


@bench_test
async def test_a_loss_is_told_once_and_the_way_back_too(bench: _Bench) -> None:
    async with bench.running():
        await asyncio.sleep(61)
        bench.broker.refusal = DeliveryError("unreachable")
        bench.broker.links[0].lose("cable cut")
        await asyncio.sleep(300)
        bench.broker.refusal = None
        await asyncio.sleep(61)
        assert bench.changes == [(True, ""), (False, "cable cut"), (True, "")]
        assert bench.state.connects == 2


@bench_test
async def test_a_broker_that_is_never_there_is_told_once(bench: _Bench) -> None:
    bench.broker.refusal = DeliveryError("unreachable")
    async with bench.running():
        await asyncio.sleep(600)
    assert bench.changes == [(False, "unreachable")]
    assert bench.state.why == "unreachable"


@bench_test
async def test_while_something_fresh_waits_it_hurries(bench: _Bench) -> None:
    bench.broker.refusal = DeliveryError("unreachable")
    await bench.fresh()
    async with bench.running():
        await asyncio.sleep(600)
    assert max(_waits(bench.broker)) <= HURRY_CAP_S + 0.01
    assert 200 < len(bench.broker.tried_s) < 500


@bench_test
async def test_while_nothing_waits_it_is_calm(bench: _Bench) -> None:
    bench.broker.refusal = DeliveryError("unreachable")
    async with bench.running():
        await asyncio.sleep(1800)
    assert HURRY_CAP_S < max(_waits(bench.broker)) <= CALM_CAP_S + 0.01
    assert len(bench.broker.tried_s) < 120


@bench_test
async def test_something_fresh_cuts_a_calm_wait_short(bench: _Bench) -> None:
    bench.broker.refusal = DeliveryError("unreachable")
    async with bench.running():
        await asyncio.sleep(1200)
        await bench.fresh()
        before = len(bench.broker.tried_s)
        await asyncio.sleep(HURRY_CAP_S + 1)
        assert len(bench.broker.tried_s) > before


@bench_test
async def test_a_good_connection_is_tried_again_at_once(bench: _Bench) -> None:
    bench.broker.holds_s = 60.0
    async with bench.running():
        await asyncio.sleep(600)
    assert len(bench.broker.links) == 10


@pytest.mark.parametrize("fault", [None, RefusedError("not authorised")])
def test_a_broker_that_kicks_at_once_is_not_hammered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: HubError | None
) -> None:
    @bench_test
    async def run(bench: _Bench) -> None:
        bench.broker.holds_s, bench.broker.refusal = 0.05, fault
        await bench.fresh()
        async with bench.running():
            await asyncio.sleep(600)
        assert 8 < len(bench.broker.tried_s) < 500  # two hubs under one id would kick each other twenty times a second

    run(tmp_path, monkeypatch)


@bench_test
async def test_it_turns_all_the_time_connected_or_not(bench: _Bench) -> None:
    for fault in (None, DeliveryError("unreachable")):
        bench.broker.refusal = fault
        async with bench.running():
            before = bench.turns
            await asyncio.sleep(100)
            assert bench.turns - before >= 95


@pytest.mark.parametrize(("end", "rounds"), [("mute", 0), *(("dead", rounds) for rounds in range(12))])
def test_it_ends_when_it_must_even_where_the_link_has_just_died(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str, rounds: int
) -> None:
    @bench_test
    async def run(bench: _Bench) -> None:
        async with bench.running() as task:
            await asyncio.sleep(30)
            bench.broker.mute = end == "mute"
            if end != "mute":
                bench.broker.links[0].lose("cable cut")
            for _ in range(rounds):
                await asyncio.sleep(0)
            task.cancel()
            began_s = bench.room.clock.monotonic_s()
            await asyncio.wait({task}, timeout=60)
            assert task.cancelled()
            assert bench.room.clock.monotonic_s() - began_s <= 1.1

    run(tmp_path, monkeypatch)
