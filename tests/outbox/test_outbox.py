"""The outbox: what was committed is there, whole and in one chain, whatever stops the process in between."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from datetime import datetime
from decimal import Decimal
from functools import partial
from hashlib import sha256
from pathlib import Path
from tempfile import mkdtemp
from typing import TypeVar

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from hub_agent import wire
from hub_agent.envelope import FIRST_LINK, digest, parse_batch
from hub_agent.errors import StorageError
from hub_agent.model import Absent, DeviceTime, Measurement, Reading, ReadingClass, ReceivedReading
from hub_agent.nomenclature import SPO2
from hub_agent.outbox.box import LocalBox
from hub_agent.outbox.outbox import Committed, Outbox
from hub_agent.outbox.recent import Kept
from hub_agent.outbox.rows import seq_of
from hub_agent.outbox.store import Store
from hub_agent.wire import Item
from tests.rooms import IDENTITY, JOURNAL, open_outbox, opened
from tests.virtual import HandClock

T = TypeVar("T")

_PAGE = 3


def reading(clock: HandClock, value: int, cls: ReadingClass) -> ReceivedReading:
    return ReceivedReading("oximeter", Reading(cls, (Measurement(SPO2, "%", Decimal(value)),)), clock.stamp())


async def waiting(outbox: Outbox) -> list[Committed]:
    """Read everything that lies in the outbox, a page at a time, as the forwarder does after a start."""
    found = []
    for cls in ReadingClass:
        behind = 0
        while rows := await outbox.after(cls, behind, _PAGE):
            found += [Committed(row.key, row.items, row.envelope) for row in rows]
            behind = rows[-1].key
    return found


class OutboxMachine(RuleBasedStateMachine):
    """Commits, confirmations, settling, days, restarts and power cuts, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.here = Path(mkdtemp())
        self.life = 0
        self.clock = HandClock()
        self.values = 0
        self.committed: dict[int, list[Item]] = {}
        """Number → items, of all that was ever committed and may still have to be there."""
        self.confirmed: set[int] = set()
        self.told: set[int] = set()
        """Confirmed since the last power cut, which forgets what was not settled."""
        self.links: dict[int, bytes] = {0: FIRST_LINK}
        self.names: set[bytes] = set()
        self.state: bytes | None = None

    def run(self, work: Callable[[], Awaitable[T]]) -> T:
        async def main() -> T:
            return await work()

        return self.runner.run(main())

    @property
    def path(self) -> Path:
        return self.here / f"life-{self.life}" / "outbox.db"

    @initialize()
    def start(self) -> None:
        self.path.parent.mkdir(exist_ok=True)
        self.outbox = open_outbox(self.path, self.clock)

    @rule(
        counts=st.dictionaries(st.sampled_from(ReadingClass), st.integers(1, 4), min_size=1, max_size=3),
        named=st.booleans(),
    )
    def commit(self, counts: dict[ReadingClass, int], named: bool) -> None:  # noqa: FBT001 - drawn
        batches: dict[ReadingClass, list[Item]] = {}
        for cls, count in counts.items():
            batches[cls] = [reading(self.clock, self.values + i, cls) for i in range(count)]
            self.values += count
        names = [self.values.to_bytes(16, "big")] if named else []
        state = {"alarms": str(self.values).encode()} if named else {}
        before = self.outbox.last_seq
        made = self.run(lambda: self.outbox.commit(batches, names=names, state=state))
        self.names |= set(names)
        self.state = state.get("alarms", self.state)
        assert [parse_batch(batch.envelope).header.seq for batch in made] == [
            before + 1 + place for place in range(len(batches))
        ]
        for batch, cls in zip(made, sorted(batches), strict=True):
            header = parse_batch(batch.envelope).header
            assert (header.cls, header.items, batch.items) == (cls, counts[cls], counts[cls])
            assert header.link == self.links[header.seq - 1]
            self.links[header.seq] = digest(batch.envelope)
            self.committed[header.seq] = batches[cls]

    @precondition(lambda self: self.committed)
    @rule(data=st.data())
    def confirm(self, data: st.DataObject) -> None:
        """The NOC confirms a range, of which some were on their way and some were not."""
        first = data.draw(st.integers(1, self.outbox.last_seq))
        last = data.draw(st.integers(first, self.outbox.last_seq))
        here = {parse_batch(b.envelope).header.seq: b for b in self.run(lambda: waiting(self.outbox))}
        flown = [here[seq] for seq in here if first <= seq <= last and data.draw(st.booleans())]
        self.outbox.confirm(first, last, flown)
        self.confirmed |= set(range(first, last + 1))
        self.told |= set(range(first, last + 1))

    @rule()
    def settle(self) -> None:
        self.run(self.outbox.settle)
        left = {parse_batch(b.envelope).header.seq for b in self.run(lambda: waiting(self.outbox))}
        assert not left & self.told
        assert sum(tally.batches for tally in self.outbox.tallies.values()) == len(left)

    @rule(hours=st.sampled_from([1, 25]))
    def wait(self, hours: int) -> None:
        self.clock.later(hours * 3600.0)

    @rule()
    def restart(self) -> None:
        self.run(self.outbox.close)
        self.told.discard(self.outbox.last_seq)  # the newest stays, and nothing says any more that it is confirmed
        self.outbox = open_outbox(self.path, self.clock)

    @rule()
    def power_cut(self) -> None:
        """Go on with the files as they lie there, none of which anybody closed."""
        abandoned, before = self.outbox, self.path
        self.told = set()
        self.life += 1
        self.path.parent.mkdir()
        for suffix in ("", "-wal"):
            lying = before.with_name(before.name + suffix)
            if lying.exists():
                shutil.copy(lying, self.path.with_name(self.path.name + suffix))
        self.outbox = open_outbox(self.path, self.clock)
        self.run(abandoned.close)

    @invariant()
    def everything_that_is_not_confirmed_is_there_once_and_opens(self) -> None:
        lying = self.run(lambda: waiting(self.outbox))
        seqs = [parse_batch(batch.envelope).header.seq for batch in lying]
        assert len(seqs) == len(set(seqs))
        assert set(self.committed) - self.confirmed <= set(seqs) <= set(self.committed)
        for seq, batch in zip(seqs, lying, strict=True):
            assert opened(self.outbox, [batch]) == self.committed[seq]
            assert digest(batch.envelope) == self.links[seq]

    @invariant()
    def the_chain_goes_on_where_it_was(self) -> None:
        assert self.outbox.last_seq == max(self.committed, default=0)
        assert self.outbox.chain == self.links[self.outbox.last_seq]
        assert self.outbox.journal == JOURNAL

    @invariant()
    def local_state_and_names_are_there(self) -> None:
        assert self.run(lambda: self.outbox.state("alarms")) == self.state
        for name in self.names:
            assert self.run(partial(self.outbox.seen, name))
        assert not self.run(lambda: self.outbox.seen(bytes(16)))

    def teardown(self) -> None:
        self.run(self.outbox.close)
        self.runner.close()
        shutil.rmtree(self.here)


