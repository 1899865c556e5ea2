"""Who commands the hub: people at the NOC, through its spool, and a stranger who holds the broker.

Each order is one that the hub must carry out at the most once; each forgery one that it must never.
"""

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import Random
from types import MappingProxyType
from typing import Any, Final, NamedTuple
from unittest import mock

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hub_agent.commands.desk import Handler
from hub_agent.commands.record import Result
from hub_agent.commands.refusal import Refusal
from hub_agent.noc.counters import next_counter
from hub_agent.noc.keyring import Keyring
from hub_agent.noc.signing import RoleKey, draft, sign
from hub_agent.noc.spool import Letter
from hub_agent.noc.store import Store
from hub_agent.orders import Orders
from hub_agent.outbox.ledger import CommandLedger
from hub_agent.topics import Topics
from hub_agent.trust import Role
from tests.configs import HUB
from tests.simulator.clock import TrueClock
from tests.simulator.network import Network

TOPIC: Final = Topics(HUB).commands
_ELSEWHERE: Final = "hub-0002"
_PULSE: Final = "MDC_PULS_OXIM_PULS_RATE"
_LIVES_S: Final = (60, 900, 6 * 3600)
_LOOKS_S: Final = 60.0
"""So long after an order somebody looks for its answer."""
_NONSENSE: Final = 40

CLINICIAN, OPERATOR, SECURITY = Role.CLINICIAN, Role.OPERATOR, Role.SECURITY


@dataclass
class Order:
    """A command that somebody at the NOC has given.

    Attributes:
        op: what to do.
        exp: when it is dead, seconds since 1970.
        revision: of the limits that it sets; 0 for none.
        timed: whether the hub's clock decides when it is dead; else it names the hub's session.
        taken: whether the hub told the broker that it has it.
    """

    op: str
    exp: int
    revision: int = 0
    timed: bool = True
    taken: bool = False


class Deeds:
    """What the hub really did.

    Attributes:
        at_s: when an order was carried out, by its name.
    """

    def __init__(self) -> None:
        self.at_s: dict[str, list[float]] = {}
        self._doing = ""

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Watch the hub's hands."""
        start, handlers = CommandLedger.start, vars(Orders)["handlers"].fget

        async def starting(ledger: CommandLedger, jti: str) -> None:
            self._doing = jti
            await start(ledger, jti)

        def watching(orders: Orders) -> Mapping[str, Handler]:
            return {op: self._watching(handler) for op, handler in handlers(orders).items()}

        with (
            mock.patch.object(CommandLedger, "start", starting),
            mock.patch.object(Orders, "handlers", property(watching)),
        ):
            yield

    def _watching(self, handler: Handler) -> Handler:
        async def watched(args: Any) -> Result:  # noqa: ANN401 - as it was
            self.at_s.setdefault(self._doing, []).append(asyncio.get_running_loop().time())
            return await handler(args)

        return watched


class Commands(NamedTuple):
    """What a hub was told to do, and did.

    Attributes:
        orders: what was ordered, by its name.
        forged: names of what nobody ordered.
        forgeries: how many messages the hub has taken that nobody had sent.
        deeds_s: when something was carried out, by its name.
        revision: of the limits that are in force at the end; None where there is no hub.
    """

    orders: Mapping[str, Order] = MappingProxyType({})
    forged: frozenset[str] = frozenset()
    forgeries: int = 0
    deeds_s: Mapping[str, Sequence[float]] = MappingProxyType({})
    revision: int | None = None


