"""Ways to break storage and commands: see ``breakages``."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import SimpleNamespace
from typing import Any
from unittest import mock

from joserfc.util import urlsafe_b64decode

from hub_agent import wire
from hub_agent.commands import verify
from hub_agent.commands.record import Recorded, Result, Signer, State, VerifiedCommand
from hub_agent.commands.verify import Context, Signed
from hub_agent.errors import CommandError, StorageError
from hub_agent.model import ReadingClass, Stamp
from hub_agent.orders import Orders
from hub_agent.outbox import quota, writer
from hub_agent.outbox.ledger import CommandLedger
from hub_agent.outbox.store import Store
from hub_agent.outbox.timeline import About, Timeline
from hub_agent.reporter import Reporter

_DOTS = 2
"""In a compact JWS."""


@contextmanager
def the_best_goes_first() -> Iterator[None]:
    """Shed the most valuable readings first."""
    with mock.patch.object(quota, "SHEDDABLE", quota.SHEDDABLE[::-1]):
        yield


@contextmanager
def gaps_are_too_short() -> Iterator[None]:
    """Say of what was shed that it all came at its beginning."""
    about = Timeline.about

    def short(self: Timeline, cls: ReadingClass, first: int, last: int) -> About:
        known = about(self, cls, first, last)
        return known._replace(until=known.since)

    with mock.patch.object(Timeline, "about", short):
        yield


@contextmanager
def gaps_never_end() -> Iterator[None]:
    """Tell what was shed as something that lasts."""

    def lasting(kind: str, stamp: Stamp, fields: dict[str, Any]) -> wire.Event:
        return wire.Event(kind, stamp, {**fields, "to": None})

    with mock.patch.object(writer, "wire", SimpleNamespace(**vars(wire) | {"Event": lasting})):
        yield


@contextmanager
def room_is_kept() -> Iterator[None]:
    """Give nothing back to the file system."""
    with mock.patch.object(Store, "give_back", return_value=None):
        yield


@contextmanager
def no_ballast_is_the_end() -> Iterator[None]:
    """Let the process end where the ballast is not whole."""
    turn = writer.Writer.turn

    def dying(self: writer.Writer) -> bool:
        if self.plan.grow_ballast:
            raise StorageError("no ballast")
        return turn(self)

    with mock.patch.object(writer.Writer, "turn", dying):
        yield


@contextmanager
def each_copy_is_a_command() -> Iterator[None]:
    """Carry out what is known already."""
    record, start, finish = CommandLedger.record, CommandLedger.start, CommandLedger.finish

    async def anew(self: CommandLedger, command: VerifiedCommand, received_at: Any) -> Recorded:  # noqa: ANN401 - as it was
        return (await record(self, command, received_at))._replace(new=True)

    async def started(self: CommandLedger, jti: str) -> None:
        with suppress(StorageError):
            await start(self, jti)

    async def finished(self: CommandLedger, jti: str, state: State, result: Result) -> None:
        with suppress(StorageError):
            await finish(self, jti, state, result)

    with mock.patch.multiple(CommandLedger, record=anew, start=started, finish=finished):
        yield


@contextmanager
def whoever_signs() -> Iterator[None]:
    """Believe a command whoever signed it."""
    authenticate = verify.authenticate

    def believing(payload: bytes, topic: str, context: Context, *, retained: bool) -> Signed:
        try:
            return authenticate(payload, topic, context, retained=retained)
        except CommandError:
            if payload.count(b".") != _DOTS:
                raise
            signers = tuple(Signer(kid, context.keys[kid].role) for kid in context.keys)
            return Signed(urlsafe_b64decode(payload.split(b".")[1]), signers)

    with mock.patch("hub_agent.commands.desk.authenticate", believing):
        yield


@contextmanager
def nobody_answers() -> Iterator[None]:
    """Answer no command."""

    async def silent(_reporter: Reporter, _result: object) -> None:
        pass

    with mock.patch.object(Reporter, "result", silent):
        yield


@contextmanager
def nods_and_does_nothing() -> Iterator[None]:
    """Say that limits were set, and leave them."""

    async def nod(_orders: Orders, _args: object) -> Result:
        return {}

    with mock.patch.object(Orders, "_limits_set", nod):
        yield
