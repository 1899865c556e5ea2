import asyncio
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub_agent.envelope import Ranges, parse_batch
from hub_agent.errors import StorageError
from hub_agent.model import ReadingClass
from hub_agent.outbox.rows import Row
from hub_agent.outbox.store import Change, Store
from hub_agent.topics import Topics
from hub_agent.wire import Event
from tests.outbox.journey import Hub, Noc, reading
from tests.rooms import HUB
from tests.virtual import LoopClock, VirtualLoop, virtual_time

CLS = ReadingClass.CONTINUOUS

pytestmark = pytest.mark.usefixtures("unsynced")


async def seconds(hub: Hub, numbers: range, every_s: float = 1.0) -> None:
    """Commit one reading each second, as the intake and the housekeeping do."""
    for number in numbers:
        await hub.commit([reading(number, hub.clock)])
        await hub.forwarder.rewrite()
        await asyncio.sleep(every_s)


async def rows(hub: Hub, cls: ReadingClass = CLS) -> list[Row]:
    return await hub.outbox.after(cls, 0, 10_000)


def covers(row: Row) -> Ranges:
    return parse_batch(row.envelope).header.covers


@virtual_time
async def test_a_minute_that_waits_becomes_one_batch_and_reaches_the_noc_once(tmp_path: Path) -> None:
    hub, noc = Hub(tmp_path / "o.db", LoopClock()), Noc(tmp_path / "noc.db")
    await seconds(hub, range(150))
    stored = await rows(hub)
    assert [row.items for row in stored if row.numbers > 1] == [60, 60]
    assert [covers(row) for row in stored if row.numbers > 1] == [((1, 60),), ((61, 61), (63, 121))]
    assert hub.waiting() == [2 + 30, 150, 152]
    noc.take(Topics(HUB).health, json.dumps(hub.health()).encode())
    await hub.drain(noc)
    assert sorted(noc.numbers()) == [*range(150)]
    assert (hub.waiting(), noc.faults) == ([0, 0, 0], [])
    await hub.die()


@virtual_time
async def test_numbers_of_other_classes_in_between_are_not_covered(tmp_path: Path) -> None:
    hub, noc = Hub(tmp_path / "o.db", LoopClock()), Noc(tmp_path / "noc.db")
    await seconds(hub, range(20))
    await hub.commit([reading(1000, hub.clock, ReadingClass.EPISODIC)], ReadingClass.EPISODIC)
    await seconds(hub, range(20, 61))
    [rewritten] = [row for row in await rows(hub) if row.numbers > 1]
    assert covers(rewritten) == ((1, 20), (22, 61))
    await hub.drain(noc)
    assert sorted(noc.numbers()) == [*range(61), 1000]
    assert noc.faults == []
    await hub.die()


@virtual_time
async def test_what_was_handed_to_the_broker_stays_as_it_is(tmp_path: Path) -> None:
    hub, noc = Hub(tmp_path / "o.db", LoopClock()), Noc(tmp_path / "noc.db")
    await seconds(hub, range(30))
    await hub.drain(noc, confirm=False)
    assert len(hub.outbox.recent) == 0
    await seconds(hub, range(30, 95))
    assert [covers(row) for row in await rows(hub) if row.numbers > 1] == [((31, 90),)]
    await hub.drain(noc)
    assert sorted(noc.numbers()) == [*range(95)]
    assert noc.faults == []
    await hub.die()


@virtual_time
async def test_what_an_earlier_process_sealed_stays_as_it_is(tmp_path: Path) -> None:
    hub, noc = Hub(tmp_path / "o.db", LoopClock()), Noc(tmp_path / "noc.db")
    await seconds(hub, range(30))
    await hub.die()
    hub.open()
    await seconds(hub, range(30, 100))
    assert [covers(row) for row in await rows(hub) if row.numbers > 1] == [((31, 90),)]
    await hub.drain(noc)
    assert sorted(noc.numbers()) == [*range(100)]
    assert noc.faults == []
    await hub.die()


@virtual_time
async def test_a_rewrite_that_fails_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub, noc = Hub(tmp_path / "o.db", LoopClock()), Noc(tmp_path / "noc.db")
    await seconds(hub, range(60))
    before = await rows(hub)
    apply = Store.apply

    def refuse(store: Store, change: Change) -> Any:  # noqa: ANN401 - what apply gives
        if change.removed:
            raise StorageError("the disk says no")
        return apply(store, change)

    monkeypatch.setattr(Store, "apply", refuse)
    with pytest.raises(StorageError, match="says no"):
        await hub.forwarder.rewrite()
    assert await rows(hub) == before
    await hub.drain(noc)
    assert sorted(noc.numbers()) == [*range(60)]
    await hub.die()


# --- whatever happens -------------------------------------------------------------------------------------------------

STEPS = st.sampled_from(["second", "second", "minute", "episode", "waves", "send", "deliver", "settle", "die", "shed"])


class Story:
    """Runs steps and keeps the books."""

    def __init__(self, here: Path) -> None:
        self.hub = Hub(here / "o.db", LoopClock())
        self.noc = Noc(here / "noc.db")
        self.made = 0

    def _more(self, count: int) -> range:
        self.made += count
        return range(self.made - count, self.made)

    async def step(self, name: str) -> None:
        hub = self.hub
        match name:
            case "second":
                await seconds(hub, self._more(1))
            case "minute":
                await seconds(hub, self._more(7), every_s=10.0)
            case "episode":
                await self._one(ReadingClass.EPISODIC)
            case "waves":
                await self._one(ReadingClass.WAVEFORM)
            case "send":
                await hub.drain(self.noc, confirm=False)
            case "deliver":
                await hub.drain(self.noc)
            case "settle":
                await hub.outbox.settle()
            case "die":
                await hub.die()
                hub.open()
            case _:
                await hub.shed()

    async def _one(self, cls: ReadingClass) -> None:
        [number] = self._more(1)
        await self.hub.commit([reading(number, self.hub.clock, cls)], cls)

    async def end(self) -> tuple[list[int], list[Event]]:
        """Deliver everything; give what was charted and the gap records."""
        await self.hub.drain(self.noc)
        tallies = await self.hub.outbox.run(Store.tally)
        left = sum(tally.batches for tally in tallies.values()) - len(self.hub.outbox._delivered)
        assert (self.hub.waiting(), left) == ([0, 0, 0], 0)
        await self.hub.die()
        return self.noc.numbers(), self.noc.events("gap")


@settings(deadline=None, max_examples=30)
@given(st.lists(STEPS, max_size=14))
def test_every_reading_is_charted_once_or_named_in_a_gap_record(steps: list[str]) -> None:
    async def tell() -> None:
        with tempfile.TemporaryDirectory() as here:
            story = Story(Path(here))
            for step in steps:
                await story.step(step)
                story.noc.take(Topics(HUB).health, json.dumps(story.hub.health()).encode())
            numbers, gaps = await story.end()
            story.noc.take(Topics(HUB).health, json.dumps(story.hub.health()).encode())
            story.noc.store.close()
            assert len(numbers) == len(set(numbers))
            lost = set(range(story.made)) - set(numbers)
            assert len(lost) <= sum(gap.fields["items"] for gap in gaps)
            assert not lost or gaps
            assert story.noc.faults == []

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(tell())
