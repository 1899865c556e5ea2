"""Readings that wait too long for their confirmation."""

import asyncio
from pathlib import Path

from hub_agent.backlog import BacklogWatch
from hub_agent.health import Uplink
from hub_agent.model import ClockState, ReadingClass, ReceivedReading
from tests.rooms import a_room, pressure, spo2
from tests.virtual import LoopClock, virtual_time


@virtual_time
async def test_what_waits_a_minute_on_a_link_that_is_up_is_late_until_it_is_confirmed(tmp_path: Path) -> None:
    clock = LoopClock()
    async with a_room(tmp_path / "o.db", clock) as room:
        told: list[bool] = []
        uplink = Uplink(down_s=clock.monotonic_s())
        watch = BacklogWatch(room.outbox, uplink, clock, told.append)

        async def look(seconds: int) -> None:
            for _ in range(seconds):
                await watch.turn()
                await asyncio.sleep(1)

        await room.take(spo2(97))
        await room.intake.drain()
        await look(120)
        assert told == []  # the link is down: another alarm's business
        uplink.connected_s = clock.monotonic_s()
        await look(60)
        assert told == []
        await look(1)
        assert told == [True]
        await room.take(spo2(96))
        await room.intake.drain()
        room.outbox.confirm(1, 1, ())
        await look(1)
        assert told == [True, False]
        await look(70)
        assert told == [True, False, True]  # now the second is late


@virtual_time
async def test_the_age_of_the_oldest_is_never_told_too_small(tmp_path: Path) -> None:
    clock = LoopClock()
    async with a_room(tmp_path / "o.db", clock) as room:
        watch = BacklogWatch(room.outbox, Uplink(down_s=clock.monotonic_s()), clock, lambda _late: None)

        async def look(seconds: int) -> dict[ReadingClass, float]:
            for _ in range(seconds):
                await asyncio.sleep(1)
                await watch.turn()
            return watch.oldest_s

        assert await look(3) == {}
        await room.take(spo2(97))
        await room.intake.drain()
        assert await look(1) == {ReadingClass.CONTINUOUS: 1.0}
        cuff = ReceivedReading("cuff", pressure(120), clock.stamp(), "")
        await room.outbox.commit({ReadingClass.EPISODIC: [cuff]})
        assert await look(30) == {ReadingClass.CONTINUOUS: 31.0, ReadingClass.EPISODIC: 30.0}
        room.outbox.confirm(1, 1, ())
        assert await look(1) == {ReadingClass.EPISODIC: 31.0}
        await look(3600)
        assert 3631 <= watch.oldest_s[ReadingClass.EPISODIC] <= 3631 + 60
        room.outbox.confirm(2, 2, ())
        assert await look(1) == {}


@virtual_time
async def test_days_of_an_outage_take_little_memory_and_are_told_to_the_minute(tmp_path: Path) -> None:
    clock = LoopClock()
    async with a_room(tmp_path / "o.db", clock) as room:
        watch = BacklogWatch(room.outbox, Uplink(down_s=clock.monotonic_s()), clock, lambda _late: None)
        await watch.turn()
        for _ in range(120):
            await room.take(spo2(97))
            await room.intake.drain()
            await asyncio.sleep(20)
            await watch.turn()
        for last in (60, 119):
            room.outbox.confirm(1, last, ())
            await watch.turn()
            waited_s = 20 * (120 - last)
            assert waited_s <= watch.oldest_s[ReadingClass.CONTINUOUS] <= waited_s + 60
        assert len(watch._looks) < 60


@virtual_time
async def test_what_an_earlier_life_left_is_as_old_as_its_epoch(tmp_path: Path) -> None:
    clock = LoopClock()
    async with a_room(tmp_path / "o.db", clock) as room:
        await room.take(spo2(97))
        await room.intake.drain()
    await asyncio.sleep(7200)
    async with a_room(tmp_path / "o.db", clock) as room:
        watch = BacklogWatch(room.outbox, Uplink(down_s=clock.monotonic_s()), clock, lambda _late: None)
        await watch.turn()
        assert watch.oldest_s == {ReadingClass.CONTINUOUS: 7200.0}
        clock.state = ClockState.UNSYNCED  # then only this life counts
        await asyncio.sleep(5)
        await watch.turn()
        assert watch.oldest_s == {ReadingClass.CONTINUOUS: 5.0}
