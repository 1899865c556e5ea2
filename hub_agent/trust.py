"""Whom the hub trusts: the NOC's public keys, as one file.

Owns: the public bundle ``noc-public.json``: its schema, and the keys it holds.
Never: sees a private key, fetches anything, or decides what a role may do.

The bundle is a JSON object::

    {"version": 1,
     "recipients": [{"kid": "...", "suite": "MLKEM768_X25519" | "X25519", "public": "<base64>"}, ...],
     "confirm":    {"kid": "...", "public": "<base64>"},
     "commands":   [{"kid": "...", "role": "operator" | "clinician" | "security", "public": "<base64>"}, ...]}

``public`` is the standard base64 (RFC 4648 §4, padded) of raw public keys: 32 bytes for Ed25519 (RFC 8032) and X25519
(RFC 7748), and for MLKEM768_X25519 the 1184 bytes of ML-KEM-768 (FIPS 203) followed by the 32 of X25519, the order of
the hybrid's own encapsulation key (draft-ietf-hpke-pq).
"""

import base64
import binascii
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.hpke import MLKEM768X25519PublicKey
from pydantic import BaseModel, ConfigDict, Field, Strict, StringConstraints, ValidationError, model_validator

from hub_agent import strict_json
from hub_agent.errors import ConfigError

BUNDLE_NAME: Final = "noc-public.json"

MLKEM768_BYTES: Final = 1184
CURVE25519_BYTES: Final = 32

Kid = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]{0,63}$")]
"""A key's name: it travels in headers, file names and logs, so it is dull on purpose."""

Suite = Literal["MLKEM768_X25519", "X25519"]
PublicKey = X25519PublicKey | MLKEM768X25519PublicKey


class Role(StrEnum):
    """On whose behalf a command key signs."""

    OPERATOR = "operator"
    CLINICIAN = "clinician"
    SECURITY = "security"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


class Recipient(_Part):
    """A key to which readings are sealed.

    Attributes:
        kid: its name in every sealed epoch.
        suite: the HPKE KEM.
        public: base64 of the raw public key.
    """

    kid: Kid
    suite: Suite
    public: str

    @model_validator(mode="after")
    def _usable(self) -> Self:
        self.key()
        return self

    def key(self) -> PublicKey:
        """Build the public key that ``cryptography``'s HPKE takes."""
        if self.suite == "X25519":
            return X25519PublicKey.from_public_bytes(_raw(self.public, CURVE25519_BYTES))
        raw = _raw(self.public, MLKEM768_BYTES + CURVE25519_BYTES)
        return MLKEM768X25519PublicKey(
            MLKEM768PublicKey.from_public_bytes(raw[:MLKEM768_BYTES]),
            X25519PublicKey.from_public_bytes(raw[MLKEM768_BYTES:]),
        )


class ConfirmKey(_Part):
    """The Ed25519 key whose signature on a confirmation lets the hub delete."""

    kid: Kid
    public: str

    @model_validator(mode="after")
    def _usable(self) -> Self:
        self.key()
        return self

    def key(self) -> Ed25519PublicKey:
        """Build the public key."""
        return Ed25519PublicKey.from_public_bytes(_raw(self.public, CURVE25519_BYTES))


class CommandKey(ConfirmKey):
    """An Ed25519 key whose signature makes a command, within its role."""

    role: Annotated[Role, Strict(False)]


class Trust(_Part):
    """The whole bundle.

    Attributes:
        version: of this format.
        recipients: everybody who can open the readings: the NOC, and a recovery key.
        confirm: who may say "stored".
        commands: who may command; empty for a hub that nobody commands.
    """

    version: Literal[1]
    recipients: Annotated[tuple[Recipient, ...], Strict(False), Field(min_length=1, max_length=8)]
    confirm: ConfirmKey
    commands: Annotated[tuple[CommandKey, ...], Strict(False), Field(max_length=64)]

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        # Dual control counts names; one key under two names, or in two duties, would let one person be two.
        parts: list[Recipient | ConfirmKey] = [*self.recipients, self.confirm, *self.commands]
        if len({part.kid for part in parts}) != len(parts):
            raise ValueError("a kid appears twice")
        if len({base64.b64decode(part.public) for part in parts}) != len(parts):
            raise ValueError("one public key appears under two kids")
        return self


def encode(raw: bytes) -> str:
    """Write raw public key bytes as the bundle holds them."""
    return base64.b64encode(raw).decode("ascii")


def parse(text: bytes, place: str) -> Trust:
    """Read a bundle.

    Args:
        text: the file's bytes.
        place: its name, for the message.

    Raises:
        ConfigError: not this format; names the place, the member and the reason.
    """
    hint = "make a fresh one with `hub-noc keygen` and copy it whole"
    try:
        return Trust.model_validate(strict_json.loads(text, depth=4))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        where = ".".join(str(step) for step in first["loc"]) or "the bundle"
        raise ConfigError(f"{place}: {where}: {first['msg']}", hint=hint) from None
    except ValueError as error:
        raise ConfigError(f"{place}: {error}", hint=hint) from None


def load(path: Path) -> Trust:
    """Read a bundle from a file.

    Raises:
        ConfigError: it cannot be read, or is not this format.
    """
    try:
        text = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read: {error.strerror}", hint=f"copy {BUNDLE_NAME} there from the NOC"
        ) from error
    return parse(text, str(path))


def _raw(text: str, size: int) -> bytes:
    try:
        raw = base64.b64decode(text.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error):
        raise ValueError("public: not base64") from None
    if len(raw) != size:
        raise ValueError(f"public: {len(raw)} bytes, not {size}")
    return raw
