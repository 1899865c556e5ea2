import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import OKPKey
from joserfc.util import urlsafe_b64encode

from hub_agent.commands.keys import VerificationKey
from hub_agent.commands.record import Row, Seen, State, VerifiedCommand
from hub_agent.commands.refusal import Refusal
from hub_agent.commands.verify import MAX_BYTES, Context, authenticate, authorise, interpret
from hub_agent.errors import CommandError
from hub_agent.model import ClockState
from hub_agent.noc import signing
from hub_agent.noc.keyring import Keyring
from hub_agent.trust import Role

if TYPE_CHECKING:
    from tests.commands.conftest import Bench

NEW = Seen(None, {})
SPO2 = "MDC_PULS_OXIM_SAT_O2"
shared = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def code_of(payload: bytes, context: Context, seen: Seen = NEW, *, topic: str = "", retained: bool = False) -> str:
    with pytest.raises(CommandError) as refusal:
        pass_all(payload, context, seen, topic=topic, retained=retained)
    return refusal.value.code


def pass_all(
    payload: bytes, context: Context, seen: Seen = NEW, *, topic: str = "", retained: bool = False
) -> VerifiedCommand:
    signed = authenticate(payload, topic or context.topic, context, retained=retained)
    return authorise(interpret(signed, context), seen, context)


@dataclass
class Message:
    """A command that is good until a fault is put into it."""

    bench: "Bench"
    claims: dict[str, Any]
    context: Context
    signers: list[str] = field(default_factory=lambda: ["clinician", "security"])
    header: dict[str, Any] = field(default_factory=dict)
    topic: str = ""
    retained: bool = False
    mark: int = 0
    known: Row | None = None
    break_issuer: bool = False
    spoil: Callable[[bytes], bytes] = bytes

    def code(self) -> str:
        if self.break_issuer:
            self.claims["iss"] = next(role for role in Role if role not in self.signers)
        keys = self.bench.keys(*self.signers)
        headers = [{"alg": "Ed25519", "kid": key.kid, "typ": "hub-cmd+jws"} | self.header for key in keys]
        private = {key.kid: OKPKey.import_key(key.private) for key in keys}
        signed = [
            jws.serialize_compact(
                good | {"alg": "Ed25519"}, json.dumps(self.claims), private[good["kid"]], algorithms=["Ed25519"]
            ).split(".")
            for good in ({"alg": "Ed25519", "kid": key.kid, "typ": "hub-cmd+jws"} for key in keys)
        ]
        if self.header:  # a header that was changed after signing
            signed = [
                [urlsafe_b64encode(json.dumps(header).encode()).decode(), payload, signature]
                for header, (_, payload, signature) in zip(headers, signed, strict=True)
            ]
        payload = {
            "payload": signed[0][1],
            "signatures": [{"protected": protected, "signature": signature} for protected, _, signature in signed],
        }
        seen = Seen(self.known, {key.kid: self.mark for key in keys} if self.mark else {})
        return code_of(
            self.spoil(json.dumps(payload).encode()), self.context, seen, topic=self.topic, retained=self.retained
        )


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


@fault(Refusal.STATE_FORBIDS)
def _blocked(message: Message) -> None:
    message.context = replace(message.context, blocked={"limits.set": "an update runs"})


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


@shared
@given(payload=st.binary(max_size=300))
@example(payload=b"")
@example(payload=b"..")
@example(payload=b"{}")
@example(payload=b"\xff.\xff.\xff")
@example(payload=b'{"payload":"YQ","signatures":[]}')
@example(payload=b'{"payload":"YQ","payload":"YQ","signatures":[]}')
@example(payload=b'{"payload":"YQ","signatures":[{"protected":"YQ","signature":"YQ","header":{"kid":"a"}}]}')
@example(payload=b'{"payload":"YQ","signatures":[{"protected":"YQ.YQ","signature":"YQ"}]}')
@example(payload=b'{"payload":1e400,"signatures":NaN}')
def test_no_bytes_do_anything_but_be_refused(payload: bytes, bench: "Bench") -> None:
    with pytest.raises(CommandError):
        authenticate(payload, bench.context.topic, bench.context, retained=False)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@shared
@given(header=json_values, data=st.data())
def test_no_protected_header_but_the_one_is_taken(header: object, data: st.DataObject, bench: "Bench") -> None:
    good = {"alg": "Ed25519", "kid": bench.keys("operator")[0].kid, "typ": "hub-cmd+jws"}
    if isinstance(header, dict):
        header = good | header
    if data.draw(st.booleans()):
        header = good | {data.draw(st.sampled_from(["crit", "jwk", "b64", "x5u", "alg", "kid", "typ"])): header}
    segment = urlsafe_b64encode(json.dumps(header).encode())
    with pytest.raises(CommandError) as refusal:
        authenticate(segment + b".e30." + b"A" * 86, bench.context.topic, bench.context, retained=False)
    if header != good:
        assert refusal.value.code in {Refusal.BAD_HEADER, Refusal.UNKNOWN_KEY, Refusal.BAD_ALGORITHM}


