"""The forwarder: whose word lets a batch go, and what it does when somebody says no."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from hub_agent.delivery import Policy
from hub_agent.envelope import Confirmation, parse_batch, sign_confirmation
from hub_agent.errors import DeliveryError
from hub_agent.forms import Clear, Sealed
from hub_agent.forwarder import Forwarder
from hub_agent.identity import opening_key
from hub_agent.model import ReadingClass, ReceivedReading
from hub_agent.mqtt import NO_MATCHING_SUBSCRIBERS, PUBACK_TIMEOUT_S, Message
from hub_agent.outbox.outbox import Outbox
from hub_agent.outbox.rows import key_of
from hub_agent.topics import Topics
from hub_agent.wire import Event
from tests.rooms import HUB, IDENTITY, open_outbox, spo2
from tests.virtual import LoopClock, settle, virtual_time

_TOPICS = Topics(HUB)
_NOC = Ed25519PrivateKey.from_private_bytes(b"n" * 32)
_WALL_NS = 1_795_348_800 * 10**9
_SUCCESS, _REFUSED = 0, 0x87


def _reason(value: int) -> ReasonCode:
    return ReasonCode(PacketTypes.PUBACK, identifier=value)


@dataclass
class _Link:
    """A broker link on which a test is the broker.

    Attributes:
        published: (topic, payload), in order.
        answers: the future of each.
    """

    published: list[tuple[str, bytes]] = field(default_factory=list)
    answers: list[asyncio.Future[Any]] = field(default_factory=list)
    reason: int | None = _SUCCESS
    room: int = 28

    def __post_init__(self) -> None:
        self.closed: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> asyncio.Future[Any]:
        """Take it as paho would, with room for so many; answer at once unless ``reason`` is None."""
        assert not retain
        if sum(not answer.done() for answer in self.answers) >= self.room:
            raise DeliveryError("the broker link took nothing")
        self.published.append((topic, payload))
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.answers.append(answer)
        if self.reason is not None:
            answer.set_result(_reason(self.reason))
        return answer

    def lose(self, why: str) -> None:
        """Die."""
        if not self.closed.done():
            self.closed.set_result(why)
        for answer in self.answers:
            if not answer.done():
                answer.set_exception(DeliveryError(why))
                answer.exception()

    def seqs(self) -> list[int]:
        """The numbers of the batches that were published, in order."""
        return [parse_batch(payload).header.seq for topic, payload in self.published if topic != _TOPICS.keys]

    def keys(self) -> int:
        """How many epoch records were published."""
        return sum(topic == _TOPICS.keys for topic, _ in self.published)


@dataclass
class _Bench:
    """A forwarder on an outbox of its own.

    Attributes:
        events: what it told, in order.
        noc_ns: the NOC's times that it passed on.
        epoch: under which the newest batch was sealed.
    """

    outbox: Outbox
    clock: LoopClock
    policy: Policy
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    noc_ns: list[int | None] = field(default_factory=list)
    epoch: bytes = bytes(8)

    def __post_init__(self) -> None:
        self.forwarder = Forwarder(
            self.outbox,
            _TOPICS,
            [_NOC.public_key()],
            self.policy,
            self.clock,
            lambda code, fields: self.events.append((code, fields)),
            lambda trouble, active: self.events.append((trouble, {"active": active})),
            self.noc_ns.append,
        )

    async def commit(self, count: int = 1, cls: ReadingClass = ReadingClass.CONTINUOUS) -> None:
        """Commit so many batches and offer them."""
        for _ in range(count):
            item: ReceivedReading | Event = ReceivedReading("oximeter", spo2(97, cls=cls), self.clock.stamp())
            if cls is ReadingClass.ALARM:
                item = Event("alarm", self.clock.stamp(), {})
            committed = await self.outbox.commit({cls: [item]})
            self.epoch = parse_batch(committed[-1].envelope).header.epoch
            self.forwarder.offer(committed)

    @asynccontextmanager
    async def connected(self, link: _Link | None = None) -> AsyncIterator[_Link]:
        """Forward over a link."""
        link = link or _Link()
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(self.forwarder.run(link))
            await self.calm()
            yield link
            task.cancel()

    async def calm(self) -> None:
        """Let everything run that can; the writer thread too, as often as a full window may ask it."""
        for _ in range(self.policy.window):
            await self.outbox.seen(bytes(16))
            await settle()

    def say(
        self,
        confirmed: Sequence[tuple[int, int]] = (),
        *,
        key: Ed25519PrivateKey = _NOC,
        topic: str = _TOPICS.confirm,
        retained: bool = False,
        epoch: bytes | None = None,
        **other: Any,  # noqa: ANN401 - fields of a confirmation
    ) -> None:
        """Let the NOC speak of what was committed last, or under another epoch."""
        fields: dict[str, Any] = {"hub_id": HUB, "wall_ns": _WALL_NS} | other
        ranges = tuple((epoch or self.epoch, first, last) for first, last in confirmed)
        word = Confirmation(confirmed=ranges, **fields)
        self.forwarder.confirmation(Message(topic, sign_confirmation(word, key), retained, 1))

    @property
    def waiting(self) -> int:
        """How many batches are not confirmed."""
        return sum(tally.batches for tally in self.outbox.tallies.values())


@asynccontextmanager
async def _bench(path: Path, policy: Policy | None = None) -> AsyncIterator[_Bench]:
    clock = LoopClock()
    outbox = open_outbox(path / "o.db", clock)
    try:
        yield _Bench(outbox, clock, policy or Policy())
    finally:
        await outbox.close()


# --- whose word counts ------------------------------------------------------------------------------------------------


@virtual_time
async def test_a_puback_deletes_nothing_and_the_noc_s_word_does(tmp_path: Path) -> None:
    async with _bench(tmp_path) as bench:
        await bench.commit(3)
        async with bench.connected() as link:
            assert link.seqs() == [1, 2, 3]
            assert (bench.waiting, bench.forwarder.figures.confirmed) == (3, 0)
            bench.say([(1, 2)])
            assert (bench.waiting, bench.forwarder.figures.confirmed_readings) == (1, 2)
            bench.say([(3, 3)])
        assert bench.waiting == 0
        assert bench.noc_ns == [_WALL_NS]  # the same word again is no news


@virtual_time
async def test_the_round_trip_is_that_of_a_batch_s_puback_alone(tmp_path: Path) -> None:
    async with _bench(tmp_path) as bench:
        await bench.commit()
        async with bench.connected(_Link(reason=None)) as link:
            link.answers[0].set_result(_reason(_SUCCESS))  # of the epoch's record
            await asyncio.sleep(0.25)
            link.answers[1].set_result(_reason(_REFUSED))  # a no is an answer
            await bench.calm()
            assert bench.forwarder.figures.round_trip.spread() == {"p50": 0.25, "p95": 0.25, "max": 0.25}
            await asyncio.sleep(2)
            link.lose("gone")  # with an answer owed
        assert len(link.answers) > 2
        assert bench.forwarder.figures.round_trip.count == 1


@virtual_time
async def test_where_the_noc_cannot_confirm_the_broker_s_word_does(tmp_path: Path) -> None:
    async with _bench(tmp_path, Policy(confirm="broker")) as bench:
        await bench.commit(3)
        async with bench.connected():
            assert bench.waiting == 0


@virtual_time
async def test_a_broker_that_says_nothing_of_success_is_believed_in_old_mqtt(tmp_path: Path) -> None:
    async with _bench(tmp_path, Policy(confirm="broker")) as bench:
        await bench.commit()
        async with bench.connected(_Link(reason=None)) as link:
            for answer in link.answers:
                answer.set_result(None)  # MQTT 3.1.1 has no reason codes
            await bench.calm()
            assert bench.waiting == 0


@virtual_time
async def test_what_is_confirmed_and_not_yet_deleted_is_not_sent_again(tmp_path: Path) -> None:
    async with _bench(tmp_path, Policy(confirm="broker")) as bench:
        await bench.commit(2)
        async with bench.connected() as link:
            assert link.seqs() == [1, 2]
            bench.forwarder.lanes.release([key_of(ReadingClass.CONTINUOUS, 1)])  # the outbox is read from there again
            bench.forwarder.offer([])
            await bench.calm()
            assert link.seqs() == [1, 2]


_STRANGER = Ed25519PrivateKey.from_private_bytes(b"s" * 32)


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ({"key": _STRANGER}, "no known key"),
        ({"hub_id": "hub-0002"}, "another hub"),
        ({"topic": "hubs/v1/hub-0001/down/commands"}, "another hub"),
        ({"retained": True}, "retained"),
        ({"epoch": bytes(8)}, None),
        ({"confirmed": [(0, 3)]}, None),
        ({"confirmed": [(1, 4)]}, None),
        ({"confirmed": [(3, 1)]}, None),
        ({"confirmed": [(-(2**60), 2**60)]}, None),
    ],
)
def test_a_word_that_is_not_for_this_is_no_word(tmp_path: Path, other: dict[str, Any], told: str | None) -> None:
    @virtual_time
    async def run() -> None:
        async with _bench(tmp_path) as bench:
            await bench.commit(3)
            async with bench.connected():
                bench.say(**{"confirmed": [(1, 3)], **other})
                assert bench.waiting == 3
                assert bench.forwarder.figures.confirmed == 0
            await bench.outbox.settle()
            assert await bench.outbox.after(ReadingClass.CONTINUOUS, 0, 1) != []
            assert [code for code, _ in bench.events] == (["confirmation_rejected"] if told else [])
            assert told is None or told in bench.events[0][1]["why"]
            assert bench.noc_ns == ([] if told or "epoch" in other else [_WALL_NS])

    run()


def _confirmation(**fields: Any) -> bytes:  # noqa: ANN401 - anything at all
    payload = cbor2.dumps([1, HUB, _WALL_NS, fields.get("confirmed", []), fields.get("wanted", []), []])
    return cbor2.dumps([payload, _NOC.sign(b"hub-agent confirm v1\0" + payload)])


@given(
    payload=st.binary(max_size=60)
    | st.builds(lambda value: _confirmation(confirmed=value), st.integers() | st.lists(st.lists(st.integers())))
    | st.builds(lambda value: _confirmation(wanted=value), st.text() | st.lists(st.binary()))
)
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
def test_no_bytes_on_the_confirmation_topic_do_harm(tmp_path_factory: pytest.TempPathFactory, payload: bytes) -> None:
    @virtual_time
    async def run() -> None:
        async with _bench(tmp_path_factory.mktemp("f")) as bench:
            await bench.commit(2)
            bench.forwarder.confirmation(Message(_TOPICS.confirm, payload, False, 1))
            assert {code for code, _ in bench.events} <= {"confirmation_rejected"}

    run()


@virtual_time
async def test_a_word_about_another_use_of_a_number_is_no_word_about_this_one(tmp_path: Path) -> None:
    async with _bench(tmp_path) as bench:
        await bench.commit(2)
        async with bench.connected():
            bench.say([(1, 1)], refused=((bytes(8), 2, "bad_seal"),))
            assert (bench.waiting, len(bench.forwarder.lanes.flights), bench.events) == (1, 1, [])


@virtual_time
async def test_a_flood_of_forged_words_is_one_event(tmp_path: Path) -> None:
    async with _bench(tmp_path) as bench:
        for _ in range(1000):
            bench.say([(1, 1)], key=_STRANGER)
        assert [code for code, _ in bench.events] == ["confirmation_rejected"]


@virtual_time
async def test_an_old_word_that_is_said_again_changes_nothing(tmp_path: Path) -> None:
    async with _bench(tmp_path) as bench:
        await bench.commit(2)
        async with bench.connected():
            for _ in range(3):
                bench.say([(1, 2)])
            await bench.commit(2)
            bench.say([(1, 2)])
            assert (bench.waiting, bench.forwarder.figures.confirmed) == (2, 2)


# --- order ------------------------------------------------------------------------------------------------------------


@virtual_time
async def test_an_alarm_overtakes_what_waits_for_the_window(tmp_path: Path) -> None:
    async with _bench(tmp_path, Policy(window=4)) as bench:
        await bench.commit(20)
        async with bench.connected(_Link(reason=None)) as link:
            before = len(link.published)
            await bench.commit(1, ReadingClass.ALARM)
            await bench.calm()
            assert len(link.published) == before  # the window is full
            link.answers[0].set_result(_reason(_SUCCESS))
            await bench.calm()
            assert link.published[before][0] == _TOPICS.alarm
            assert link.seqs()[-1] == 21


@virtual_time
async def test_fresh_goes_before_the_backlog_and_each_on_its_topic(tmp_path: Path) -> None:
    async with _bench(tmp_path, Policy(window=6)) as bench:
        await bench.commit(30)
        await asyncio.sleep(60)  # thirty seconds are fresh
        await bench.commit(2)
        async with bench.connected() as link:
            assert link.seqs()[:2] == [31, 32]
            topics = [topic for topic, _ in link.published if topic != _TOPICS.keys]
            assert topics == [_TOPICS.live] * 2 + [_TOPICS.backlog] * 30


# --- the broker says no -----------------------------------------------------------------------------------------------


@virtual_time
async def test_a_refused_publish_is_told_kept_and_sent_again_later(tmp_path: Path) -> None:
    async with _bench(tmp_path, Policy(confirm="broker")) as bench:
        await bench.commit()
        async with bench.connected(_Link(reason=_REFUSED)) as link:
            assert bench.waiting == 1
            assert [code for code, _ in bench.events] == ["uplink_refused"]
            link.reason = _SUCCESS
            await asyncio.sleep(11)
            await bench.calm()
            assert bench.waiting == 0
        assert bench.forwarder.figures.refused >= 1


@virtual_time
async def test_a_refused_epoch_record_is_published_again(tmp_path: Path) -> None:
    async with _bench(tmp_path) as bench:
        await bench.commit()
        async with bench.connected(_Link(reason=None)) as link:
            link.answers[0].set_result(_reason(_REFUSED))
            link.answers[1].set_result(_reason(_SUCCESS))
            await asyncio.sleep(11)
            assert link.keys() == 2
            assert link.seqs() == [1, 1]


@pytest.mark.parametrize(("policy", "waiting", "told"), [("hold", 1, ["no_subscribers"]), ("accept", 0, [])])
def test_a_message_for_nobody_is_what_the_site_says_it_is(
    tmp_path: Path,
    policy: Literal["hold", "accept"],
    waiting: int,
    told: list[str],
) -> None:
    @virtual_time
    async def run() -> None:
        async with _bench(tmp_path, Policy("broker", policy)) as bench:
            await bench.commit()
            async with bench.connected(_Link(reason=NO_MATCHING_SUBSCRIBERS)):
                assert bench.waiting == waiting
                assert [code for code, _ in bench.events] == told

    run()


@virtual_time
async def test_troubles_of_delivery_do_not_breed(tmp_path: Path) -> None:
    async with _bench(tmp_path) as bench:
        told: list[tuple[str, bool]] = []

        def tell(code: str, active: bool) -> None:  # noqa: FBT001 - the forwarder's callback
            told.append((code, active))
            tasks.create_task(bench.commit(1, ReadingClass.ALARM))  # as the hub does: an alarm is a batch

        bench.forwarder._reluctance._tell = tell
        async with asyncio.TaskGroup() as tasks:
            await bench.commit()
            async with bench.connected(_Link(reason=NO_MATCHING_SUBSCRIBERS)) as link:
                await asyncio.sleep(600)
                assert told == [("no_subscribers", True)]
                assert len(link.published) < 700  # one probe a second, not one for each answer
                link.reason = _SUCCESS
                await asyncio.sleep(5)
            assert told == [("no_subscribers", True), ("no_subscribers", False)]


@virtual_time
async def test_a_silent_broker_costs_the_link_after_its_time(tmp_path: Path) -> None:
    async with _bench(tmp_path) as bench:
        await bench.commit()
        link = _Link(reason=None)
        began_s = bench.clock.monotonic_s()
        with pytest.raises(DeliveryError, match="no PUBACK"):
            await bench.forwarder.run(link)
        assert PUBACK_TIMEOUT_S <= bench.clock.monotonic_s() - began_s <= PUBACK_TIMEOUT_S + 1.5


# --- the NOC says no, or nothing --------------------------------------------------------------------------------------


@virtual_time
async def test_what_is_not_confirmed_in_time_is_sent_again(tmp_path: Path) -> None:
    async with _bench(tmp_path) as bench:
        await bench.commit()
        async with bench.connected() as link:
            await asyncio.sleep(9)
            assert link.seqs() == [1]
            await asyncio.sleep(2)
            assert link.seqs() == [1, 1]
            bench.say([(1, 1)])
            await asyncio.sleep(60)
            assert link.seqs() == [1, 1]
        assert bench.forwarder.figures.resent == 1


@virtual_time
async def test_what_the_noc_has_is_not_sent_again_nor_counted_twice_before_its_row_goes(tmp_path: Path) -> None:
    async with _bench(tmp_path) as bench:
        await bench.commit(4)
        async with bench.connected() as link:
            assert link.seqs() == [1, 2, 3, 4]
            bench.say([(1, 3)])  # as the collector may have said on an earlier link, which then died
            bench.forwarder.lanes.forget([key_of(ReadingClass.CONTINUOUS, seq) for seq in range(1, 5)])
            bench.forwarder.lanes.release([key_of(ReadingClass.CONTINUOUS, 1)])  # its cursor goes back to the first
            bench.forwarder.offer([])
            await asyncio.sleep(5)
            assert link.seqs() == [1, 2, 3, 4, 4]
            bench.say([(1, 4)])
            assert bench.waiting == 0
            await bench.outbox.settle()
        assert bench.waiting == 0


@virtual_time
async def test_an_epoch_that_the_noc_lacks_goes_with_the_next_copy(tmp_path: Path) -> None:
    async with _bench(tmp_path) as bench:
        await bench.commit()
        async with bench.connected() as link:
            epoch = parse_batch(link.published[1][1]).header.epoch
            bench.say(wanted=(epoch,))
            await asyncio.sleep(11)
            assert link.keys() == 2


@virtual_time
async def test_a_batch_that_the_noc_cannot_use_is_set_aside_and_kept(tmp_path: Path) -> None:
    async with _bench(tmp_path) as bench:
        await bench.commit(2)
        async with bench.connected() as link:
            bench.say([(2, 2)], refused=((bench.epoch, 1, "bad_seal"), (bench.epoch, 77, "bad_seal")))
            await asyncio.sleep(60)
            assert link.seqs() == [1, 2]
        assert bench.waiting == 1
        assert bench.events == [("batch_refused", {"seq": 1, "why": "bad_seal", "times": 1})]


# --- links that die ---------------------------------------------------------------------------------------------------


@virtual_time
async def test_what_cannot_be_given_its_form_takes_no_room_on_the_way(tmp_path: Path) -> None:
    """A site that lets go of its NOC has a backlog that only the NOC could open."""
    async with _bench(tmp_path) as bench:
        await bench.commit(2 * Policy().window)
        public = IDENTITY.public_key()
        bench.forwarder.form = Clear(opening_key(IDENTITY), public, bench.outbox.epoch_record)
        async with bench.connected() as link:
            await bench.commit()
            await bench.calm()
            assert not link.published
            assert bench.forwarder.figures.refused == 2 * Policy().window + 1
            bench.forwarder.form = Sealed()
            await bench.commit(cls=ReadingClass.ALARM)
            await bench.calm()
            assert bench.outbox.last_seq in link.seqs()


@virtual_time
async def test_what_a_dead_link_swallowed_goes_first_on_the_next(tmp_path: Path) -> None:
    async with _bench(tmp_path) as bench:
        await bench.commit(3)
        first = _Link(reason=None)
        async with asyncio.TaskGroup() as tasks:
            run = tasks.create_task(_ended(bench.forwarder.run(first)))
            await bench.calm()
            for answer in first.answers[:2]:
                answer.set_result(_reason(_SUCCESS))  # the epoch record, and batch 1
            await settle()
            first.lose("cable cut")
            assert "cable cut" in await run
        await bench.commit()
        async with bench.connected() as second:
            assert second.seqs() == [2, 3, 4]
            assert second.keys() == 1
            await asyncio.sleep(11)
            assert 1 in second.seqs()


@virtual_time
async def test_a_window_that_was_full_at_the_cut_is_free_on_the_next_link(tmp_path: Path) -> None:
    async with _bench(tmp_path) as bench:
        window = bench.policy.window
        await bench.commit(window + 3)
        first = _Link(reason=None)
        async with asyncio.TaskGroup() as tasks:
            run = tasks.create_task(_ended(bench.forwarder.run(first)))
            await bench.calm()
            assert len(first.published) == window  # not one more goes without a PUBACK
            first.lose("cable cut")
            await run
        async with bench.connected() as second:
            await asyncio.sleep(61)
            assert set(second.seqs()) == set(range(1, window + 4))
            bench.say([(1, window + 3)])
        assert bench.waiting == 0


async def _ended(run: Any) -> str:  # noqa: ANN401 - a coroutine
    with pytest.raises(DeliveryError) as why:
        await run
    return str(why.value)


def test_a_backlog_of_many_short_lives_does_not_overrun_the_link(tmp_path: Path) -> None:
    @virtual_time
    async def life() -> None:
        async with _bench(tmp_path) as bench:
            await bench.commit()

    @virtual_time
    async def drain() -> None:
        async with _bench(tmp_path, Policy(window=8)) as bench, bench.connected(_Link(reason=None, room=9)) as link:
            await bench.commit(8)  # fresh ones besides, which have the other half of the window
            await bench.calm()
            while len(set(link.seqs())) < 38:
                (first, *_) = [answer for answer in link.answers if not answer.done()]
                first.set_result(_reason(_SUCCESS))
                await bench.calm()
            assert link.keys() == 31
            assert not link.closed.done()

    for _ in range(30):
        life()
    drain()


class _Story:
    """A forwarder to which things happen."""

    def __init__(self, bench: _Bench, tasks: asyncio.TaskGroup) -> None:
        self.bench, self.tasks = bench, tasks
        self.committed = 0
        self._connect()

    def _connect(self) -> None:
        self.link = _Link(reason=None)
        self._run = self.tasks.create_task(_ended(self.bench.forwarder.run(self.link)))

    async def lose(self) -> None:
        self.link.lose("gone")
        await self._run

    async def happen(self, what: str) -> None:
        if what in {"commit", "alarm"}:
            await self.bench.commit(1, ReadingClass.ALARM if what == "alarm" else ReadingClass.CONTINUOUS)
            self.committed += 1
        elif what == "lose":
            await self.lose()
            self._connect()
        elif what == "confirm":
            for seq in self.link.seqs()[:2]:
                self.bench.say([(seq, seq)])
        elif what == "wait":
            await asyncio.sleep(3)
        else:
            self.answer(_SUCCESS if what == "ack" else _REFUSED)

    def answer(self, value: int) -> None:
        for answer in self.link.answers:
            if not answer.done():
                answer.set_result(_reason(value))

    async def end_well(self) -> None:
        """From now on broker and NOC do what they should."""
        await self.lose()
        self._connect()
        for _ in range(200):
            if not self.bench.waiting:
                break
            await self.bench.calm()
            self.answer(_SUCCESS)
            for seq in self.link.seqs():
                self.bench.say([(seq, seq)])
            await asyncio.sleep(5)  # what seemed to kill the link is set aside for up to ten minutes
        await self.lose()


@given(script=st.lists(st.sampled_from(["commit", "alarm", "lose", "refuse", "ack", "confirm", "wait"]), max_size=30))
@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
def test_whatever_happens_everything_is_confirmed_in_the_end_and_counted_once(
    tmp_path_factory: pytest.TempPathFactory, script: list[str]
) -> None:
    @virtual_time
    async def run() -> None:
        async with _bench(tmp_path_factory.mktemp("f"), Policy(window=3)) as bench, asyncio.TaskGroup() as tasks:
            story = _Story(bench, tasks)
            for what in script:
                await story.happen(what)
                await bench.calm()
            await story.end_well()
            assert bench.waiting == 0
            assert bench.forwarder.figures.confirmed == story.committed

    run()
