"""Two people: two keys of two roles, over one and the same claims."""

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from joserfc.jwk import OKPKey

from hub_agent.commands.keys import VerificationKey
from hub_agent.commands.refusal import Refusal
from hub_agent.noc import signing
from hub_agent.noc.keyring import Keyring
from hub_agent.trust import Role

if TYPE_CHECKING:
    from tests.commands.conftest import Bench

SPO2 = "MDC_PULS_OXIM_SAT_O2"
OFF: dict[str, Any] = {"args": {"measure": SPO2, "device": None, "for_s": 600}, "iss": "clinician"}


class TestDualControl:
    def test_two_roles_may(self, bench: "Bench") -> None:
        command = bench.verify(
            bench.sign(bench.claims("limits.off", **OFF), "clinician", "security"), bench.context
        ).command
        assert {signer.role for signer in command.signers} == {Role.CLINICIAN, Role.SECURITY}

    def test_one_may_not(self, bench: "Bench") -> None:
        payload = bench.sign(bench.claims("limits.off", **OFF), "clinician")
        assert bench.code_of(payload) == Refusal.DUAL_CONTROL

    def test_one_key_twice_is_one(self, bench: "Bench") -> None:
        payload = bench.sign(bench.claims("limits.off", **OFF), "clinician", "clinician")
        assert bench.code_of(payload) == Refusal.DUAL_CONTROL

    def test_two_keys_of_one_role_are_one(self, bench: "Bench", stranger: Keyring) -> None:
        second = stranger.role_key(Role.CLINICIAN)
        public = {second.kid: replace_key(bench, second)}
        context = replace(bench.context, keys={**bench.context.keys, **public})
        text = json.dumps(bench.claims("limits.off", **OFF))
        assert bench.code_of(signing._sign(text, [*bench.keys("clinician"), second]), context) == Refusal.DUAL_CONTROL

    def test_two_who_may_not_are_not_one_who_may(self, bench: "Bench") -> None:
        claims = bench.claims("limits.off", **OFF | {"iss": "operator"})
        assert bench.code_of(bench.sign(claims, "operator", "security")) == Refusal.ROLE_DENIED

    def test_one_of_two_signatures_does_not_hold(self, bench: "Bench", stranger: Keyring) -> None:
        forger = replace(stranger.role_key(Role.SECURITY), kid=bench.keys("security")[0].kid)
        text = json.dumps(bench.claims("limits.off", **OFF))
        payload = signing._sign(text, [*bench.keys("clinician"), forger])
        assert bench.code_of(payload) == Refusal.BAD_SIGNATURE

    def test_a_signature_taken_away_leaves_one(self, bench: "Bench") -> None:
        both = json.loads(bench.sign(bench.claims("limits.off", **OFF), "clinician", "security"))
        both["signatures"].pop()
        assert bench.code_of(json.dumps(both).encode()) == Refusal.DUAL_CONTROL

    def test_signatures_of_different_claims_do_not_mix(self, bench: "Bench") -> None:
        one = json.loads(bench.sign(bench.claims("limits.off", **OFF), "clinician", "security"))
        other = json.loads(bench.sign(bench.claims("limits.off", **OFF), "clinician", "security"))
        one["signatures"][1] = other["signatures"][1]
        assert bench.code_of(json.dumps(one).encode()) == Refusal.BAD_SIGNATURE

    def test_five_signatures_are_too_many(self, bench: "Bench") -> None:
        payload = bench.sign(bench.claims("ping"), *["operator"] * 5)
        assert bench.code_of(payload) == Refusal.MALFORMED


def replace_key(bench: "Bench", key: signing.RoleKey) -> VerificationKey:
    template = next(iter(bench.context.keys.values()))
    return template._replace(kid=key.kid, role=key.role, key=OKPKey.import_key(key.private.public_key()))
