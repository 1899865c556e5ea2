"""Which of two faults is told: the one whose check comes first."""

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest
from joserfc.util import urlsafe_b64encode

from hub_agent.commands.record import Row, Seen, State
from hub_agent.commands.refusal import Refusal
from hub_agent.commands.verify import MAX_BYTES, Context
from hub_agent.model import ClockState
from hub_agent.noc import signing
from hub_agent.trust import Role

if TYPE_CHECKING:
    from tests.commands.conftest import Bench

SPO2 = "MDC_PULS_OXIM_SAT_O2"


@dataclass
class Message:
    """A command that is good until a fault is put into it."""

    bench: "Bench"
    claims: dict[str, Any]
    context: Context
    signers: list[str] = field(default_factory=lambda: ["clinician", "security"])
    header: dict[str, Any] = field(default_factory=dict)
    topic: str = "hubs/v1/hub-0001/down/commands"
    retained: bool = False
    mark: int = 0
    known: Row | None = None
    break_issuer: bool = False
    spoil: Callable[[bytes], bytes] = bytes

    def code(self) -> str:
        if self.break_issuer:
            self.claims["iss"] = next(role for role in Role if role not in self.signers)
        keys = self.bench.keys(*self.signers)
        claims, signatures = "", []
        for key in keys:
            protected, claims, signature = signing._sign(json.dumps(self.claims), [key]).decode().split(".")
            if self.header:  # changed after signing
                header = {"alg": "Ed25519", "kid": key.kid, "typ": "hub-cmd+jws"} | self.header
                protected = urlsafe_b64encode(json.dumps(header).encode()).decode()
            signatures.append({"protected": protected, "signature": signature})
        payload = json.dumps({"payload": claims, "signatures": signatures}).encode()
        seen = Seen(self.known, {key.kid: self.mark for key in keys} if self.mark else {})
        return self.bench.code_of(self.spoil(payload), self.context, seen, topic=self.topic, retained=self.retained)


Fault = Callable[[Message], None]
FAULTS: dict[Refusal, Fault] = {}
"""Each fault on its own, in the order of the checks."""


def fault(code: Refusal) -> Callable[[Fault], Fault]:
    def note(put: Fault) -> Fault:
        FAULTS[code] = put
        return put

    return note


def _also(message: Message, change: Callable[[bytes], bytes]) -> None:
    before = message.spoil
    message.spoil = lambda payload: change(before(payload))


@fault(Refusal.OVERSIZE)
def _oversize(message: Message) -> None:
    _also(message, lambda payload: payload + b" " * MAX_BYTES)


@fault(Refusal.FOREIGN_TOPIC)
def _foreign(message: Message) -> None:
    message.topic = "hubs/v1/hub-0002/down/commands"


@fault(Refusal.RETAINED)
def _retained(message: Message) -> None:
    message.retained = True


@fault(Refusal.TOO_DEEP)
def _deep(message: Message) -> None:
    _also(message, lambda payload: b"{" + b'"a":[[[[[[[[[[[[[[' + payload)


@fault(Refusal.MALFORMED)
def _malformed(message: Message) -> None:
    _also(message, lambda payload: payload[:-1])


@fault(Refusal.BAD_HEADER)
def _header(message: Message) -> None:
    message.header["typ"] = "JWT"


@fault(Refusal.UNKNOWN_KEY)
def _unknown(message: Message) -> None:
    message.header["kid"] = "nobody"


@fault(Refusal.BAD_ALGORITHM)
def _unsigned(message: Message) -> None:
    message.header["alg"] = "none"


@fault(Refusal.BAD_SIGNATURE)
def _forged(message: Message) -> None:
    _also(message, lambda payload: payload.replace(b'"payload": "', b'"payload": "AAAA'))


@fault(Refusal.UNKNOWN_VERSION)
def _version(message: Message) -> None:
    message.claims["ver"] = 2


@fault(Refusal.BAD_SCHEMA)
def _schema(message: Message) -> None:
    message.claims["surprise"] = 1


@fault(Refusal.UNKNOWN_OP)
def _op(message: Message) -> None:
    message.claims["op"] = "limits.forget"


@fault(Refusal.BAD_ARGS)
def _args(message: Message) -> None:
    message.claims["args"]["revision"] = "new"


@fault(Refusal.WRONG_AUDIENCE)
def _audience(message: Message) -> None:
    message.claims["aud"] = "hub-0002"


@fault(Refusal.BAD_LIFETIME)
def _lifetime(message: Message) -> None:
    message.claims["iat"] -= 90_000


@fault(Refusal.WRONG_SESSION)
def _session(message: Message) -> None:
    message.claims["nonce"] = "0" * 32


@fault(Refusal.CLOCK_UNSYNCED)
def _unsynced(message: Message) -> None:
    message.context = replace(message.context, clock=ClockState.UNSYNCED)


@fault(Refusal.EXPIRED)
def _expired(message: Message) -> None:
    for claim in ("iat", "nbf", "exp"):
        message.claims[claim] -= 5000


@fault(Refusal.JTI_REUSED)
def _reused(message: Message) -> None:
    message.known = Row(message.claims["jti"], "ping", "0" * 64, State.DONE, {})


@fault(Refusal.COUNTER_USED)
def _counted(message: Message) -> None:
    message.mark = message.claims["ctr"]


@fault(Refusal.ISSUER_MISMATCH)
def _issuer(message: Message) -> None:
    message.break_issuer = True


@fault(Refusal.ROLE_DENIED)
def _denied(message: Message) -> None:
    message.signers = ["operator", "security"][: len(message.signers)]
    message.claims["iss"] = "operator"


@fault(Refusal.DUAL_CONTROL)
def _alone(message: Message) -> None:
    message.signers = message.signers[:1]


@fault(Refusal.OUT_OF_BOUNDS)
def _bounds(message: Message) -> None:
    message.claims["args"]["limits"][0]["low"] = "0"


@fault(Refusal.STALE_REVISION)
def _stale(message: Message) -> None:
    message.context = replace(message.context, limits_revision=8)


@pytest.fixture
def message(bench: "Bench") -> Callable[[], Message]:
    def make() -> Message:
        low_off = {
            "measure": SPO2,
            "device": None,
            "low": "80",
            "high": None,
            "delay_s": 0,
            "hysteresis": "0",
            "priority": "high",
            "latching": True,
            "enabled": False,
        }
        claims = bench.claims("limits.set", iss="clinician", args={"revision": 8, "limits": [low_off]})
        return Message(bench, claims, bench.context)

    return make


def test_the_first_fault_decides_for_each_pair(message: Callable[[], Message]) -> None:
    assert list(FAULTS) == [code for code in Refusal if code in FAULTS], "the codes stand in the order of the checks"
    for first, second in itertools.combinations(FAULTS, 2):
        faulty = message()
        FAULTS[second](faulty)
        FAULTS[first](faulty)
        assert faulty.code() == first, f"{first} with {second}"


def test_each_fault_alone_is_the_only_one(message: Callable[[], Message]) -> None:
    for code, put in FAULTS.items():
        faulty = message()
        put(faulty)
        assert faulty.code() == code
