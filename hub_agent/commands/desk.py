"""The desk: takes commands in, has them recorded, carries them out, and answers.

Owns: the order of those four; who is told what.
Never: speaks MQTT or SQL, or carries an op out itself: it is given a ledger, handlers, and places for results and
events.

At most once: a command is recorded durably before the broker is told that it came, and is carried out only by the
process that recorded it. A crash in between is resolved at the next start (:meth:`Desk.recover`) in favour of *not*
acting: the NOC is told ``interrupted`` and sends a new command if it still wants one.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Protocol

from hub_agent.commands.gate import Gate
from hub_agent.commands.ops import OPS
from hub_agent.commands.record import (
    Command,
    CommandResult,
    Recorded,
    Result,
    Row,
    SecurityEvent,
    Seen,
    State,
    VerifiedCommand,
)
from hub_agent.commands.refusal import PASSING, Refusal
from hub_agent.commands.verify import Context, Signed, authenticate, authorise, interpret
from hub_agent.errors import CommandError, HubError

ACCEPTED: Final = "accepted"
WAITING: Final = 16
"""How many recorded commands may wait to be carried out."""

HANDLER_TIMEOUT_S: Final = 30.0

Handler = Callable[[Any], Awaitable[Result]]
"""Carries an op out: its arguments, as the model of :data:`hub_agent.commands.ops.OPS`, → a JSON-able result."""


class Ledger(Protocol):
    """What must survive a reboot; :mod:`hub_agent.outbox.ledger` keeps it."""

    async def seen(self, jti: str, kids: Sequence[str]) -> Seen:
        """Tell what is known of a command and its signers."""
        ...

    async def record(self, command: VerifiedCommand, received_at: datetime) -> Recorded:
        """Write a command down, durably, unless it is known."""
        ...

    async def spend(self, kids: Sequence[str], ctr: int) -> None:
        """Refuse from now on what is not above this counter of these keys."""
        ...

    async def start(self, jti: str) -> None:
        """Note that it is being carried out."""
        ...

    async def finish(self, jti: str, state: State, result: Result) -> None:
        """Note how it ended."""
        ...

    async def unfinished(self) -> Sequence[Row]:
        """List what was neither done nor failed."""
        ...


class Desk:
    """Takes commands in and carries them out, one at a time, in the order in which they came.

    Args:
        context: gives what the hub is and knows at this moment.
        ledger: the replay store.
        handlers: one for each op.
        results: takes an answer for the NOC; durable when it returns.
        events: takes a security event; durable when it returns.
        monotonic_s: the monotonic clock.
        timeout_s: how long a handler may take.

    Raises:
        ValueError: ``handlers`` are not exactly those of the ops.
    """

    def __init__(
        self,
        *,
        context: Callable[[], Context],
        ledger: Ledger,
        handlers: Mapping[str, Handler],
        results: Callable[[CommandResult], Awaitable[None]],
        events: Callable[[SecurityEvent], Awaitable[None]],
        monotonic_s: Callable[[], float],
        timeout_s: float = HANDLER_TIMEOUT_S,
    ) -> None:
        if handlers.keys() != OPS.keys():
            raise ValueError(f"handlers and ops differ: {', '.join(sorted(handlers.keys() ^ OPS.keys()))}")
        self._context = context
        self._ledger = ledger
        self._handlers = dict(handlers)
        self._results = results
        self._events = events
        self._monotonic_s = monotonic_s
        self._timeout_s = timeout_s
        self._gate = Gate(context().keys)
        self._door = asyncio.Lock()
        self._waiting: asyncio.Queue[Command] = asyncio.Queue(WAITING)
        self._taken: set[str] = set()
        """What waits or is being carried out, by jti."""

    @property
    def dropped_total(self) -> int:
        """How many messages were turned away without a look."""
        return self._gate.dropped_total

    async def receive(self, payload: bytes, topic: str, *, retained: bool, duplicate: bool = False) -> str:
        """Take one message in.

        Args:
            payload: as it came.
            topic: as it came.
            retained: the message's RETAIN flag.
            duplicate: its DUP flag: the broker says that it sends again what was never acknowledged. Believed only so
                far that no event is raised for it.

        Returns:
            ``accepted``, or the :class:`Refusal`. In both cases the broker may be told that the message came.

        Raises:
            StorageError: it could not be recorded; the broker must keep it.
        """
        async with self._door:
            now_s = self._monotonic_s()
            if not self._gate.admits(now_s):
                return await self._drop(now_s)
            context = self._context()
            try:
                signed = authenticate(payload, topic, context, retained=retained)
            except CommandError as refusal:
                self._gate.failed(now_s)
                return await self._refuse(refusal.code, SecurityEvent(refusal.code))
            if not self._gate.proven((signer.kid for signer in signed.signers), now_s):
                # A captured command, sent in a flood: checking a good signature costs as much as a bad one.
                self._gate.failed(now_s)
                return await self._drop(now_s)
            return await self._judge(signed, context, duplicate=duplicate)

    async def run(self) -> None:
        """Carry out what was recorded, until cancelled."""
        while True:
            command = await self._waiting.get()
            await self._carry_out(command)
            self._taken.discard(command.claims.jti)

    async def recover(self) -> None:
        """Resolve what the last process left unfinished; begun before the first :meth:`receive`, which waits for it.

        An op that ends the process is done, for a new process is here. Everything else failed: either it never began,
        or nobody knows how far it came, and to do it twice could be worse than not at all.
        """
        async with self._door:
            for row in await self._ledger.unfinished():
                op = OPS.get(row.op)
                if row.state is State.RUNNING and op is not None and op.ends_process:
                    await self._answer(row.jti, row.op, State.DONE, {})
                else:
                    began = row.state is State.RUNNING
                    await self._answer(row.jti, row.op, State.FAILED, {"error": "interrupted", "began": began})

    async def _judge(self, signed: Signed, context: Context, *, duplicate: bool) -> str:
        kids = tuple(sorted(signer.kid for signer in signed.signers))
        try:
            command = interpret(signed, context)
        except CommandError as refusal:
            return await self._refuse(refusal.code, SecurityEvent(refusal.code, kids))
        try:
            seen = await self._ledger.seen(command.claims.jti, kids)
            verified = authorise(command, seen, context)
            if not verified.repeated or self._is_left(seen.row):
                self._check_room()
            recorded = await self._ledger.record(verified, context.now)
        except CommandError as refusal:
            if refusal.code in PASSING:  # else the same message could yet be obeyed, which the NOC was told is refused
                await self._ledger.spend(kids, command.claims.ctr)
            return await self._refuse(refusal.code, _event(refusal.code, command), command)
        if recorded.new or self._is_left(recorded.row):
            self._taken.add(recorded.row.jti)
            self._waiting.put_nowait(command)
            return ACCEPTED
        if recorded.row.result is not None:
            await self._results(
                CommandResult(recorded.row.jti, recorded.row.op, recorded.row.state, recorded.row.result)
            )
        if not duplicate:
            await self._events(_event(Refusal.REPLAYED, command))
        return Refusal.REPLAYED

    def _is_left(self, row: Row | None) -> bool:
        """Say whether a command was recorded by this process and then left: the link died meanwhile, and its task."""
        return row is not None and row.state is State.ACCEPTED and row.jti not in self._taken

    def _check_room(self) -> None:
        if self._waiting.full():
            raise CommandError(Refusal.BUSY, f"{WAITING} commands are waiting", hint="send it again later")

    async def _carry_out(self, command: Command) -> None:
        jti, op = command.claims.jti, command.claims.op
        if self._context().now.timestamp() >= command.claims.exp:
            await self._answer(jti, op, State.FAILED, {"error": Refusal.EXPIRED})
            return
        await self._ledger.start(jti)
        try:
            async with asyncio.timeout(self._timeout_s):
                result = await self._handlers[op](command.args)
        except TimeoutError:
            await self._answer(jti, op, State.FAILED, {"error": "timeout"})
        except CommandError as error:
            await self._answer(jti, op, State.FAILED, {"error": error.code, "message": str(error)})
        except HubError as error:
            await self._answer(jti, op, State.FAILED, {"error": type(error).__name__, "message": str(error)})
        else:
            if not OPS[op].ends_process:
                await self._answer(jti, op, State.DONE, result)

    async def _answer(self, jti: str, op: str, state: State, result: Result) -> None:
        # Stored before it is sent: should the process die in between, the same command again fetches it.
        await self._ledger.finish(jti, state, result)
        await self._results(CommandResult(jti, op, state, result))

    async def _refuse(self, code: str, event: SecurityEvent, command: Command | None = None) -> str:
        await self._events(event)
        if command is not None:
            await self._results(CommandResult(command.claims.jti, command.claims.op, "refused", {"code": code}))
        return code

    async def _drop(self, now_s: float) -> str:
        if count := self._gate.dropped(now_s):
            await self._events(SecurityEvent(Refusal.RATE_LIMITED, times=count))
        return Refusal.RATE_LIMITED


def _event(code: str, command: Command) -> SecurityEvent:
    return SecurityEvent(code, command.kids, command.claims.jti, command.claims.op)
