"""The replay store: which commands this hub knows, and how far each key has counted.

Owns: the tables ``commands`` and ``issuer_hwm``.
Never: opens a database, sets its durability, or decides what a crash means for an op.

The functions take the outbox's one writing connection, which must be in autocommit mode (``isolation_level=None``) with
``synchronous=FULL``: each of them is one transaction, durable when it returns. ``sqlite3.Error`` goes through, for the
store to name it.
"""

import asyncio
import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any, Final, Protocol, TypeVar

from hub_agent.commands.record import Recorded, Result, Row, Seen, State, VerifiedCommand
from hub_agent.commands.refusal import Refusal
from hub_agent.errors import CommandError, FullError, StorageError
from hub_agent.outbox.box import LocalBox

SCHEMA: Final = """
CREATE TABLE commands (
    jti         TEXT PRIMARY KEY,
    kid         TEXT NOT NULL,     -- the signers, sorted, joined by a comma
    ctr         INTEGER NOT NULL,
    op          TEXT NOT NULL,
    received_at INTEGER NOT NULL,  -- seconds since 1970
    exp         INTEGER NOT NULL,  -- seconds since 1970
    state       TEXT NOT NULL CHECK (state IN ('accepted', 'running', 'done', 'failed')),
    result      TEXT,              -- JSON, once finished; the hub closes it, see CommandLedger
    digest      TEXT NOT NULL,     -- SHA-256 of the claims
    CHECK ((result IS NULL) = (state IN ('accepted', 'running')))
) STRICT;
CREATE TABLE issuer_hwm (
    kid TEXT PRIMARY KEY,
    ctr INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
"""

ROOM_S: Final = 1.0  # how long to wait for room until the next attempt
KEEP_S: Final = 30 * 86_400
"""How long after its ``exp`` a command is remembered. The high-water marks stay for ever."""

_CLOSED: Final = "closed"
_RAISE: Final = """
INSERT INTO issuer_hwm (kid, ctr) VALUES (?, ?) ON CONFLICT (kid) DO UPDATE SET ctr = max(excluded.ctr, issuer_hwm.ctr)
"""

_T = TypeVar("_T")


def seen(connection: sqlite3.Connection, jti: str, kids: Sequence[str]) -> Seen:
    """Tell what is known of a command and its signers."""
    marks = high_water(connection)
    return Seen(_row(connection, jti), {kid: marks[kid] for kid in kids if kid in marks})


def record(connection: sqlite3.Connection, command: VerifiedCommand, received_at: datetime) -> Recorded:
    """Write a command down unless it is known, and raise the high-water mark of each signer with it.

    Verification asked the same questions beforehand; here they are asked again, in the transaction that counts.

    Args:
        connection: see the module.
        command: what passed verification.
        received_at: aware.

    Raises:
        CommandError: ``jti_reused`` or ``counter_used``; nothing was written.
    """
    claims, kids = command.command.claims, command.command.kids
    with _transaction(connection):
        known = _row(connection, claims.jti)
        if known is not None:
            if known.digest != command.command.digest:
                raise CommandError(Refusal.JTI_REUSED, "a known jti on other claims")
            return Recorded(new=False, row=known)
        for kid in kids:
            raised = connection.execute(
                "INSERT INTO issuer_hwm (kid, ctr) VALUES (?, ?)"
                " ON CONFLICT (kid) DO UPDATE SET ctr = excluded.ctr WHERE excluded.ctr > issuer_hwm.ctr",
                (kid, claims.ctr),
            )
            if raised.rowcount != 1:
                raise CommandError(Refusal.COUNTER_USED, f"ctr is not above the last one of {kid}")
        row = Row(claims.jti, claims.op, command.command.digest, State.ACCEPTED, None)
        connection.execute(
            "INSERT INTO commands (jti, kid, ctr, op, received_at, exp, state, digest) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                claims.jti,
                ",".join(kids),
                claims.ctr,
                claims.op,
                int(received_at.timestamp()),
                claims.exp,
                State.ACCEPTED,
                row.digest,
            ),
        )
        return Recorded(new=True, row=row)


def start(connection: sqlite3.Connection, jti: str) -> None:
    """Note that a command is being carried out: ACCEPTED → RUNNING.

    Raises:
        StorageError: it is not ACCEPTED.
    """
    changed = connection.execute(
        "UPDATE commands SET state = ? WHERE jti = ? AND state = ?", (State.RUNNING, jti, State.ACCEPTED)
    )
    if changed.rowcount != 1:
        raise StorageError(f"command {jti} cannot start: it is not accepted")


def finish(connection: sqlite3.Connection, jti: str, state: State, result: Result) -> None:
    """Note how a command ended: ACCEPTED or RUNNING → DONE or FAILED.

    Args:
        connection: see the module.
        jti: which one.
        state: DONE or FAILED.
        result: JSON-able.

    Raises:
        StorageError: it is unknown or finished already: a result never changes.
    """
    changed = connection.execute(
        "UPDATE commands SET state = ?, result = ? WHERE jti = ? AND state IN (?, ?)",
        (state, json.dumps(result, separators=(",", ":")), jti, State.ACCEPTED, State.RUNNING),
    )
    if changed.rowcount != 1:
        raise StorageError(f"command {jti} cannot be finished: it is unknown, or finished already")


def unfinished(connection: sqlite3.Connection) -> tuple[Row, ...]:
    """List what is ACCEPTED or RUNNING, oldest first: at a start, what the last process left behind."""
    rows = connection.execute(
        "SELECT jti, op, digest, state, result FROM commands WHERE state IN (?, ?) ORDER BY rowid",
        (State.ACCEPTED, State.RUNNING),
    )
    return tuple(_to_row(row) for row in rows)


