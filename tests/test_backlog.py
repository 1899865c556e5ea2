"""Readings that wait too long for their confirmation."""

import asyncio
from pathlib import Path

from hub_agent.backlog import BacklogWatch
from hub_agent.health import Uplink
from tests.rooms import a_room, spo2
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
