"""What must be done now and then: settle the outbox, watch the clock and the gaps, show the alarms, keep the time.

Owns: the turn of a second and the turn of a minute. Never: does work whose failure it would hide.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from typing import Final

from hub_agent import gaps
from hub_agent.clock import Clock, Floor
from hub_agent.model import Stamp
from hub_agent.outbox import ledger
from hub_agent.outbox.outbox import Outbox
from hub_agent.outbox.store import Store

TURN_S: Final = 1.0
SETTLE_S: Final = 60.0
FLOOR: Final = "floor"
"""The name of the clock floor among the outbox's local state."""
ALIVE: Final = "alive"
"""The name, among the outbox's local state, of the newest instant that is known of this life."""


def _prune(store: Store, now: datetime) -> None:
    store.on_connection(partial(ledger.prune, now=now))


async def keep_time(outbox: Outbox, floor: Floor, clock: Clock) -> None:
    """Make durable what the next life must know of the time: the floor, and until when this one was alive.

    Raises:
        StorageError: it could not be stored.
    """
    await outbox.commit({}, state={FLOOR: floor.persistable(), ALIVE: gaps.to_bytes(clock.stamp())})


async def keep_house(
    outbox: Outbox,
    floor: Floor,
    clock: Clock,
    *,
    turn: Callable[[Stamp], None],
    watch_storage: Callable[[], Awaitable[None]],
    watch_backlog: Callable[[], Awaitable[None]],
) -> None:
    """Turn for ever.

    Args:
        outbox: settled each minute.
        floor: persisted each minute.
        clock: stamps.
        turn: is told each second.
        watch_storage: looks at the room that is left, each second.
        watch_backlog: looks at what waits, each second.
    """
    settled_s = clock.monotonic_s()
    while True:
        turn(clock.stamp())
        await watch_storage()
        await watch_backlog()
        if clock.monotonic_s() - settled_s >= SETTLE_S:
            settled_s = clock.monotonic_s()
            await outbox.settle()
            await keep_time(outbox, floor, clock)
            await outbox.run(partial(_prune, now=floor.now()))
        await asyncio.sleep(TURN_S)
