"""What must be done now and then: settle the outbox, watch the clock, show the alarms, keep the floor.

Owns: the turn of a second and the turn of a minute. Never: does work whose failure it would hide.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from typing import Final

from hub_agent.clock import Clock, Floor
from hub_agent.model import Stamp
from hub_agent.outbox import ledger
from hub_agent.outbox.outbox import Outbox
from hub_agent.outbox.store import Store

TURN_S: Final = 1.0
SETTLE_S: Final = 60.0
FLOOR: Final = "floor"
"""The name of the clock floor among the outbox's local state."""


def _prune(store: Store, now: datetime) -> None:
    store.on_connection(partial(ledger.prune, now=now))


async def keep_house(
    outbox: Outbox,
    floor: Floor,
    clock: Clock,
    *,
    show: Callable[[], None],
    watch_clock: Callable[[Stamp | None, Stamp], None],
    watch_storage: Callable[[], Awaitable[None]],
) -> None:
    """Turn for ever.

    Args:
        outbox: settled each minute.
        floor: persisted each minute.
        clock: stamps.
        show: shows how the alarms stand.
        watch_clock: is told the stamp of the turn before and of this one.
        watch_storage: looks at the room that is left.
    """
    before: Stamp | None = None
    settled_s = clock.monotonic_s()
    while True:
        stamp = clock.stamp()
        watch_clock(before, stamp)
        before = stamp
        show()
        await watch_storage()
        if clock.monotonic_s() - settled_s >= SETTLE_S:
            settled_s = clock.monotonic_s()
            await outbox.settle()
            await outbox.save(FLOOR, floor.persistable())
            await outbox.run(partial(_prune, now=floor.now()))
        await asyncio.sleep(TURN_S)
