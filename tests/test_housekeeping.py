"""What one life of the process leaves to the next."""

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest

from hub_agent.clock import Floor
from hub_agent.housekeeping import Notes, keep_house
from hub_agent.latency import Latency
from hub_agent.machine import Wear
from tests.rooms import Crammed, Room, a_room
from tests.virtual import LoopClock, hold, virtual_time


def _notes(room: Room, wear: Wear | None = None) -> Notes:
    return Notes(room.outbox, Floor(room.clock), room.clock, wear or Wear(lambda: None))


@virtual_time
async def test_a_life_knows_whether_the_one_before_ended_or_was_cut(tmp_path: Path) -> None:
    clock = LoopClock()
    async with a_room(tmp_path / "o.db", clock) as room:
        notes = _notes(room)
        assert await notes.read() == (None, "new")
        await notes.write()
        last = clock.stamp()
        assert await notes.read() == (last, "cut")
        await asyncio.sleep(60)
        await notes.write(ended=True)
    async with a_room(tmp_path / "o.db", clock) as room:
        notes = _notes(room)
        assert await notes.read() == (clock.stamp(), "ended")
        await asyncio.sleep(1)
        await notes.write()
        assert (await notes.read())[1] == "cut"


@virtual_time
async def test_a_life_that_is_cut_at_once_is_not_taken_for_one_that_ended(tmp_path: Path) -> None:
    clock = LoopClock()
    async with a_room(tmp_path / "o.db", clock) as room:
        notes = _notes(room)
        await notes.write(ended=True)
        await asyncio.sleep(5)
        with suppress(TimeoutError):
            async with asyncio.timeout(2):
                await keep_house(room.outbox, Floor(clock), clock, notes, lambda _stamp: None, (), Latency())
        assert (await notes.read())[1] == "cut"


@virtual_time
async def test_the_day_and_the_floor_go_on_where_they_were(tmp_path: Path) -> None:
    clock = LoopClock()
    async with a_room(tmp_path / "o.db", clock) as room:
        floor = Floor(clock)
        ahead_ns = clock.stamp().wall_ns + 10**12
        floor.raise_to(ahead_ns)
        await Notes(room.outbox, floor, clock, Wear(lambda: 700)).write()
        floor, wear = Floor(clock), Wear(lambda: 5)
        await Notes(room.outbox, floor, clock, wear).read()
        assert wear.today_bytes(clock.stamp()) == 705
        assert round(floor.now().timestamp() * 1e9) >= ahead_ns


@virtual_time
async def test_a_turn_that_comes_late_tells_by_how_much_the_loop_lagged(tmp_path: Path) -> None:
    clock, lag = LoopClock(), Latency()
    async with a_room(tmp_path / "o.db", clock) as room:
        with suppress(TimeoutError):
            async with asyncio.timeout(10.5):
                asyncio.get_running_loop().call_later(4.9, hold, 2.0)
                await keep_house(room.outbox, Floor(clock), clock, _notes(room), lambda _stamp: None, (), lag)
    assert lag.count == 8  # two of ten turns were swallowed
    assert lag.quantile(0.5) == pytest.approx(0.0, abs=2e-6)
    assert lag.max_s == pytest.approx(1.9)


@virtual_time
async def test_where_there_is_no_room_notes_are_left_as_soon_as_there_is(tmp_path: Path) -> None:
    clock = LoopClock()
    async with a_room(tmp_path / "o.db", clock, store=Crammed) as room:
        store, notes = room.outbox._store, _notes(room)
        assert isinstance(store, Crammed)
        store.full = True
        asyncio.get_running_loop().call_later(90, setattr, store, "full", False)
        with suppress(TimeoutError):
            async with asyncio.timeout(92):
                await keep_house(room.outbox, Floor(clock), clock, notes, lambda _stamp: None, (), Latency())
        alive, _ = await notes.read()
        assert alive is not None
        assert alive.monotonic_ns / 1e9 >= clock.monotonic_s() - 2


@virtual_time
async def test_while_something_waits_for_room_the_instant_before_it_stays_the_newest_that_is_known(
    tmp_path: Path,
) -> None:
    """What waits is lost with the process; the gap that the next life tells begins at that instant."""
    clock, holds = LoopClock(), False
    async with a_room(tmp_path / "o.db", clock) as room:
        notes = Notes(room.outbox, Floor(clock), clock, Wear(lambda: 0), lambda: holds)
        await notes.write()
        known = (await notes.read())[0]
        holds = True
        await asyncio.sleep(60)
        await notes.write()
        assert (await notes.read())[0] == known
        holds = False
        await notes.write()
        assert (await notes.read())[0] == clock.stamp()