def prune(connection: sqlite3.Connection, now: datetime) -> int:
    """Forget finished commands whose ``exp`` is 30 days past; the high-water marks still refuse them.

    Returns:
        How many went.
    """
    gone = connection.execute(
        "DELETE FROM commands WHERE exp < ? AND state IN (?, ?)",
        (int(now.timestamp()) - KEEP_S, State.DONE, State.FAILED),
    )
    return gone.rowcount


def high_water(connection: sqlite3.Connection) -> dict[str, int]:
    """Give the highest recorded ``ctr`` by kid: whatever is not above them is refused."""
    return dict(connection.execute("SELECT kid, ctr FROM issuer_hwm ORDER BY kid").fetchall())


def adopt(connection: sqlite3.Connection, source: sqlite3.Connection) -> bool:
    """Take over what a damaged file still gives; a mark that is known already stays where it is higher.

    Returns:
        Whether all of it was read. What was not may hold a command that would now be obeyed again: see :func:`bar`.
    """
    marks, whole_marks = _read(source, "SELECT kid, ctr FROM issuer_hwm")
    rows, whole_rows = _read(source, "SELECT jti, kid, ctr, op, received_at, exp, state, result, digest FROM commands")
    with _transaction(connection):
        connection.executemany(_RAISE, marks)
        for row in rows:
            connection.execute(
                "INSERT INTO commands (jti, kid, ctr, op, received_at, exp, state, result, digest)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (jti) DO NOTHING",
                row,
            )
    return whole_marks and whole_rows


def bar(connection: sqlite3.Connection, kids: Sequence[str], now: datetime) -> None:
    """Refuse every command from before ``now``, whatever was lost: counters are never below Unix milliseconds.

    Args:
        connection: see the module.
        kids: every key that may command this hub.
        now: aware, and believed: of a clock that is set, or the NOC's signed word.
    """
    spend(connection, kids, int(now.timestamp() * 1000))


def spend(connection: sqlite3.Connection, kids: Sequence[str], ctr: int) -> None:
    """Refuse every command whose counter is not above ``ctr``; a mark that is higher stays."""
    with _transaction(connection):
        connection.executemany(_RAISE, [(kid, ctr) for kid in kids])


def _read(source: sqlite3.Connection, query: str) -> tuple[list[Any], bool]:
    """Read as far as the damage lets it; say whether that was all."""
    rows: list[Any] = []
    try:
        rows.extend(source.execute(query))
    except sqlite3.Error:
        return rows, False
    return rows, True


class Run(Protocol):
    """Runs a piece of work on the outbox's writing thread."""

    async def __call__(self, work: Callable[[sqlite3.Connection], _T], /) -> _T:
        """Give the work the connection, and its result back."""
        ...


class CommandLedger:
    """The functions above as the desk calls them; results are closed before they reach the card.

    A status names devices and ports: what the heartbeat may not carry, a stolen card may not show. Where there is no
    room it waits for some: the NOC's confirmations bring it, and commands have time.

    Args:
        run: of the store.
        box: closes results.
    """

    def __init__(self, run: Run, box: LocalBox) -> None:
        self._run_at_once = run
        self._box = box

    async def _run(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        while True:
            with suppress(FullError):
                return await self._run_at_once(work)
            await asyncio.sleep(ROOM_S)

    async def seen(self, jti: str, kids: Sequence[str]) -> Seen:
        """See :func:`seen`; the row is without its result, which nobody asks for."""
        found = await self._run(lambda connection: seen(connection, jti, kids))
        return found._replace(row=found.row and found.row._replace(result=None))

    async def record(self, command: VerifiedCommand, received_at: datetime) -> Recorded:
        """See :func:`record`.

        Raises:
            StorageError: the result that is there does not open: another identity closed it.
        """
        recorded = await self._run(lambda connection: record(connection, command, received_at))
        row = recorded.row
        if row.result is None:
            return recorded
        content = self._box.open(_place(row.jti), bytes.fromhex(str(row.result[_CLOSED])))
        return recorded._replace(row=row._replace(result=json.loads(content)))

    async def spend(self, kids: Sequence[str], ctr: int) -> None:
        """See :func:`spend`."""
        await self._run(lambda connection: spend(connection, kids, ctr))

    async def start(self, jti: str) -> None:
        """See :func:`start`."""
        await self._run(lambda connection: start(connection, jti))

    async def finish(self, jti: str, state: State, result: Result) -> None:
        """See :func:`finish`."""
        closed = {_CLOSED: self._box.close(_place(jti), json.dumps(result).encode()).hex()}
        await self._run(lambda connection: finish(connection, jti, state, closed))

    async def unfinished(self) -> Sequence[Row]:
        """See :func:`unfinished`."""
        return await self._run(unfinished)


def _place(jti: str) -> str:
    """Name a result in the box, so that none opens in the place of another."""
    return f"result {jti}"


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _row(connection: sqlite3.Connection, jti: str) -> Row | None:
    row = connection.execute("SELECT jti, op, digest, state, result FROM commands WHERE jti = ?", (jti,)).fetchone()
    return None if row is None else _to_row(row)


def _to_row(row: tuple[str, str, str, str, str | None]) -> Row:
    jti, op, digest, state, result = row
    return Row(jti, op, digest, State(state), None if result is None else json.loads(result))
