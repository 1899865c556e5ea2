"""The NOC's private keys, as a directory.

Owns: their files, the permissions on them, and the public bundle that goes to the hubs.
Never: sends a private key anywhere, prints one, or uses one itself.

::

    <directory>/           0700
      noc-public.json      the bundle of hub_agent.trust: which keys there are; copy it to each hub
      <kid>.pem            0600, one for each kid of the bundle: PKCS#8 (RFC 5958) in PEM, not encrypted

An MLKEM768_X25519 key is two PEM blocks: ML-KEM-768 as its 64-byte seed (FIPS 203 §7.1), then X25519. A kid is its
duty and the first eight hex digits of the public key's SHA-256. Keep ``recovery-*.pem`` elsewhere: nothing here misses
it until it is needed.
"""

import hashlib
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hpke import MLKEM768X25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from hub_agent import trust
from hub_agent.errors import ConfigError
from hub_agent.noc.signing import RoleKey
from hub_agent.trust import CommandKey, ConfirmKey, Recipient, Role, Suite, Trust

RECIPIENT: Final = "noc"
RECOVERY: Final = "recovery"
CONFIRM: Final = "confirm"

_END: Final = b"-----END PRIVATE KEY-----\n"

_Part = Ed25519PrivateKey | X25519PrivateKey | MLKEM768PrivateKey
OpeningKey = X25519PrivateKey | MLKEM768X25519PrivateKey
"""What opens a sealed epoch."""


class ConfirmingKey(NamedTuple):
    """The key that signs confirmations.

    Attributes:
        kid: its name.
        private: the key.
    """

    kid: str
    private: Ed25519PrivateKey


@dataclass(frozen=True, slots=True)
class Keyring:
    """An opened key directory. Private keys are read when they are asked for.

    Attributes:
        directory: where.
        trust: the public halves.
    """

    directory: Path
    trust: Trust

    @classmethod
    def open(cls, directory: Path) -> Self:
        """Open a directory that :func:`keygen` made.

        Raises:
            ConfigError: not there, readable by others, or not a key directory.
        """
        try:
            mode = directory.stat().st_mode
        except OSError as error:
            raise ConfigError(f"{directory}: {error.strerror}", hint="make one with `hub-noc keygen`") from error
        _check_mode(directory, mode, "700")
        return cls(directory, trust.load(directory / trust.BUNDLE_NAME))

    def role_key(self, role: Role) -> RoleKey:
        """Give the command key of a role: the last one in the bundle, where there are several.

        Raises:
            ConfigError: there is none, or its file is unfit.
        """
        for entry in reversed(self.trust.commands):
            if entry.role == role:
                return RoleKey(entry.kid, role, self._signing(entry))
        raise ConfigError(f"{self.directory}: no command key for the role {role}")

    def confirming_key(self) -> ConfirmingKey:
        """Give the key that signs confirmations.

        Raises:
            ConfigError: its file is unfit.
        """
        return ConfirmingKey(self.trust.confirm.kid, self._signing(self.trust.confirm))

    def opening_keys(self) -> Mapping[str, OpeningKey]:
        """Give the keys that open sealed readings, by kid: those that are here; the recovery key may be elsewhere.

        Raises:
            ConfigError: none is here, or a file is unfit.
        """
        here = {entry.kid: self._opening(entry) for entry in self.trust.recipients if self._path(entry.kid).exists()}
        if not here:
            raise ConfigError(f"{self.directory}: no key that opens readings", hint="put the <kid>.pem files back")
        return here

    def _path(self, kid: str) -> Path:
        return self.directory / f"{kid}.pem"

    def _signing(self, entry: ConfirmKey) -> Ed25519PrivateKey:
        match self._read(entry.kid, entry.public):
            case [Ed25519PrivateKey() as key]:
                return key
            case _:
                raise ConfigError(f"{self._path(entry.kid)}: not one Ed25519 key")

    def _opening(self, entry: Recipient) -> OpeningKey:
        match entry.suite, self._read(entry.kid, entry.public):
            case "X25519", [X25519PrivateKey() as key]:
                return key
            case "MLKEM768_X25519", [MLKEM768PrivateKey() as mlkem, X25519PrivateKey() as x25519]:
                return MLKEM768X25519PrivateKey(mlkem, x25519)
            case _:
                raise ConfigError(f"{self._path(entry.kid)}: not a key of the suite {entry.suite}")

    def _read(self, kid: str, public: str) -> list[_Part]:
        path = self._path(kid)
        try:
            with path.open("rb") as file:
                _check_mode(path, os.fstat(file.fileno()).st_mode, "600")
                blocks = [block + _END for block in file.read().split(_END) if block.strip()]
        except OSError as error:
            raise ConfigError(f"{path}: {error.strerror}", hint="put the file back") from error
        try:
            parts = [_part(block) for block in blocks]
        except (ValueError, TypeError) as error:
            raise ConfigError(f"{path}: not PKCS#8 in PEM, unencrypted") from error
        if trust.encode(_public(parts)) != public:
            raise ConfigError(f"{path}: not the private half of {kid} in {trust.BUNDLE_NAME}")
        return parts


