"""Why a command is refused: every code, in the order in which verification can give it.

Owns: the words; they are part of the wire (``docs/wire.md`` §8) and never change their meaning.
Never: decides.
"""

from enum import StrEnum
from typing import Final


class Refusal(StrEnum):
    """The ``code`` of a :class:`hub_agent.errors.CommandError`.

    The members stand in the order of the checks, so that the first fault of a message decides its code. The two of
    the desk's own door, ``rate_limited`` and ``busy``, and the answer to a repeat, ``replayed``, close the list.
    """

    OVERSIZE = "oversize"
    """More than 16 KiB."""
    FOREIGN_TOPIC = "foreign_topic"
    """Not this hub's command topic."""
    RETAINED = "retained"
    """A retained message: it would come again with each subscription."""
    TOO_DEEP = "too_deep"
    """JSON nested deeper than any command is."""
    MALFORMED = "malformed"
    """Neither a compact JWS nor a general JSON one (RFC 7515 §7.1, §7.2.1)."""
    BAD_HEADER = "bad_header"
    """A protected header with other members than ``alg``, ``kid`` and ``typ``, or of another type; ``crit`` too."""
    UNKNOWN_KEY = "unknown_key"
    """A ``kid`` that the bundle does not hold."""
    BAD_ALGORITHM = "bad_algorithm"
    """Any ``alg`` but Ed25519 (RFC 9864), ``none`` first of all."""
    BAD_SIGNATURE = "bad_signature"
    """A signature that does not hold; of two, each must."""
    UNKNOWN_VERSION = "unknown_version"
    """Signed, but of a format that this hub does not know."""
    BAD_SCHEMA = "bad_schema"
    """Signed, but the claims are not what they must be."""
    UNKNOWN_OP = "unknown_op"
    """Nothing that this hub can do."""
    BAD_ARGS = "bad_args"
    """The arguments are not those of the op."""
    WRONG_AUDIENCE = "wrong_audience"
    """For another hub."""
    BAD_LIFETIME = "bad_lifetime"
    """``iat <= nbf < exp`` does not hold, or the command would live longer than its op may."""
    WRONG_SESSION = "wrong_session"
    """Bound to a session of the hub that is over."""
    CLOCK_UNSYNCED = "clock_unsynced"
    """The hub's clock is not set, and the command does not prove its freshness by the session's nonce."""
    EXPIRED = "expired"
    """``exp`` is past."""
    NOT_YET_VALID = "not_yet_valid"
    """``nbf`` is still to come."""
    JTI_REUSED = "jti_reused"
    """A known ``jti`` on other claims."""
    COUNTER_USED = "counter_used"
    """``ctr`` is not above the highest one recorded for the key."""
    ISSUER_MISMATCH = "issuer_mismatch"
    """``iss`` names a role that none of the signers has."""
    ROLE_DENIED = "role_denied"
    """No signer's role may do this op."""
    DUAL_CONTROL = "dual_control"
    """Needs two keys of two roles."""
    OUT_OF_BOUNDS = "out_of_bounds"
    """A limit beyond the hard clinical bounds."""
    STALE_REVISION = "stale_revision"
    """A limits document that is not newer than the one in force."""
    STATE_FORBIDS = "state_forbids"
    """``limits.off`` or ``limits.on`` where no limit on the measure is in force for the device."""
    REPLAYED = "replayed"
    """The very same command again: answered with its stored result, not carried out again."""
    RATE_LIMITED = "rate_limited"
    """Too many; not looked at."""
    BUSY = "busy"
    """Too many commands wait to be carried out; not recorded, so the same message may come again later."""


ATTACKS: Final = frozenset(
    {
        Refusal.RETAINED,
        Refusal.UNKNOWN_KEY,
        Refusal.BAD_ALGORITHM,
        Refusal.BAD_SIGNATURE,
        Refusal.WRONG_AUDIENCE,
        Refusal.JTI_REUSED,
        Refusal.ISSUER_MISMATCH,
        Refusal.ROLE_DENIED,
        Refusal.REPLAYED,
    }
)
"""What no honest sender does, however late: forged, replayed, meant for another hub, or not theirs to ask."""

PASSING: Final = frozenset({Refusal.CLOCK_UNSYNCED, Refusal.NOT_YET_VALID, Refusal.DUAL_CONTROL, Refusal.STATE_FORBIDS})
"""What the same message might not meet a second time, when clock or limits have changed."""