OutboxMachine.TestCase.settings = settings(max_examples=12, stateful_step_count=16, deadline=None)
TestOutbox = OutboxMachine.TestCase


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


async def test_the_count_of_what_waits_follows_confirmations_at_once(tmp_path: Path, clock: HandClock) -> None:
    outbox = open_outbox(tmp_path / "outbox.db", clock)
    made = await outbox.commit({cls: [reading(clock, 1, cls)] * 2 for cls in ReadingClass})
    assert [(tally.batches, tally.items) for tally in outbox.tallies.values()] == [(1, 2)] * 4
    outbox.confirm(1, 2, made[:2])
    outbox.confirm(1, 2, made[:2])  # twice, as after a lost PUBACK
    assert [tally.batches for tally in outbox.tallies.values()] == [0, 0, 1, 1]
    await outbox.settle()
    assert [tally.batches for tally in outbox.tallies.values()] == [0, 0, 1, 1]
    outbox.confirm(3, 3, [])  # of an earlier connection: not known as on its way, counted when it is deleted
    await outbox.settle()
    assert [tally.items for tally in outbox.tallies.values()] == [0, 0, 0, 2]
    await outbox.close()


async def test_the_newest_batch_is_not_counted_though_its_confirmation_came_after_a_restart(
    tmp_path: Path, clock: HandClock
) -> None:
    outbox = open_outbox(tmp_path / "outbox.db", clock)
    await outbox.commit({cls: [reading(clock, 1, cls)] * 2 for cls in ReadingClass})
    await outbox.close()
    outbox = open_outbox(tmp_path / "outbox.db", clock)
    outbox.confirm(2, 4, [])
    await outbox.settle()
    assert list(outbox.tallies.values()) == [(1, 2, 1), (0, 0, 0), (0, 0, 0), (0, 0, 0)]
    await outbox.commit({ReadingClass.ALARM: [reading(clock, 1, ReadingClass.ALARM)]})
    assert [tally.batches for tally in outbox.tallies.values()] == [2, 0, 0, 0]
    assert await outbox.run(Store.tally) == outbox.tallies
    await outbox.close()


