"""Verification: from the bytes of a message to a command that may be carried out.

Owns: the checks and their order. The first fault decides the code (:class:`hub_agent.commands.refusal.Refusal`).
Never: does I/O, reads a clock, remembers or acts. The ledger is asked between the second step and the third.

* :func:`authenticate`: size → ``oversize``; topic → ``foreign_topic``; not retained → ``retained``; envelope →
  ``too_deep``, ``malformed``; each protected header → ``bad_header``, ``unknown_key``, ``bad_algorithm``; each
  signature → ``bad_signature``.
* :func:`interpret`: claims → ``too_deep``, ``bad_schema``, ``unknown_version``; op → ``unknown_op``; arguments →
  ``bad_args``; audience → ``wrong_audience``.
* :func:`authorise`: time → ``bad_lifetime``, ``wrong_session``, ``clock_unsynced``, ``expired``, ``not_yet_valid``;
  counter → ``jti_reused``, ``counter_used``; role → ``issuer_mismatch``, ``role_denied``; two people →
  ``dual_control``; state → ``out_of_bounds``, ``stale_revision``, ``state_forbids``.

A command is a JWS (RFC 7515) in compact form, or in general JSON form where it has several signatures; alg is Ed25519
(RFC 9864) alone. The general form is read as one compact JWS a signature, which by RFC 7515 §5.1 have the same signing
input, so there is one path to the signature check and nothing unprotected is ever looked at.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.util import urlsafe_b64decode
from pydantic import ValidationError

from hub_agent import strict_json
from hub_agent.commands import limits_policy
from hub_agent.commands.claims import VERSION, Claims, LimitSetting
from hub_agent.commands.keys import CommandKeys
from hub_agent.commands.ops import OPS
from hub_agent.commands.record import Command, Seen, Signer, VerifiedCommand
from hub_agent.commands.refusal import Refusal
from hub_agent.errors import CommandError
from hub_agent.model import ClockState
from hub_agent.strict_json import Json

MAX_BYTES: Final = 16 * 1024
ALGORITHM: Final = "Ed25519"
TYPE: Final = "hub-cmd+jws"
LEEWAY_S: Final = 30
"""How far the NOC's clock may be ahead of the hub's. ``exp`` has no leeway: dead is dead."""

_MAX_SIGNATURES: Final = 4
_ENVELOPE_DEPTH: Final = 3
_HEADER_DEPTH: Final = 1
_CLAIMS_DEPTH: Final = 6
_TWO: Final = 2
_SEGMENT: Final = re.compile(r"[A-Za-z0-9_-]+")
_REGISTRY: Final = jws.JWSRegistry(algorithms=[ALGORITHM])


@dataclass(frozen=True, slots=True)
class Context:
    """What the hub is and knows at this moment.

    Attributes:
        hub_id: this hub.
        topic: its command topic.
        keys: who may command it.
        now: the wall clock, never below the floor (build time, last persisted time, newest signed NOC time).
        clock: how good that clock is.
        session: the nonce of this session, 32 hex digits, as the hub published it.
        limits: the limits in force.
        limits_revision: of the document they came from, 0 for none.
    """

    hub_id: str
    topic: str
    keys: CommandKeys
    now: datetime
    clock: ClockState
    session: str
    limits: Sequence[LimitSetting] = ()
    limits_revision: int = 0


class Signed(NamedTuple):
    """Claims whose signatures all hold, not yet read.

    Attributes:
        claims: the bytes that were signed.
        signers: whose signatures they are, each key once.
    """

    claims: bytes
    signers: tuple[Signer, ...]


def authenticate(payload: bytes, topic: str, context: Context, *, retained: bool) -> Signed:
    """Prove who signed a message; cheap checks first.

    Raises:
        CommandError: with the code of the first fault.
    """
    if len(payload) > MAX_BYTES:
        raise CommandError(Refusal.OVERSIZE, f"a message of {len(payload)} bytes, {MAX_BYTES} at most")
    if topic != context.topic:
        raise CommandError(Refusal.FOREIGN_TOPIC, "a message from a topic that is not this hub's for commands")
    if retained:
        raise CommandError(Refusal.RETAINED, "a retained message", hint="publish commands with retain off")
    signatures = _open(payload)
    signers = [_signer(compact, context.keys) for compact in signatures]
    claims = b""
    for compact, signer in zip(signatures, signers, strict=True):
        try:
            claims = jws.deserialize_compact(compact, context.keys[signer.kid].key, registry=_REGISTRY).payload
        except JoseError:
            raise CommandError(Refusal.BAD_SIGNATURE, f"the signature of {signer.kid} does not hold") from None
    return Signed(claims, tuple(dict.fromkeys(signers)))


def interpret(signed: Signed, context: Context) -> Command:
    """Read what was signed, and whether it is for this hub.

    Raises:
        CommandError: with the code of the first fault; the message names the member, never its value.
    """
    try:
        raw = strict_json.loads(signed.claims, depth=_CLAIMS_DEPTH)
    except strict_json.NestingError as error:
        raise CommandError(Refusal.TOO_DEEP, f"claims: {error}") from None
    except ValueError as error:
        raise CommandError(Refusal.BAD_SCHEMA, f"claims: {error}") from None
    if isinstance(raw, dict) and isinstance(version := raw.get("ver"), int) and version != VERSION:
        raise CommandError(
            Refusal.UNKNOWN_VERSION, f"a command of version {version}", hint=f"this hub speaks version {VERSION}"
        )
    try:
        claims = Claims.model_validate(raw)
    except ValidationError as error:
        raise CommandError(Refusal.BAD_SCHEMA, f"claims: {_fault(error)}") from None
    if claims.op not in OPS:
        raise CommandError(Refusal.UNKNOWN_OP, f"no op is called {claims.op}", hint=f"known: {', '.join(OPS)}")
    try:
        args = OPS[claims.op].args.model_validate(claims.args)
    except ValidationError as error:
        raise CommandError(Refusal.BAD_ARGS, f"{claims.op}: {_fault(error)}") from None
    if claims.aud != context.hub_id:
        raise CommandError(Refusal.WRONG_AUDIENCE, "a command for another hub")
    return Command(claims, args, signed.signers, hashlib.sha256(signed.claims).hexdigest())


def authorise(command: Command, seen: Seen, context: Context) -> VerifiedCommand:
    """Decide whether an authentic command may be carried out now.

    A command that the ledger knows was judged when it was recorded: it is only told as repeated, for what it changed
    would now speak against it.

    Args:
        command: from :func:`interpret`.
        seen: what the ledger knows of its ``jti`` and its signers.
        context: as for the steps before.

    Raises:
        CommandError: with the code of the first fault.
    """
    _check_time(command.claims, context)
    if _repeats(command, seen):
        return VerifiedCommand(command, repeated=True)
    _check_people(command, context)
    limits_policy.check(command.args, context.limits, context.limits_revision)
    return VerifiedCommand(command, repeated=False)


def _open(payload: bytes) -> list[str]:
    """Split the envelope into compact JWSs, one a signature."""
    if not payload.startswith(b"{"):
        return [_compact(payload.decode("latin-1").split("."))]
    try:
        envelope = strict_json.loads(payload, depth=_ENVELOPE_DEPTH)
    except strict_json.NestingError as error:
        raise CommandError(Refusal.TOO_DEEP, f"envelope: {error}") from None
    except ValueError as error:
        raise CommandError(Refusal.MALFORMED, f"envelope: {error}") from None
    if not isinstance(envelope, dict) or envelope.keys() != {"payload", "signatures"}:
        raise CommandError(Refusal.MALFORMED, "envelope: members other than payload and signatures")
    signatures = envelope["signatures"]
    if not isinstance(signatures, list) or not 1 <= len(signatures) <= _MAX_SIGNATURES:
        raise CommandError(Refusal.MALFORMED, f"envelope: signatures must be a list of 1 to {_MAX_SIGNATURES}")
    return [_member(envelope["payload"], signature) for signature in signatures]


def _member(payload: Json, signature: Json) -> str:
    if not isinstance(signature, dict) or signature.keys() != {"protected", "signature"}:
        raise CommandError(Refusal.MALFORMED, "envelope: a signature with members other than protected and signature")
    return _compact([signature["protected"], payload, signature["signature"]])


def _compact(segments: Sequence[Json]) -> str:
    texts = [segment for segment in segments if isinstance(segment, str) and _SEGMENT.fullmatch(segment)]
    if len(segments) != len(("header", "payload", "signature")) or len(texts) != len(segments):
        raise CommandError(Refusal.MALFORMED, "a JWS is three segments of base64url")
    return ".".join(texts)


def _signer(compact: str, keys: CommandKeys) -> Signer:
    """Read the protected header and find its key."""
    try:
        header = strict_json.loads(urlsafe_b64decode(compact.split(".", 1)[0].encode("ascii")), depth=_HEADER_DEPTH)
    except ValueError as error:
        raise CommandError(Refusal.BAD_HEADER, f"protected header: {error}") from None
    if not isinstance(header, dict) or header.keys() != {"alg", "kid", "typ"} or header["typ"] != TYPE:
        raise CommandError(Refusal.BAD_HEADER, f"a protected header is alg, kid and typ, and typ is {TYPE}")
    kid = header["kid"]
    if not isinstance(kid, str) or kid not in keys:
        raise CommandError(Refusal.UNKNOWN_KEY, "signed by a key that may not command this hub")
    if header["alg"] != ALGORITHM:
        raise CommandError(Refusal.BAD_ALGORITHM, f"an algorithm other than {ALGORITHM}")
    return Signer(kid, keys[kid].role)


def _fault(error: ValidationError) -> str:
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    where = ".".join(str(step) for step in first["loc"])
    return f"{where}: {first['msg']}" if where else first["msg"]


def _check_time(claims: Claims, context: Context) -> None:
    now = context.now.timestamp()
    synced = context.clock is ClockState.SYNCED
    if not claims.iat <= claims.nbf < claims.exp or claims.exp - claims.iat > OPS[claims.op].lifetime_s:
        raise CommandError(Refusal.BAD_LIFETIME, f"{claims.op}: iat, nbf and exp do not make a lifetime it may have")
    if claims.nonce is not None and claims.nonce != context.session:
        raise CommandError(Refusal.WRONG_SESSION, "a command for a session of this hub that is over")
    if claims.nonce is None and not synced:
        raise CommandError(
            Refusal.CLOCK_UNSYNCED, "the hub's clock is not set", hint="send it with the session's nonce"
        )
    if now >= claims.exp:
        raise CommandError(Refusal.EXPIRED, "exp is past")
    # A clock that is not set stands at its floor, behind the truth: it cannot tell "not yet". The nonce proved "now".
    if synced and claims.nbf > now + LEEWAY_S:
        raise CommandError(Refusal.NOT_YET_VALID, "nbf is still to come")


def _repeats(command: Command, seen: Seen) -> bool:
    if seen.row is not None:
        if seen.row.digest != command.digest:
            raise CommandError(Refusal.JTI_REUSED, "a known jti on other claims")
        return True
    for kid in command.kids:
        if command.claims.ctr <= seen.high_water.get(kid, 0):
            raise CommandError(Refusal.COUNTER_USED, f"ctr is not above the last one of {kid}")
    return False


def _check_people(command: Command, context: Context) -> None:
    roles = {signer.role for signer in command.signers}
    if command.claims.iss not in roles:
        raise CommandError(Refusal.ISSUER_MISMATCH, f"issued as {command.claims.iss}, but no such key signed")
    if not roles & OPS[command.claims.op].roles:
        raise CommandError(Refusal.ROLE_DENIED, f"{command.claims.op} is not for {' and '.join(sorted(roles))}")
    # A key is one role's and signers are distinct, so two roles are two keys.
    if limits_policy.needs_two(command.args, context.limits) and len(roles) < _TWO:
        raise CommandError(
            Refusal.DUAL_CONTROL,
            f"{command.claims.op}: this silences a high-priority alarm",
            hint="have a second person of another role sign it too",
        )