def keygen(directory: Path, suite: Suite = "MLKEM768_X25519") -> Keyring:
    """Make every key of a NOC, and the bundle for its hubs.

    Args:
        directory: is made; may exist only if it is empty.
        suite: of the recipient and the recovery key.

    Raises:
        ConfigError: it holds something, or cannot be written. Keys are never overwritten.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(directory.iterdir()):
            raise ConfigError(f"{directory}: not empty", hint="choose a new directory; keys are never overwritten")
        directory.chmod(0o700)
        roles = [CommandKey(role=role, **_make(directory, role, [Ed25519PrivateKey.generate()])) for role in Role]
        bundle = Trust(
            version=1,
            recipients=tuple(
                Recipient(suite=suite, **_make(directory, duty, _generate(suite))) for duty in (RECIPIENT, RECOVERY)
            ),
            confirm=ConfirmKey(**_make(directory, CONFIRM, [Ed25519PrivateKey.generate()])),
            commands=tuple(roles),
        )
        _write(directory / trust.BUNDLE_NAME, bundle.model_dump_json(indent=1).encode("ascii") + b"\n", 0o644)
    except OSError as error:
        raise ConfigError(f"{directory}: {error.strerror}") from error
    return Keyring(directory, bundle)


def _generate(suite: Suite) -> list[_Part]:
    if suite == "X25519":
        return [X25519PrivateKey.generate()]
    return [MLKEM768PrivateKey.generate(), X25519PrivateKey.generate()]


def _make(directory: Path, duty: str, parts: list[_Part]) -> dict[str, str]:
    """Name and write a fresh key; give its public entry."""
    public = _public(parts)
    kid = f"{duty}-{hashlib.sha256(public).hexdigest()[:8]}"
    pem = b"".join(part.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) for part in parts)
    _write(directory / f"{kid}.pem", pem, 0o600)
    return {"kid": kid, "public": trust.encode(public)}


def _public(parts: list[_Part]) -> bytes:
    return b"".join(part.public_key().public_bytes_raw() for part in parts)


def _part(block: bytes) -> _Part:
    key = load_pem_private_key(block, password=None)
    if not isinstance(key, _Part):
        raise TypeError(f"a {type(key).__name__}")
    return key


def _write(path: Path, content: bytes, mode: int) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        os.fchmod(file.fileno(), mode)  # whatever the umask
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _check_mode(path: Path, mode: int, wanted: str) -> None:
    if stat.S_IMODE(mode) & 0o077:
        raise ConfigError(f"{path}: open to others (mode {stat.S_IMODE(mode):o})", hint=f"chmod {wanted} {path}")