async def test_what_is_confirmed_waits_no_more_though_its_row_is_here(tmp_path: Path, clock: HandClock) -> None:
    outbox = open_outbox(tmp_path / "outbox.db", clock)
    for _ in range(9):
        await outbox.commit({ReadingClass.CONTINUOUS: [reading(clock, 1, ReadingClass.CONTINUOUS)]})

    async def waiting(limit: int) -> list[int]:
        return [seq_of(row.key) for row in await outbox.after(ReadingClass.CONTINUOUS, 0, limit)]

    outbox.confirm(2, 6, [])
    assert await waiting(1) == [1]
    assert await waiting(3) == [1, 7, 8]  # a page is full, whatever it had to pass over: fewer would mean the end
    assert await waiting(4) == [1, 7, 8, 9]
    outbox.confirm(1, 9, [])
    assert await waiting(2) == []
    assert await outbox.oldest() == {}
    await outbox.close()


async def test_what_is_being_deleted_waits_no_more(tmp_path: Path, clock: HandClock) -> None:
    outbox = open_outbox(tmp_path / "outbox.db", clock)
    cls = ReadingClass.CONTINUOUS
    for _ in range(9):
        await outbox.commit({cls: [reading(clock, 1, cls)]})
    outbox.confirm(2, 6, [])
    async with asyncio.TaskGroup() as tasks:  # what is read first is handed out when it is as good as deleted
        first = tasks.create_task(outbox.after(cls, 0, 9))
        tasks.create_task(outbox.commit({cls: [reading(clock, 1, cls)]}))
    assert [seq_of(row.key) for row in first.result()] == [1, 7, 8, 9, 10]
    assert outbox.tallies[cls].batches == 5
    await outbox.close()


