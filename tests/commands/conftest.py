"""A NOC with its keys, and a hub's desk on a real ledger."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hub_agent.commands.claims import LimitSetting
from hub_agent.commands.desk import Desk
from hub_agent.commands.keys import command_keys
from hub_agent.commands.ops import OPS
from hub_agent.commands.record import CommandResult, SecurityEvent, Seen, VerifiedCommand
from hub_agent.commands.verify import Context, authenticate, authorise, interpret
from hub_agent.errors import CommandError, HubError
from hub_agent.model import ClockState
from hub_agent.noc import signing
from hub_agent.noc.keyring import Keyring, keygen
from hub_agent.noc.signing import RoleKey
from hub_agent.outbox import ledger
from hub_agent.outbox.box import LocalBox
from hub_agent.trust import Role

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
HUB = "hub-0001"
TOPIC = f"hubs/v1/{HUB}/down/commands"
NEW = Seen(None, {})
SESSION = "5e" * 16

SPO2 = "MDC_PULS_OXIM_SAT_O2"
DESATURATION: dict[str, Any] = {
    "measure": SPO2,
    "device": None,
    "low": "80",
    "high": None,
    "delay_s": 10,
    "hysteresis": "1",
    "priority": "high",
    "latching": True,
    "enabled": True,
}

T = TypeVar("T")


def limit(**changes: object) -> LimitSetting:
    return LimitSetting.model_validate(DESATURATION | changes)


def connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    if not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'commands'").fetchone():
        connection.executescript(ledger.SCHEMA)
    return connection


class Bench:
    """The NOC's end, the hub's end, and what came of it."""

    def __init__(self, noc: Keyring, path: Path) -> None:
        self.noc = noc
        self.path = path
        self.context = Context(HUB, TOPIC, command_keys(noc.trust), NOW, ClockState.SYNCED, SESSION, (limit(),), 7)
        self.now_s = 1000.0
        self.answers: asyncio.Queue[CommandResult] = asyncio.Queue()
        self.events: list[SecurityEvent] = []
        self.ran: list[str] = []
        self.accepted = 0
        self.fault: HubError | None = None
        self.hang = False
        self._counter = 0
        self.connection = connect(path)
        self.box = LocalBox(Ed25519PrivateKey.generate())
        self.restart()

    def restart(self) -> None:
        """End the hub's process, as a crash would, and start the next on the same file."""
        self.connection.close()
        self.connection = connect(self.path)
        self.desk = Desk(
            context=lambda: self.context,
            ledger=ledger.CommandLedger(self._run, self.box),
            handlers={op: self._handler(op) for op in OPS},
            results=self.answers.put,
            events=self._event,
            monotonic_s=lambda: self.now_s,
            timeout_s=0.05,
        )

    async def _run(self, work: Callable[[sqlite3.Connection], T], /) -> T:
        await asyncio.sleep(0)  # others get their turn, as they do while the writing thread works
        done = work(self.connection)
        await asyncio.sleep(0)  # and what is done is done, whoever is cancelled before being told
        return done

    async def _event(self, event: SecurityEvent) -> None:
        self.events.append(event)

    def _handler(self, op: str) -> Callable[[Any], Any]:
        async def handle(_args: object) -> dict[str, object]:
            self.ran.append(op)
            if self.hang:
                await asyncio.Event().wait()
            if self.fault is not None:
                raise self.fault
            return {"did": op}

        return handle

    def set(self, **changes: Any) -> None:  # noqa: ANN401 - any field of the context
        self.context = replace(self.context, **changes)

    def keys(self, *roles: str) -> list[RoleKey]:
        return [self.noc.role_key(Role(role)) for role in roles]

    def claims(self, op: str = "ping", **changes: object) -> dict[str, Any]:
        self._counter += 1
        at = int(NOW.timestamp())
        base = {
            "iss": "operator",
            "aud": HUB,
            "jti": signing.uuid7(NOW),
            "iat": at,
            "nbf": at,
            "exp": at + 900,
            "ctr": self._counter,
            "op": op,
            "args": {},
            "ver": 1,
            "reason": "T-1",
        }
        return base | changes

    def sign(self, claims: dict[str, Any], *roles: str) -> bytes:
        return signing._sign(json.dumps(claims), self.keys(*(roles or (claims["iss"],))))

    def verify(
        self,
        payload: bytes,
        context: Context | None = None,
        seen: Seen = NEW,
        *,
        topic: str = TOPIC,
        retained: bool = False,
    ) -> VerifiedCommand:
        """All the steps of verification, without the desk."""
        context = context or self.context
        signed = authenticate(payload, topic, context, retained=retained)
        return authorise(interpret(signed, context), seen, context)

    def code_of(
        self,
        payload: bytes,
        context: Context | None = None,
        seen: Seen = NEW,
        *,
        topic: str = TOPIC,
        retained: bool = False,
    ) -> str:
        """The code with which verification refuses."""
        with pytest.raises(CommandError) as refusal:
            self.verify(payload, context, seen, topic=topic, retained=retained)
        return refusal.value.code

    async def send(self, payload: bytes, topic: str = TOPIC, *, retained: bool = False, duplicate: bool = False) -> str:
        outcome = await self.desk.receive(payload, topic, retained=retained, duplicate=duplicate)
        self.accepted += outcome == "accepted"
        return outcome

    async def command(self, op: str = "ping", *roles: str, **changes: object) -> str:
        return await self.send(self.sign(self.claims(op, **changes), *roles))

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self.desk.run())
            yield
            task.cancel()

    async def drain(self) -> None:
        """Carry out all that waits."""
        while not self.desk._waiting.empty():
            await self.desk._carry_out(self.desk._waiting.get_nowait())

    def later(self, seconds: float) -> None:
        self.now_s += seconds
        self.set(now=self.context.now + timedelta(seconds=seconds))


@pytest.fixture(scope="session")
def noc(tmp_path_factory: pytest.TempPathFactory) -> Keyring:
    return keygen(tmp_path_factory.mktemp("noc") / "keys")


@pytest.fixture(scope="session")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Keyring:
    return keygen(tmp_path_factory.mktemp("stranger") / "keys", "X25519")


@pytest.fixture
async def bench(noc: Keyring, tmp_path: Path) -> AsyncIterator[Bench]:
    bench = Bench(noc, tmp_path / "outbox.db")
    yield bench
    bench.connection.close()