class Office:
    """Gives orders, and forges some.

    Args:
        store: the NOC's database.
        keyring: the NOC's keys.
        network: whose broker brings the orders, and what the stranger sends.
        rng: makes the stranger's key.
    """

    def __init__(self, store: Path, keyring: Keyring, network: Network, rng: Random) -> None:
        self._store, self._directory, self._network = store, keyring.directory, network
        self._keys = {role: keyring.role_key(role) for role in Role}
        self._false = Ed25519PrivateKey.from_private_bytes(rng.randbytes(32))
        self._clock = TrueClock()
        self._sent: dict[bytes, str] = {}
        self._revision = 0
        self._orders: dict[str, Order] = {}
        self._forged: set[str] = set()
        self._forgeries = 0
        network.on_taken = self._taken

    def _taken(self, topic: str, payload: bytes) -> None:
        if topic != TOPIC:
            return
        if payload in self._sent:
            self._orders[self._sent[payload]].taken = True
        else:
            self._forgeries += 1

    def told(self, deeds: Deeds, revision: int | None) -> Commands:
        """Say what the hub was told to do, and did."""
        return Commands(self._orders, frozenset(self._forged), self._forgeries, deeds.at_s, revision)

    # --- the people ---------------------------------------------------------------------------------------------------

    async def order(self, rng: Random) -> None:
        """Give an order, or two that overtake each other; where the hub knows no time, again for its session."""
        letters = [self._letter(rng, *self._wish(rng)) for _ in range(rng.choice((1, 1, 1, 2)))]
        self._put(list(reversed(letters)))
        await asyncio.sleep(_LOOKS_S)
        with Store(self._store) as store, store.look():
            answers = [store.spool.answer(letter.jti) for letter in letters]
            session = store.hubs.session(HUB)
        if any(answer is not None and answer.result.get("code") == Refusal.CLOCK_UNSYNCED for answer in answers):
            self._put([self._letter(rng, *self._wish(rng), nonce=session)])

    def _put(self, letters: Sequence[Letter]) -> None:
        at_ms = round(self._clock.now().timestamp() * 1000)
        with Store(self._store) as store, store.transaction():
            for place, letter in enumerate(letters):
                order = self._orders[letter.jti]
                store.spool.put(letter, op=order.op, exp_ms=order.exp * 1000, at_ms=at_ms + place)
        self._network.nudge()

    def _wish(self, rng: Random) -> tuple[str, dict[str, Any], tuple[Role, ...]]:
        """Draw what somebody wants, and who signs: mostly who may."""
        wishes: tuple[Callable[[], tuple[str, dict[str, Any], tuple[Role, ...]]], ...] = (
            lambda: ("ping", {}, (rng.choice(tuple(Role)),)),
            lambda: ("limits.set", self._limits(rng), rng.choice(((CLINICIAN,), (CLINICIAN, OPERATOR), (OPERATOR,)))),
            lambda: ("audio.pause", {"for_s": rng.randrange(1, 900)}, (rng.choice(tuple(Role)),)),
            lambda: ("limits.off", {"measure": _PULSE, "device": "keeper", "for_s": 600}, (CLINICIAN, SECURITY)),
            lambda: ("limits.on", {"measure": _PULSE, "device": "keeper"}, (CLINICIAN,)),
            lambda: ("alarm.acknowledge", {"alarm": self._alarm(rng)}, (CLINICIAN,)),
            lambda: ("agent.restart", {}, (rng.choice(tuple(Role)),)),
        )
        return rng.choice(wishes)()

    def _limits(self, rng: Random) -> dict[str, Any]:
        """Draw limits by which what is an alarm here stays one."""
        self._revision += 1
        limit = {"measure": _PULSE, "device": None, "low": None, "high": str(rng.randrange(110, 160)), "delay_s": 0}
        more = {"hysteresis": "0", "priority": "high", "latching": False, "enabled": True}
        return {"revision": self._revision, "limits": [limit | more]}

    def _alarm(self, rng: Random) -> str:
        """Choose one of the newest alarms; sometimes none that there is."""
        with contextlib.closing(sqlite3.connect(self._store)) as db:
            newest = db.execute("SELECT fields ->> 'id' FROM events WHERE kind = 'alarm' ORDER BY id DESC LIMIT 5")
            return str(rng.choice([*(alarm for (alarm,) in newest), rng.randbytes(16).hex()]))

    def _letter(
        self, rng: Random, op: str, args: dict[str, Any], roles: tuple[Role, ...], *, nonce: str | None = None
    ) -> Letter:
        keys = [self._keys[role] for role in roles]
        now, lives_s = self._clock.now(), rng.choice(_LIVES_S)
        claims = draft(
            op,
            args,
            hub_id=HUB,
            issuer=roles[0],
            counter=next_counter(self._directory, [key.kid for key in keys], now),
            now=now,
            reason="drill",
            lifetime=timedelta(seconds=lives_s),
            nonce=nonce,
        )
        letter = Letter(claims.jti, HUB, sign(claims, keys))
        self._orders[claims.jti] = Order(op, claims.exp, args.get("revision", 0), timed=nonce is None)
        self._sent[letter.payload] = claims.jti
        return letter

    # --- the stranger -------------------------------------------------------------------------------------------------

    async def forge(self, rng: Random) -> None:
        """Send what nobody ordered, or send again what somebody did, whenever that was."""
        forgeries: tuple[Callable[[], bytes], ...] = (
            lambda: rng.choice([*self._sent, b"nothing to send again"]),
            lambda: self._forgery([RoleKey("clinician-00000000", CLINICIAN, self._false)]),
            lambda: self._forgery([RoleKey(self._keys[CLINICIAN].kid, CLINICIAN, self._false)]),
            lambda: self._forgery([self._keys[CLINICIAN]], hub_id=_ELSEWHERE),
            lambda: self._forgery([self._keys[CLINICIAN]], ago=timedelta(days=2)),
            lambda: _bent(self._forgery([self._keys[CLINICIAN]]), rng),
            lambda: rng.randbytes(_NONSENSE),
        )
        for _ in range(rng.choice((1, 1, 2))):
            self._network.inject(TOPIC, rng.choice(forgeries)())

    def _forgery(self, keys: Sequence[RoleKey], *, hub_id: str = HUB, ago: timedelta = timedelta()) -> bytes:
        """Make a command that would stop every alarm, were it believed; ``ago``: one that is long dead."""
        now = self._clock.now() - ago
        counter = int(self._clock.now().timestamp() * 1000) + 10_000
        args: dict[str, Any] = {"revision": 10**9, "limits": []}
        claims = draft(
            "limits.set", args, hub_id=hub_id, issuer=CLINICIAN, counter=counter, now=now, reason="none of yours"
        )
        self._forged.add(claims.jti)
        return sign(claims, keys)


def _bent(payload: bytes, rng: Random) -> bytes:
    """Change one character of what was signed."""
    at = rng.randrange(payload.index(b".") + 1, payload.rindex(b"."))
    return payload[:at] + (b"A" if payload[at : at + 1] != b"A" else b"B") + payload[at + 1 :]
