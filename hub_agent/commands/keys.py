"""The keys that may command this hub, ready for verification.

Owns: kid → role and public key.
Never: holds a private key, or a key that the bundle does not.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from joserfc.jwk import OKPKey

from hub_agent.trust import Role, Trust


class VerificationKey(NamedTuple):
    """One key.

    Attributes:
        kid: its name.
        role: on whose behalf it signs.
        key: the Ed25519 public key as joserfc takes it.
    """

    kid: str
    role: Role
    key: OKPKey


CommandKeys = Mapping[str, VerificationKey]


def command_keys(trust: Trust | None) -> CommandKeys:
    """Take the command keys out of the bundle, by kid; where there is none, nobody commands."""
    parts = () if trust is None else trust.commands
    return MappingProxyType(
        {part.kid: VerificationKey(part.kid, part.role, OKPKey.import_key(part.key())) for part in parts}
    )
