"""What must be done now and then: settle the outbox, watch clock, gaps, storage and backlog, leave notes for a restart.

Owns: the turn of a second and the turn of a minute. Never: does work whose failure it would hide.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Final

from hub_agent import gaps
from hub_agent.clock import Clock, Floor
from hub_agent.errors import FullError
from hub_agent.latency import Latency
from hub_agent.machine import Wear
from hub_agent.model import Stamp
from hub_agent.outbox import ledger
from hub_agent.outbox.outbox import Outbox
from hub_agent.outbox.store import Store

TURN_S: Final = 1.0
SETTLE_S: Final = 60.0
FLOOR: Final = "floor"
"""The name of the clock's floor among the outbox's local state."""
ALIVE: Final = "alive"
"""The name, among the outbox's local state, of the newest instant that is known of this life."""
ENDED: Final = "ended"
"""The name of the instant at which a life ended as planned; one whose ``alive`` is newer was cut short."""
WEAR: Final = "wear"
"""The name of how much was written to the card today."""


def _prune(store: Store, now: datetime) -> None:
    store.on_connection(partial(ledger.prune, now=now))


class Notes:
    """What one life of the process leaves to the next.

    Args:
        outbox: keeps it.
        floor: of the clock.
        clock: stamps.
        wear: counts what is written to the card.
        holds: says whether something was received that is not durable for want of room: should the process die now,
            the gap that its next life tells must hold that.
    """

    def __init__(
        self, outbox: Outbox, floor: Floor, clock: Clock, wear: Wear, holds: Callable[[], bool] = lambda: False
    ) -> None:
        self._outbox = outbox
        self._floor = floor
        self._clock = clock
        self._wear = wear
        self._holds = holds

    async def read(self) -> tuple[Stamp | None, str]:
        """Take up what is there: give the newest instant that is known of the life before, and how that came out.

        Returns:
            None and ``new`` where there was none; else its last instant, and ``ended`` or ``cut``.

        Raises:
            StorageError: it cannot be read.
        """
        floor, alive, ended, wear = [await self._outbox.state(name) for name in (FLOOR, ALIVE, ENDED, WEAR)]
        if floor is not None:
            self._floor.raise_to(int.from_bytes(floor, "big"))
        if wear is not None:
            self._wear.restore(json.loads(wear))
        if alive is None:
            return None, "new"
        return gaps.from_bytes(alive), "ended" if alive == ended else "cut"

    async def write(self, *, ended: bool = False) -> None:
        """Make durable what the next life must know.

        Args:
            ended: this life ends now, and as it should.

        Raises:
            StorageError: it could not be stored.
        """
        stamp = self._clock.stamp()
        state = {FLOOR: self._floor.persistable()}
        if not self._holds():
            state[ALIVE] = gaps.to_bytes(stamp)
            if ended:
                state[ENDED] = state[ALIVE]
        written = self._wear.kept(stamp)
        if written is not None:
            state[WEAR] = json.dumps(written).encode()
        await self._outbox.commit({}, state=state)


async def keep_house(
    outbox: Outbox,
    floor: Floor,
    clock: Clock,
    notes: Notes,
    turn: Callable[[Stamp], None],
    watches: Sequence[Callable[[], Awaitable[None]]],
    lag: Latency,
) -> None:
    """Turn for ever.

    Args:
        outbox: settled each minute.
        floor: what commands are judged by.
        clock: stamps.
        notes: written at once and each minute.
        turn: is told each second.
        watches: look at storage and backlog, each second, one after the other.
        lag: is told how late each turn is: how long somebody else held the event loop when it was due.
    """
    settled_s = float("-inf")  # at once: a life that is cut in its first minute must not pass for one that ended well
    while True:
        turn(clock.stamp())
        for watch in watches:
            await watch()
        if clock.monotonic_s() - settled_s >= SETTLE_S:
            with suppress(FullError):  # again with the next turn: what the NOC confirms makes room
                await outbox.settle()
                await notes.write()
                await outbox.run(partial(_prune, now=floor.now()))
                settled_s = clock.monotonic_s()
        due_s = clock.monotonic_s() + TURN_S
        await asyncio.sleep(TURN_S)
        lag.add(clock.monotonic_s() - due_s)