async def test_nothing_is_read_that_was_deleted_meanwhile(
    tmp_path: Path, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox = open_outbox(tmp_path / "outbox.db", clock)
    cls = ReadingClass.CONTINUOUS
    for _ in range(9):
        await outbox.commit({cls: [reading(clock, 1, cls)]})
    outbox.confirm(2, 3, [])
    run, pages = outbox.run, []

    async def and_meanwhile(work: Callable[[Store], T]) -> T:
        page = await run(work)
        pages.append(page)
        if len(pages) == 1:
            monkeypatch.setattr(outbox, "run", run)
            outbox.confirm(1, 1, [])
            await outbox.settle()
        return page

    monkeypatch.setattr(outbox, "run", and_meanwhile)
    assert [seq_of(row.key) for row in await outbox.after(cls, 0, 3)] == [4, 5, 6]
    assert len(pages) == 1
    await outbox.close()


async def test_the_newest_row_goes_though_another_change_overtakes_the_first(tmp_path: Path, clock: HandClock) -> None:
    outbox = open_outbox(tmp_path / "outbox.db", clock)
    cls = ReadingClass.CONTINUOUS
    (first,) = await outbox.commit({cls: [reading(clock, 1, cls)]})
    outbox.confirm(1, 1, [first])
    async with asyncio.TaskGroup() as tasks:  # both are asked for before either is heard of
        tasks.create_task(outbox.settle())
        tasks.create_task(outbox.commit({cls: [reading(clock, 2, cls)]}))
    await outbox.commit({cls: [reading(clock, 3, cls)]})
    rows = await outbox.run(lambda store: store.after(cls, 0, 9))
    assert [seq_of(row.key) for row in rows] == [2, 3]
    await outbox.close()


async def test_what_was_confirmed_goes_though_its_change_was_given_up(tmp_path: Path, clock: HandClock) -> None:
    outbox = open_outbox(tmp_path / "outbox.db", clock)
    cls = ReadingClass.CONTINUOUS
    (first,) = await outbox.commit({cls: [reading(clock, 1, cls)]})
    outbox.confirm(1, 1, [first])
    async with asyncio.TaskGroup() as tasks:
        saving = tasks.create_task(outbox.save("alarms", b"here"))
        await asyncio.sleep(0)
        saving.cancel()
    await outbox.commit({cls: [reading(clock, 2, cls)]})
    rows = await outbox.run(lambda store: store.after(cls, 0, 9))
    assert [seq_of(row.key) for row in rows] == [2]
    assert outbox.tallies[cls].batches == 1
    await outbox.close()


async def test_nothing_is_read_that_was_rewritten_meanwhile(tmp_path: Path, clock: HandClock) -> None:
    outbox = open_outbox(tmp_path / "outbox.db", clock)
    cls = ReadingClass.CONTINUOUS
    made = [(await outbox.commit({cls: [reading(clock, value, cls)]}))[0] for value in range(1, 7)]
    outbox.confirm(1, 1, made[:1])  # so that one page does not fill the answer
    kept = [Kept(batch, [reading(clock, seq_of(batch.key), cls)], clock.monotonic_s()) for batch in made[1:3]]
    async with asyncio.TaskGroup() as tasks:
        read = tasks.create_task(outbox.after(cls, 0, 3))
        tasks.create_task(outbox.rewrite(kept))
    assert [seq_of(row.key) for row in read.result()] == [4, 5, 6]
    await outbox.close()


async def test_an_epoch_lasts_a_day_and_its_record_as_long_as_its_batches(tmp_path: Path, clock: HandClock) -> None:
    outbox = open_outbox(tmp_path / "outbox.db", clock)
    epochs = []
    for _ in range(3):
        (batch,) = await outbox.commit({ReadingClass.EPISODIC: [reading(clock, 1, ReadingClass.EPISODIC)]})
        epochs.append(parse_batch(batch.envelope).header.epoch)
        clock.later(50_000.0)
    assert epochs[0] == epochs[1] != epochs[2]
    outbox.confirm(1, 2, [])
    await outbox.settle()
    assert outbox.epoch_record(epochs[0]) is None
    assert outbox.epoch_record(epochs[2]) is not None
    await outbox.close()


async def test_a_start_opens_a_new_epoch(tmp_path: Path, clock: HandClock) -> None:
    epochs = set()
    for _ in range(2):
        outbox = open_outbox(tmp_path / "outbox.db", clock)
        (batch,) = await outbox.commit({ReadingClass.ALARM: [reading(clock, 1, ReadingClass.ALARM)]})
        epochs.add(parse_batch(batch.envelope).header.epoch)
        await outbox.close()
    assert len(epochs) == 2


async def test_nothing_readable_lies_in_the_file(tmp_path: Path, clock: HandClock) -> None:
    outbox = open_outbox(tmp_path / "outbox.db", clock)
    secret = ReceivedReading("bedside-scale", reading(clock, 77, ReadingClass.EPISODIC).reading, clock.stamp())
    await outbox.commit({ReadingClass.EPISODIC: [secret] * 20}, state={"alarms": b"bedside-scale is low"})
    lying = b"".join(file.read_bytes() for file in tmp_path.iterdir())  # noqa: ASYNC240 - a few pages
    assert b"bedside" not in lying
    assert b"mm[Hg]" not in lying
    await outbox.close()


async def test_another_identity_reads_no_local_state(tmp_path: Path, clock: HandClock) -> None:
    outbox = open_outbox(tmp_path / "outbox.db", clock)
    await outbox.save("alarms", b"here")
    assert await outbox.state("nothing") is None
    value = await outbox.run(lambda store: store.state("alarms"))
    await outbox.commit({}, state={})
    assert value is not None
    with pytest.raises(StorageError, match="does not open"):
        outbox._box.open("other", value)
    await outbox.close()


def test_a_file_of_a_newer_release_is_left_alone(tmp_path: Path) -> None:
    store = Store(tmp_path / "outbox.db", JOURNAL)
    store.on_connection(lambda db: db.execute("PRAGMA user_version=99"))
    store.close()
    with pytest.raises(StorageError, match="schema 99"):
        Store(tmp_path / "outbox.db", JOURNAL)


def test_a_record_has_one_name_for_each_device_that_only_its_hub_can_make() -> None:
    def reading(record: int, *, stored: bool = False) -> Reading:
        return Reading(ReadingClass.EPISODIC, (Measurement(SPO2, "%", Decimal(97)),), record=record, stored=stored)

    box = LocalBox(IDENTITY)
    name = box.name(wire.distinction("cuff", reading(17)))
    assert len(name) == 16
    assert name == box.name(wire.distinction("cuff", reading(17, stored=True)))
    others = {("cuff-2", 17), ("cuff", 18)}
    assert name not in {box.name(wire.distinction(device, reading(record))) for device, record in others}
    stranger = LocalBox(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
    assert name != stranger.name(wire.distinction("cuff", reading(17)))
    assert name != sha256(wire.distinction("cuff", reading(17))).digest()[:16]


def test_what_tells_records_apart_never_changes() -> None:
    reading = Reading(
        ReadingClass.EPISODIC,
        (Measurement(SPO2, "%", Decimal("97.0")), Measurement(SPO2, "%", None, Absent.NOT_A_NUMBER)),
        measured=DeviceTime(datetime(2026, 2, 10, 13, 0, 2), 60),  # noqa: DTZ001 - devices know no time zone
        user=2,
    )
    spelt = (
        "86016463756666f68273323032362d30322d31305431333a30303a3032183c0282841"
        "a00024bb861256439372e30f6841a00024bb86125f66c6e6f742d612d6e756d626572"
    )
    assert wire.distinction("cuff", reading).hex() == spelt