@shared
@given(data=st.data(), roles=st.sampled_from([("operator",), ("clinician", "security")]))
def test_no_changed_byte_survives(data: st.DataObject, roles: tuple[str, ...], bench: "Bench") -> None:
    claims = bench.claims(iss=roles[0], ctr=1, jti="01a2008d-7400-7ecc-94b3-9aa642717567")
    payload = bytearray(bench.sign(claims, *roles))
    place = data.draw(st.integers(0, len(payload) - 1))
    payload[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(CommandError):
        pass_all(bytes(payload), bench.context)


@shared
@given(claims=json_values)
def test_claims_of_any_shape_are_refused_by_name(claims: object, bench: "Bench") -> None:
    payload = signing._sign(json.dumps(claims), bench.keys("operator"))
    assert code_of(payload, bench.context) in {Refusal.BAD_SCHEMA, Refusal.UNKNOWN_VERSION, Refusal.TOO_DEEP}


@shared
@given(
    name=st.sampled_from(["iss", "aud", "jti", "iat", "nbf", "exp", "ctr", "op", "args", "reason", "nonce"]),
    data=st.data(),
)
def test_a_claim_of_the_wrong_type_is_refused(name: str, data: st.DataObject, bench: "Bench") -> None:
    of_its_type = dict if name == "args" else int if name in {"iat", "nbf", "exp", "ctr"} else str
    value = data.draw(json_values.filter(lambda value: type(value) is not of_its_type))
    if name == "nonce" and value is None:
        return
    payload = bench.sign(bench.claims() | {name: value}, "operator")
    assert code_of(payload, bench.context) == Refusal.BAD_SCHEMA


@pytest.mark.parametrize(
    "text",
    [
        '{"ver":1,"ver":1}',
        '{"exp":1e400}',
        '{"exp":NaN}',
        '{"exp":Infinity}',
        '{"exp":' + "9" * 5000 + "}",
        '{"op":"\\ud800"}',
        "[]",
        "\ufeff{}",
    ],
)
def test_signed_nonsense_is_refused(text: str, bench: "Bench") -> None:
    assert code_of(signing._sign(text, bench.keys("operator")), bench.context) == Refusal.BAD_SCHEMA


def test_deep_claims_are_refused_before_a_parser_recurses(bench: "Bench") -> None:
    assert code_of(signing._sign("[" * 10_000, bench.keys("operator")), bench.context) == Refusal.TOO_DEEP


def test_the_messages_never_hold_what_was_sent(bench: "Bench") -> None:
    limit = {"measure": SPO2, "device": "aunt-betty", "low": "31.415", "high": None, "delay_s": 1, "hysteresis": "0"}
    limit |= {"priority": "high", "latching": True, "enabled": True}
    faults = [limit | {"low": "31.41592"}, limit | {"device": "Aunt Betty 31.415"}, limit, limit | {"delay_s": 31415}]
    for fault in faults:
        claims = bench.claims("limits.set", iss="clinician", args={"revision": 8, "limits": [fault]})
        with pytest.raises(CommandError) as refusal:
            pass_all(bench.sign(claims, "clinician", "security"), bench.context)
        assert not any(secret in str(refusal.value).lower() for secret in ("31", "betty"))


@pytest.mark.parametrize(
    ("offset_s", "code"),
    [(-31, Refusal.NOT_YET_VALID), (-30, None), (0, None), (899, None), (900, Refusal.EXPIRED)],
)
def test_the_edges_of_time(offset_s: int, code: Refusal | None, bench: "Bench") -> None:
    payload = bench.sign(bench.claims())
    bench.later(offset_s)
    if code is None:
        assert not pass_all(payload, bench.context).repeated
    else:
        assert code_of(payload, bench.context) == code


def test_a_lifetime_of_a_day_is_the_longest(bench: "Bench") -> None:
    claims = bench.claims()
    assert not pass_all(bench.sign(claims | {"exp": claims["iat"] + 86_400}), bench.context).repeated
    for bad in ({"exp": claims["iat"] + 86_401}, {"exp": claims["nbf"]}, {"nbf": claims["iat"] - 1}):
        assert code_of(bench.sign(claims | bad), bench.context) == Refusal.BAD_LIFETIME


def test_an_unset_clock_takes_a_command_of_its_session_and_no_expired_one(bench: "Bench") -> None:
    payload = bench.sign(bench.claims(nonce=bench.context.session))
    bench.later(-86_400)
    bench.set(clock=ClockState.UNSYNCED)
    assert not pass_all(payload, bench.context).repeated
    bench.later(2 * 86_400)
    assert code_of(payload, bench.context) == Refusal.EXPIRED


OFF: dict[str, Any] = {"args": {"measure": SPO2, "device": None, "for_s": 600}, "iss": "clinician"}


class TestDualControl:
    def test_two_roles_may(self, bench: "Bench") -> None:
        command = pass_all(
            bench.sign(bench.claims("limits.off", **OFF), "clinician", "security"), bench.context
        ).command
        assert {signer.role for signer in command.signers} == {Role.CLINICIAN, Role.SECURITY}

    def test_one_may_not(self, bench: "Bench") -> None:
        payload = bench.sign(bench.claims("limits.off", **OFF), "clinician")
        assert code_of(payload, bench.context) == Refusal.DUAL_CONTROL

    def test_one_key_twice_is_one(self, bench: "Bench") -> None:
        payload = bench.sign(bench.claims("limits.off", **OFF), "clinician", "clinician")
        assert code_of(payload, bench.context) == Refusal.DUAL_CONTROL

    def test_two_keys_of_one_role_are_one(self, bench: "Bench", stranger: Keyring) -> None:
        second = stranger.role_key(Role.CLINICIAN)
        public = {second.kid: replace_key(bench, second)}
        context = replace(bench.context, keys={**bench.context.keys, **public})
        text = json.dumps(bench.claims("limits.off", **OFF))
        assert code_of(signing._sign(text, [*bench.keys("clinician"), second]), context) == Refusal.DUAL_CONTROL

    def test_two_who_may_not_are_not_one_who_may(self, bench: "Bench") -> None:
        claims = bench.claims("limits.off", **OFF | {"iss": "operator"})
        assert code_of(bench.sign(claims, "operator", "security"), bench.context) == Refusal.ROLE_DENIED

    def test_one_of_two_signatures_does_not_hold(self, bench: "Bench", stranger: Keyring) -> None:
        forger = replace(stranger.role_key(Role.SECURITY), kid=bench.keys("security")[0].kid)
        text = json.dumps(bench.claims("limits.off", **OFF))
        payload = signing._sign(text, [*bench.keys("clinician"), forger])
        assert code_of(payload, bench.context) == Refusal.BAD_SIGNATURE

    def test_a_signature_taken_away_leaves_one(self, bench: "Bench") -> None:
        both = json.loads(bench.sign(bench.claims("limits.off", **OFF), "clinician", "security"))
        both["signatures"].pop()
        assert code_of(json.dumps(both).encode(), bench.context) == Refusal.DUAL_CONTROL

    def test_signatures_of_different_claims_do_not_mix(self, bench: "Bench") -> None:
        one = json.loads(bench.sign(bench.claims("limits.off", **OFF), "clinician", "security"))
        other = json.loads(bench.sign(bench.claims("limits.off", **OFF), "clinician", "security"))
        one["signatures"][1] = other["signatures"][1]
        assert code_of(json.dumps(one).encode(), bench.context) == Refusal.BAD_SIGNATURE

    def test_five_signatures_are_too_many(self, bench: "Bench") -> None:
        payload = bench.sign(bench.claims("ping"), *["operator"] * 5)
        assert code_of(payload, bench.context) == Refusal.MALFORMED


def replace_key(bench: "Bench", key: signing.RoleKey) -> VerificationKey:
    template = next(iter(bench.context.keys.values()))
    return template._replace(kid=key.kid, role=key.role, key=OKPKey.import_key(key.private.public_key()))


def test_a_repeat_is_told_even_when_what_it_did_speaks_against_it(bench: "Bench") -> None:
    claims = bench.claims("ping")
    payload = bench.sign(claims)
    first = pass_all(payload, bench.context).command
    row = Row(claims["jti"], "ping", first.digest, State.DONE, {})
    bench.set(blocked={"ping": "never again"})
    seen = Seen(row, {first.kids[0]: claims["ctr"]})
    assert pass_all(payload, bench.context, seen).repeated


def test_the_digest_names_the_claims_not_the_envelope(bench: "Bench") -> None:
    claims = bench.claims()
    alone = pass_all(bench.sign(claims, "operator"), bench.context).command
    twice = pass_all(bench.sign(claims, "security", "operator"), bench.context).command
    assert alone.digest == twice.digest
    assert twice.kids == tuple(sorted(twice.kids))
    assert len(twice.kids) == 2
