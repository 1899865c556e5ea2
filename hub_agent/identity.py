"""The hub's own Ed25519 key: who signs for it.

Owns: making the key file and reading it, and the one key that is derived from it to open readings.
Never: hands the key to a log, an error or the network.
"""

import os
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from hub_agent.errors import ConfigError

_LOOSE: Final = 0o077


def make(path: Path) -> Ed25519PrivateKey:
    """Make a new key and write it as PKCS#8 PEM, mode 0600.

    Raises:
        FileExistsError: there is one already; a hub's identity is never overwritten.
    """
    key = Ed25519PrivateKey.generate()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return key


def load(path: Path) -> Ed25519PrivateKey:
    """Read the key.

    Raises:
        ConfigError: missing, readable by others, or not an Ed25519 key in PKCS#8 PEM.
    """
    try:
        mode = path.stat().st_mode
        text = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"identity key {path}: {error.strerror}", hint="make one with `hub-agent identity`"
        ) from error
    if mode & _LOOSE and os.access(path, os.W_OK):
        raise ConfigError(f"identity key {path} is open to others", hint=f"chmod 600 {path}")
    try:
        key = load_pem_private_key(text, password=None)
    except (ValueError, TypeError) as error:
        raise ConfigError(f"identity key {path} is not a PEM private key without password") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigError(f"identity key {path} is not an Ed25519 key")
    return key


def public_pem(key: Ed25519PrivateKey) -> bytes:
    """Give the public half as PEM, for the NOC's register."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def opening_key(key: Ed25519PrivateKey) -> X25519PrivateKey:
    """Derive (HKDF-SHA256, RFC 5869) the key with which a hub at a site without a NOC opens its own readings."""
    secret = HKDF(SHA256(), 32, salt=None, info=b"hub-agent own readings v1").derive(key.private_bytes_raw())
    return X25519PrivateKey.from_private_bytes(secret)
