"""Every code of the table, each by a message that earns it, through the real desk and ledger."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from joserfc import jws
from joserfc.jwk import OKPKey
from joserfc.util import urlsafe_b64encode

from hub_agent.commands.desk import WAITING
from hub_agent.commands.gate import STRANGERS
from hub_agent.commands.refusal import PASSING, Refusal
from hub_agent.model import ClockState
from hub_agent.noc import signing
from hub_agent.noc.keyring import Keyring
from hub_agent.trust import Role

if TYPE_CHECKING:
    from tests.commands.conftest import Bench

SPO2 = "MDC_PULS_OXIM_SAT_O2"
Scenario = Callable[["Bench", Keyring], Awaitable[str]]
SCENARIOS: dict[Refusal, Scenario] = {}


def earns(code: Refusal) -> Callable[[Scenario], Scenario]:
    def note(scenario: Scenario) -> Scenario:
        assert code not in SCENARIOS
        SCENARIOS[code] = scenario
        return scenario

    return note


def limits(low: str = "80", revision: int = 8) -> dict[str, object]:
    return {
        "revision": revision,
        "limits": [
            {
                "measure": SPO2,
                "device": None,
                "low": low,
                "high": None,
                "delay_s": 10,
                "hysteresis": "1",
                "priority": "high",
                "latching": True,
                "enabled": True,
            }
        ],
    }


@earns(Refusal.OVERSIZE)
async def _oversize(bench: "Bench", _: Keyring) -> str:
    return await bench.send(b"a" * (16 * 1024 + 1))


@earns(Refusal.FOREIGN_TOPIC)
async def _foreign_topic(bench: "Bench", _: Keyring) -> str:
    return await bench.send(bench.sign(bench.claims()), "hubs/v1/hub-0002/down/commands")


@earns(Refusal.RETAINED)
async def _retained(bench: "Bench", _: Keyring) -> str:
    return await bench.send(bench.sign(bench.claims()), retained=True)


@earns(Refusal.TOO_DEEP)
async def _too_deep(bench: "Bench", _: Keyring) -> str:
    return await bench.send(b'{"payload":' + b"[" * 10_000)


@earns(Refusal.MALFORMED)
async def _malformed(bench: "Bench", _: Keyring) -> str:
    return await bench.send(b"ping")


@earns(Refusal.BAD_HEADER)
async def _bad_header(bench: "Bench", _: Keyring) -> str:
    key = bench.noc.role_key(Role.OPERATOR)
    header = {"alg": "Ed25519", "kid": key.kid, "typ": "JWT"}
    text = json.dumps(bench.claims())
    return await bench.send(
        jws.serialize_compact(header, text, OKPKey.import_key(key.private), algorithms=["Ed25519"]).encode()
    )


@earns(Refusal.UNKNOWN_KEY)
async def _unknown_key(bench: "Bench", stranger: Keyring) -> str:
    return await bench.send(signing._sign(json.dumps(bench.claims()), [stranger.role_key(Role.OPERATOR)]))


@earns(Refusal.BAD_ALGORITHM)
async def _bad_algorithm(bench: "Bench", _: Keyring) -> str:
    header = {"alg": "none", "kid": bench.noc.role_key(Role.OPERATOR).kid, "typ": "hub-cmd+jws"}
    parts = [json.dumps(part).encode() for part in (header, bench.claims())]
    return await bench.send(b".".join([*map(urlsafe_b64encode, parts), b"AA"]))


@earns(Refusal.BAD_SIGNATURE)
async def _forged(bench: "Bench", stranger: Keyring) -> str:
    kid = bench.noc.role_key(Role.OPERATOR).kid
    forger = replace(stranger.role_key(Role.OPERATOR), kid=kid)
    return await bench.send(signing._sign(json.dumps(bench.claims()), [forger]))


@earns(Refusal.UNKNOWN_VERSION)
async def _unknown_version(bench: "Bench", _: Keyring) -> str:
    return await bench.command(ver=2)


@earns(Refusal.BAD_SCHEMA)
async def _bad_schema(bench: "Bench", _: Keyring) -> str:
    return await bench.command(extra="claim")


@earns(Refusal.UNKNOWN_OP)
async def _unknown_op(bench: "Bench", _: Keyring) -> str:
    return await bench.command("hub.explode")


@earns(Refusal.BAD_ARGS)
async def _bad_args(bench: "Bench", _: Keyring) -> str:
    return await bench.command("ping", args={"host": "example"})


@earns(Refusal.WRONG_AUDIENCE)
async def _wrong_audience(bench: "Bench", _: Keyring) -> str:
    return await bench.command(aud="hub-0002")


@earns(Refusal.BAD_LIFETIME)
async def _bad_lifetime(bench: "Bench", _: Keyring) -> str:
    claims = bench.claims()
    return await bench.send(bench.sign(claims | {"exp": claims["iat"] + 86_401}))


@earns(Refusal.WRONG_SESSION)
async def _wrong_session(bench: "Bench", _: Keyring) -> str:
    return await bench.command(nonce="0" * 32)


@earns(Refusal.CLOCK_UNSYNCED)
async def _clock_unsynced(bench: "Bench", _: Keyring) -> str:
    bench.set(clock=ClockState.UNSYNCED)
    return await bench.command()


@earns(Refusal.EXPIRED)
async def _expired(bench: "Bench", _: Keyring) -> str:
    payload = bench.sign(bench.claims())
    bench.later(900)
    return await bench.send(payload)


@earns(Refusal.NOT_YET_VALID)
async def _not_yet_valid(bench: "Bench", _: Keyring) -> str:
    payload = bench.sign(bench.claims())
    bench.later(-31)
    return await bench.send(payload)


@earns(Refusal.JTI_REUSED)
async def _jti_reused(bench: "Bench", _: Keyring) -> str:
    first = bench.claims()
    await bench.send(bench.sign(first))
    return await bench.command(jti=first["jti"])


@earns(Refusal.COUNTER_USED)
async def _counter_used(bench: "Bench", _: Keyring) -> str:
    await bench.command(ctr=50)
    bench.restart()  # what only the disk remembers
    bench.accepted = 0
    return await bench.command(ctr=50)


@earns(Refusal.ISSUER_MISMATCH)
async def _issuer_mismatch(bench: "Bench", _: Keyring) -> str:
    return await bench.command("ping", "operator", iss="security")


@earns(Refusal.ROLE_DENIED)
async def _role_denied(bench: "Bench", _: Keyring) -> str:
    return await bench.command("agent.restart", iss="clinician")


@earns(Refusal.DUAL_CONTROL)
async def _dual_control(bench: "Bench", _: Keyring) -> str:
    return await bench.command("limits.off", iss="clinician", args={"measure": SPO2, "device": None, "for_s": 600})


@earns(Refusal.OUT_OF_BOUNDS)
async def _out_of_bounds(bench: "Bench", _: Keyring) -> str:
    return await bench.command("limits.set", "clinician", "security", iss="clinician", args=limits(low="0"))


@earns(Refusal.STALE_REVISION)
async def _stale_revision(bench: "Bench", _: Keyring) -> str:
    return await bench.command("limits.set", iss="clinician", args=limits(revision=7))


@earns(Refusal.STATE_FORBIDS)
async def _state_forbids(bench: "Bench", _: Keyring) -> str:
    off = {"measure": "MDC_TEMP_BODY", "device": None, "for_s": 60}
    return await bench.command("limits.off", "clinician", iss="clinician", args=off)


@earns(Refusal.REPLAYED)
async def _replayed(bench: "Bench", _: Keyring) -> str:
    payload = bench.sign(bench.claims())
    await bench.send(payload)
    return await bench.send(payload)


@earns(Refusal.RATE_LIMITED)
async def _rate_limited(bench: "Bench", _: Keyring) -> str:
    for _number in range(STRANGERS[0]):
        await bench.send(b"noise")
    return await bench.command()


@earns(Refusal.BUSY)
async def _busy(bench: "Bench", _: Keyring) -> str:
    for _number in range(WAITING):
        await bench.command()
    return await bench.command()


@pytest.mark.parametrize("code", Refusal)
async def test_each_code_is_given_told_and_never_acted_on(code: Refusal, bench: "Bench", stranger: Keyring) -> None:
    assert await SCENARIOS[code](bench, stranger) == code
    assert bench.events[-1].code == code
    await bench.drain()
    assert len(bench.ran) == bench.accepted


@pytest.mark.parametrize("code", Refusal)
async def test_a_refusal_is_no_record_and_spends_the_counter_where_its_reason_passes(
    code: Refusal, bench: "Bench", stranger: Keyring
) -> None:
    await SCENARIOS[code](bench, stranger)
    rows = bench.connection.execute("SELECT count(*) FROM commands").fetchone()[0]
    marks = bench.connection.execute("SELECT count(*) FROM issuer_hwm").fetchone()[0]
    prepared = {Refusal.JTI_REUSED: 1, Refusal.COUNTER_USED: 1, Refusal.REPLAYED: 1, Refusal.BUSY: WAITING}
    assert rows == prepared.get(code, 0)
    assert marks == (1 if code in PASSING else min(1, rows))
