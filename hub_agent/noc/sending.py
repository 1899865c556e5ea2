"""``hub-noc send``: sign a command, leave it for the collector, wait for the answer.

Owns: who signs what, and the wait.
Never: speaks to a broker: the collector does.
"""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from hub_agent import strict_json
from hub_agent.clock import Clock, SystemClock
from hub_agent.commands.claims import Claims
from hub_agent.commands.ops import OPS
from hub_agent.commands.refusal import Refusal
from hub_agent.errors import ConfigError
from hub_agent.noc.counters import next_counter
from hub_agent.noc.keyring import Keyring
from hub_agent.noc.signing import draft, sign
from hub_agent.noc.spool import Answer, Letter
from hub_agent.noc.store import Store
from hub_agent.trust import Role

POLL_S: Final = 0.1
_ARGS_DEPTH: Final = 5
_COLLECTOR_QUIET_MS: Final = 5000
_DROPPED: Final = {
    "no_subscribers": "the hub is not connected to the broker: send it again when it is",
    "refused": "the broker refused it: check its ACL for the NOC",
    "expired": "no collector published it in its lifetime: start `hub-noc collect`, and send it again",
}
"""What became of a command that no hub will ever get → what to do."""


@dataclass(frozen=True, slots=True)
class Order:
    """What an operator asks for.

    Attributes:
        hub_id: of which hub.
        op: what to do.
        args: its arguments.
        roles: who signs; empty for the one role that suits the op best.
        reason: a ticket.
        lifetime: until the command is dead.
        nonce: the hub's session, for a hub whose clock is not set.
    """

    hub_id: str
    op: str
    args: Mapping[str, Any]
    roles: tuple[Role, ...]
    reason: str
    lifetime: timedelta
    nonce: str | None = None


def read_arguments(text: str) -> dict[str, Any]:
    """Read an op's arguments: a JSON object, or ``@FILE`` with one.

    Raises:
        ConfigError: it is not that.
    """
    try:
        content = Path(text[1:]).read_bytes() if text.startswith("@") else text.encode()
        value = strict_json.loads(content, depth=_ARGS_DEPTH)
    except OSError as error:
        raise ConfigError(f"{text[1:]}: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"ARGS: {error}", hint="a JSON object; decimals as strings, such as '92'") from error
    if not isinstance(value, dict):
        raise ConfigError("ARGS: not a JSON object")
    return value


def send_and_wait(
    order: Order, keys: Path, store: Path, timeout_s: float, clock: Clock | None = None
) -> dict[str, Any]:
    """Send and wait; give ``{"jti", "hub", "op", "delivery", "outcome", "result", "hint"}``, None for the unknown.

    Raises:
        ConfigError: unknown hub, unfit arguments, no key for the role.
        CommandError: a limit is beyond the clinical bounds.
        StorageError: the store cannot be used.
    """
    clock = clock or SystemClock()
    with Store(store) as opened:
        claims = _queue(order, Keyring.open(keys), opened, clock)
        answer = _wait(opened, claims.jti, clock, clock.monotonic_s() + timeout_s)
        quiet = clock.stamp().wall_ns // 1_000_000 - (opened.collector_ms() or 0) > _COLLECTOR_QUIET_MS
        hint = _hint(order, answer, claims.exp, opened, quiet=quiet)
    return {
        "jti": claims.jti,
        "hub": order.hub_id,
        "op": order.op,
        "delivery": answer.delivery,
        "outcome": answer.outcome,
        "result": dict(answer.result),
        "hint": hint,
    }


def _queue(order: Order, ring: Keyring, store: Store, clock: Clock) -> Claims:
    with store.look():
        if store.hubs.get(order.hub_id) is None:
            raise ConfigError(f"hub {order.hub_id} is not registered", hint="hub-noc hub add")
    now = clock.now()
    signers = [ring.role_key(role) for role in order.roles or (_role_for(order.op),)]
    claims = draft(
        order.op,
        order.args,
        hub_id=order.hub_id,
        issuer=signers[0].role,
        counter=next_counter(ring.directory, [signer.kid for signer in signers], now),
        now=now,
        reason=order.reason,
        lifetime=order.lifetime,
        nonce=order.nonce,
    )
    letter = Letter(claims.jti, order.hub_id, sign(claims, signers))
    with store.transaction():
        store.spool.put(letter, op=order.op, exp_ms=claims.exp * 1000, at_ms=int(now.timestamp() * 1000))
    return claims


def _hint(order: Order, answer: Answer, exp: int, store: Store, *, quiet: bool) -> str:
    """Say what is to do about an answer, or about none."""
    if answer.outcome is None and answer.delivery in _DROPPED:
        return _DROPPED[answer.delivery]
    if answer.outcome is None:
        hint = "no collector is at work: start `hub-noc collect`" if quiet else "the hub has not answered in time"
        return f"{hint}; the command may still be carried out until {datetime.fromtimestamp(exp, UTC):%H:%M:%S} UTC"
    if answer.result.get("code") == Refusal.DUAL_CONTROL:
        return "this takes two people of two roles: give --role twice"
    if answer.result.get("code") != Refusal.CLOCK_UNSYNCED:
        return ""
    with store.look():
        session = store.hubs.session(order.hub_id)
    where = f"--nonce {session}" if session else "--nonce and the `session` of its status (up/status)"
    return f"the hub's clock is not set: send it again with {where}"


def _role_for(op: str) -> Role:
    """Choose who signs when nobody was named: the first role, in the order of their making, that may."""
    allowed: Sequence[Role] = [role for role in Role if op in OPS and role in OPS[op].roles]
    if not allowed:
        raise ConfigError(f"no op is called {op!r}", hint=f"known: {', '.join(OPS)}")
    return allowed[0]


def _wait(store: Store, jti: str, clock: Clock, until_s: float) -> Answer:
    pause = threading.Event()
    while True:
        with store.look():
            answer = store.spool.answer(jti) or Answer(None, None, {})
        ended = answer.outcome is not None or answer.delivery in ("no_subscribers", "refused", "expired")
        if ended or clock.monotonic_s() >= until_s:
            return answer
        pause.wait(POLL_S)
