import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from joserfc.util import urlsafe_b64encode

from hub_agent.commands.record import Row, Seen, State
from hub_agent.commands.refusal import Refusal
from hub_agent.commands.verify import authenticate
from hub_agent.errors import CommandError
from hub_agent.model import ClockState
from hub_agent.noc import signing

if TYPE_CHECKING:
    from tests.commands.conftest import Bench

SPO2 = "MDC_PULS_OXIM_SAT_O2"
shared = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture], deadline=None)


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
        bench.verify(bytes(payload), bench.context)


@shared
@given(claims=json_values)
def test_claims_of_any_shape_are_refused_by_name(claims: object, bench: "Bench") -> None:
    payload = signing._sign(json.dumps(claims), bench.keys("operator"))
    assert bench.code_of(payload) in {Refusal.BAD_SCHEMA, Refusal.UNKNOWN_VERSION, Refusal.TOO_DEEP}


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
    assert bench.code_of(payload) == Refusal.BAD_SCHEMA


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
    assert bench.code_of(signing._sign(text, bench.keys("operator"))) == Refusal.BAD_SCHEMA


def test_deep_claims_are_refused_before_a_parser_recurses(bench: "Bench") -> None:
    assert bench.code_of(signing._sign("[" * 10_000, bench.keys("operator"))) == Refusal.TOO_DEEP


def test_the_messages_never_hold_what_was_sent(bench: "Bench") -> None:
    limit = {"measure": SPO2, "device": "aunt-betty", "low": "31.415", "high": None, "delay_s": 1, "hysteresis": "0"}
    limit |= {"priority": "high", "latching": True, "enabled": True}
    faults = [limit | {"low": "31.41592"}, limit | {"device": "Aunt Betty 31.415"}, limit, limit | {"delay_s": 31415}]
    for fault in faults:
        claims = bench.claims("limits.set", iss="clinician", args={"revision": 8, "limits": [fault]})
        with pytest.raises(CommandError) as refusal:
            bench.verify(bench.sign(claims, "clinician", "security"), bench.context)
        assert not any(secret in str(refusal.value).lower() for secret in ("31", "betty"))


@pytest.mark.parametrize(
    ("offset_s", "code"),
    [(-31, Refusal.NOT_YET_VALID), (-30, None), (0, None), (899, None), (900, Refusal.EXPIRED)],
)
def test_the_edges_of_time(offset_s: int, code: Refusal | None, bench: "Bench") -> None:
    payload = bench.sign(bench.claims())
    bench.later(offset_s)
    if code is None:
        assert not bench.verify(payload, bench.context).repeated
    else:
        assert bench.code_of(payload) == code


def test_a_lifetime_of_a_day_is_the_longest(bench: "Bench") -> None:
    claims = bench.claims()
    assert not bench.verify(bench.sign(claims | {"exp": claims["iat"] + 86_400}), bench.context).repeated
    for bad in ({"exp": claims["iat"] + 86_401}, {"exp": claims["nbf"]}, {"nbf": claims["iat"] - 1}):
        assert bench.code_of(bench.sign(claims | bad)) == Refusal.BAD_LIFETIME


def test_an_unset_clock_takes_a_command_of_its_session_and_no_expired_one(bench: "Bench") -> None:
    payload = bench.sign(bench.claims(nonce=bench.context.session))
    bench.later(-86_400)
    bench.set(clock=ClockState.UNSYNCED)
    assert not bench.verify(payload, bench.context).repeated
    bench.later(2 * 86_400)
    assert bench.code_of(payload) == Refusal.EXPIRED


def test_a_repeat_is_told_even_when_what_it_did_speaks_against_it(bench: "Bench") -> None:
    bench.set(limits=())
    claims = bench.claims("limits.set", iss="clinician", args={"revision": 8, "limits": []})
    payload = bench.sign(claims, "clinician")
    first = bench.verify(payload, bench.context).command
    row = Row(claims["jti"], "limits.set", first.digest, State.DONE, {})
    bench.set(limits_revision=8)
    assert bench.code_of(payload) == Refusal.STALE_REVISION
    seen = Seen(row, {first.kids[0]: claims["ctr"]})
    assert bench.verify(payload, bench.context, seen).repeated


def test_the_digest_names_the_claims_not_the_envelope(bench: "Bench") -> None:
    claims = bench.claims()
    alone = bench.verify(bench.sign(claims, "operator"), bench.context).command
    twice = bench.verify(bench.sign(claims, "security", "operator"), bench.context).command
    assert alone.digest == twice.digest
    assert twice.kids == tuple(sorted(twice.kids))
    assert len(twice.kids) == 2
