"""How the NOC makes a command: claims, checked as the hub will check them, and one or two signatures.

Owns: drafting and signing.
Never: keeps a key, a counter or a clock; sends anything.
"""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc import jws
from joserfc.jwk import OKPKey
from pydantic import JsonValue, ValidationError

from hub_agent.commands import limits_policy
from hub_agent.commands.claims import VERSION, Claims, LimitsSet
from hub_agent.commands.ops import OPS
from hub_agent.commands.verify import ALGORITHM, TYPE
from hub_agent.errors import ConfigError
from hub_agent.trust import Role

LIFETIME: Final = timedelta(minutes=15)

_REGISTRY: Final = jws.JWSRegistry(algorithms=[ALGORITHM])


@dataclass(frozen=True, slots=True)
class RoleKey:
    """A private command key.

    Attributes:
        kid: its name, as hubs know it.
        role: on whose behalf it signs.
        private: the key.
    """

    kid: str
    role: Role
    private: Ed25519PrivateKey


def draft(
    op: str,
    args: Mapping[str, JsonValue],
    *,
    hub_id: str,
    issuer: Role,
    counter: int,
    now: datetime,
    reason: str,
    lifetime: timedelta = LIFETIME,
    nonce: str | None = None,
) -> Claims:
    """Draft a command that the hub's schema and clinical bounds accept.

    Args:
        op: one of :data:`hub_agent.commands.ops.OPS`.
        args: its arguments, JSON-able.
        hub_id: the one hub that it is for.
        issuer: the role that issues it.
        counter: above every earlier one of each key that will sign.
        now: aware; the command lives from now on.
        reason: a ticket.
        lifetime: until it is dead.
        nonce: the hub's session nonce, for a hub whose clock is not set.

    Raises:
        ConfigError: the hub would refuse it: the op, an argument or a claim, named.
        CommandError: ``out_of_bounds``.
    """
    if op not in OPS:
        raise ConfigError(f"no op is called {op!r}", hint=f"known: {', '.join(OPS)}")
    issued_at = int(now.timestamp())
    try:
        checked = OPS[op].args.model_validate(dict(args))
        claims = Claims(
            iss=issuer,
            aud=hub_id,
            jti=uuid7(now),
            iat=issued_at,
            nbf=issued_at,
            exp=issued_at + int(lifetime.total_seconds()),
            ctr=counter,
            op=op,
            args=dict(args),
            ver=VERSION,
            reason=reason,
            nonce=nonce,
        )
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        where = ".".join(str(step) for step in first["loc"])
        takes = ", ".join(OPS[op].args.model_fields) or "none"
        raise ConfigError(
            f"{op}: {where}: {first['msg'].removeprefix('Value error, ')}",
            hint="" if where in Claims.model_fields else f"ARGS of {op}: {takes}; docs/wire.md §8 describes them",
        ) from None
    if isinstance(checked, LimitsSet):
        for limit in checked.limits:
            limits_policy.check_bounds(limit)
    return claims


def sign(claims: Claims, keys: Sequence[RoleKey]) -> bytes:
    """Sign a command: with one key as a compact JWS, with more as a general JSON one (dual control).

    Args:
        claims: from :func:`draft`.
        keys: the signers.

    Returns:
        The payload for the hub's command topic.
    """
    unused = {"nonce"} if claims.nonce is None else set()
    return _sign(json.dumps(claims.model_dump(mode="json", exclude=unused), separators=(",", ":")), keys)


def _sign(text: str, keys: Sequence[RoleKey]) -> bytes:
    headers = [{"alg": ALGORITHM, "kid": key.kid, "typ": TYPE} for key in keys]
    private = {key.kid: OKPKey.import_key(key.private) for key in keys}
    if len(keys) == 1:
        return jws.serialize_compact(headers[0], text, private[keys[0].kid], registry=_REGISTRY).encode("ascii")
    general = jws.serialize_json(
        [{"protected": header} for header in headers],
        text,
        lambda member: private[member.headers()["kid"]],
        registry=_REGISTRY,
    )
    return json.dumps(general, separators=(",", ":")).encode("ascii")


def uuid7(now: datetime) -> str:
    """Make a UUID of version 7: 48 bits of Unix milliseconds, the rest random (RFC 9562 §5.7)."""
    milliseconds = int(now.timestamp() * 1000)
    value = milliseconds << 80 | 0x7 << 76 | secrets.randbits(12) << 64 | 0b10 << 62 | secrets.randbits(62)
    text = f"{value:032x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
