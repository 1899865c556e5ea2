"""The replay store as the desk wants it: asynchronous, on the outbox's writer thread.

Owns: nothing; it hands each call to :mod:`hub_agent.outbox.ledger` with the one connection.
Never: decides.
"""

import sqlite3
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

from hub_agent.commands.record import Recorded, Result, Row, Seen, State, VerifiedCommand
from hub_agent.errors import StorageError
from hub_agent.outbox import ledger
from hub_agent.outbox.outbox import Outbox

T = TypeVar("T")


class CommandLedger:
    """The desk's ledger, kept in the outbox's file."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    async def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return await self._outbox.run(lambda store: work(store.connection))
        except sqlite3.Error as error:
            raise StorageError(f"the command ledger did not answer: {type(error).__name__}: {error}") from error

    async def seen(self, jti: str, kids: Sequence[str]) -> Seen:
        """Tell what is known of a command and its signers."""
        return await self._run(lambda connection: ledger.seen(connection, jti, kids))

    async def record(self, command: VerifiedCommand, received_at: datetime) -> Recorded:
        """Write a command down, durably, unless it is known."""
        return await self._run(lambda connection: ledger.record(connection, command, received_at))

    async def start(self, jti: str) -> None:
        """Note that it is being carried out."""
        await self._run(lambda connection: ledger.start(connection, jti))

    async def finish(self, jti: str, state: State, result: Result) -> None:
        """Note how it ended."""
        await self._run(lambda connection: ledger.finish(connection, jti, state, result))

    async def unfinished(self) -> Sequence[Row]:
        """List what was neither done nor failed."""
        return await self._run(lambda connection: tuple(ledger.unfinished(connection)))

    async def high_water(self) -> dict[str, int]:
        """Give the highest counter of each key, for the heartbeat."""
        return await self._run(lambda connection: dict(ledger.high_water(connection)))

    async def prune(self, now: datetime) -> None:
        """Forget commands that are long dead."""
        await self._run(lambda connection: ledger.prune(connection, now))
