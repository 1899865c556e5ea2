import json
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from joserfc.util import urlsafe_b64decode

from hub_agent.commands.keys import command_keys
from hub_agent.commands.verify import Context, authenticate, interpret
from hub_agent.errors import CommandError, ConfigError
from hub_agent.model import ClockState
from hub_agent.noc.keyring import Keyring, keygen
from hub_agent.noc.signing import RoleKey, draft, sign, uuid7
from hub_agent.trust import Role

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
LIMIT: dict[str, Any] = {
    "measure": "MDC_PULS_OXIM_SAT_O2",
    "device": None,
    "low": "90.0",
    "high": None,
    "delay_s": 5,
    "hysteresis": "1",
    "priority": "medium",
    "latching": False,
    "enabled": True,
}


@pytest.fixture(scope="module")
def noc(tmp_path_factory: pytest.TempPathFactory) -> Keyring:
    return keygen(tmp_path_factory.mktemp("noc") / "keys")


def ask(op: str = "ping", args: dict[str, Any] | None = None, **changes: Any) -> Any:  # noqa: ANN401 - draft's own
    usual: dict[str, Any] = {
        "hub_id": "hub-0001",
        "issuer": Role.CLINICIAN,
        "counter": 5,
        "now": NOW,
        "reason": "T-1",
    }
    return draft(op, args or {}, **(usual | changes))


def context(noc: Keyring) -> Context:
    return Context("hub-0001", "commands", command_keys(noc.trust), NOW, ClockState.SYNCED, "0" * 32)


@pytest.mark.parametrize("roles", [("clinician",), ("clinician", "security")])
def test_the_hub_reads_what_was_drafted(roles: tuple[str, ...], noc: Keyring) -> None:
    claims = ask("limits.set", {"revision": 3, "limits": [LIMIT]}, nonce="a" * 32)
    payload = sign(claims, [noc.role_key(Role(role)) for role in roles])
    signed = authenticate(payload, "commands", context(noc), retained=False)
    assert [signer.role for signer in signed.signers] == list(roles)
    command = interpret(signed, context(noc))
    assert command.claims == claims
    assert command.args.model_dump(mode="json") == {"revision": 3, "limits": [LIMIT]}


def test_one_signature_is_compact_and_two_are_general(noc: Keyring) -> None:
    one, two = noc.role_key(Role.CLINICIAN), noc.role_key(Role.SECURITY)
    header, payload, _signature = sign(ask(), [one]).split(b".")
    assert json.loads(urlsafe_b64decode(header)) == {"alg": "Ed25519", "kid": one.kid, "typ": "hub-cmd+jws"}
    assert "nonce" not in json.loads(urlsafe_b64decode(payload))
    general = json.loads(sign(ask(), [one, two]))
    assert general.keys() == {"payload", "signatures"}
    assert [signature.keys() for signature in general["signatures"]] == [{"protected", "signature"}] * 2


def test_the_example_of_the_wire_is_reproduced() -> None:
    # Ed25519 is deterministic: this key and these claims give these bytes in every implementation.
    key = RoleKey("operator-example", Role.OPERATOR, Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
    claims = ask(issuer=Role.OPERATOR).model_copy(update={"jti": "01a2008d-7400-7ecc-94b3-9aa642717567"})
    golden = Path(__file__).with_name("ping.jws").read_bytes().strip()
    assert sign(claims, [key]) == golden


@pytest.mark.parametrize(
    ("op", "args", "changes", "words"),
    [
        ("explode", {}, {}, "known: ping"),
        ("ping", {"x": 1}, {}, "ping: x"),
        ("limits.set", {"revision": 0, "limits": []}, {}, "limits.set: revision"),
        ("limits.set", {"revision": 1, "limits": [LIMIT | {"low": 90}]}, {}, "limits.0.low"),
        ("audio.pause", {"seconds": 60}, {}, r"Field required \(ARGS of audio.pause: for_s; docs/wire.md §8"),
        ("ping", {}, {"hub_id": "hub/+"}, r"ping: aud: [^(]*$"),
        ("ping", {}, {"counter": 0}, "ping: ctr"),
        ("ping", {}, {"reason": ""}, "ping: reason"),
        ("ping", {}, {"nonce": "short"}, "ping: nonce"),
    ],
)
def test_what_the_hub_would_refuse_is_not_drafted(
    op: str, args: dict[str, Any], changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        ask(op, args, **changes)


def test_what_no_hub_may_take_is_not_drafted() -> None:
    with pytest.raises(CommandError) as refused:
        ask("limits.set", {"revision": 1, "limits": [LIMIT | {"low": "0"}]})
    assert refused.value.code == "out_of_bounds"


@given(now=st.datetimes(datetime(1970, 1, 1), datetime(2900, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - bounds are naive there
def test_a_name_is_a_uuid_of_version_7_that_begins_with_its_time(now: datetime) -> None:
    name = uuid.UUID(uuid7(now))
    assert str(name) == uuid7(now)[:13] + str(name)[13:]
    assert (name.version, name.variant) == (7, uuid.RFC_4122)
    assert datetime.fromtimestamp((name.int >> 80) / 1000, UTC) - now < timedelta(milliseconds=1)


def test_names_differ() -> None:
    assert len({uuid7(NOW) for _ in range(1000)}) == 1000
