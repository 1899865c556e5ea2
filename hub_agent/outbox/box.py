"""Protects the little local state that must be readable after a restart (alarm conditions, limits).

Owns: an AES-256-GCM key and a naming key, derived from the hub's identity key.
Never: stores a key, or sees a reading on its way out.

What this is worth is what the identity key is worth: with a systemd credential bound to a TPM, a stolen card opens
nothing; with a key file on the same card, it protects against casual reading only. ``docs/operations.md`` says so.
"""

import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from hub_agent.errors import StorageError

_NONCE: Final = 12
_NAME: Final = 16


class LocalBox:
    """Closes and opens named values under a key derived from the hub's identity (HKDF-SHA256, RFC 5869)."""

    def __init__(self, identity: Ed25519PrivateKey) -> None:
        secret = identity.private_bytes_raw()
        self._key = AESGCM(HKDF(SHA256(), 32, salt=None, info=b"hub-agent local state v1").derive(secret))
        self._names = HKDF(SHA256(), 32, salt=None, info=b"hub-agent record names v1").derive(secret)

    def name(self, record: bytes) -> bytes:
        """Name a device's record: 16 bytes that only this hub can make, so that nobody finds a value by trying."""
        mac = HMAC(self._names, SHA256())
        mac.update(record)
        return mac.finalize()[:_NAME]

    def close(self, name: str, value: bytes) -> bytes:
        """Encrypt a value; its name is authenticated with it."""
        nonce = os.urandom(_NONCE)
        return nonce + self._key.encrypt(nonce, value, name.encode())

    def open(self, name: str, value: bytes) -> bytes:
        """Decrypt a value.

        Raises:
            StorageError: another identity closed it, under another name, or it was changed.
        """
        try:
            return self._key.decrypt(value[:_NONCE], value[_NONCE:], name.encode())
        except (InvalidTag, ValueError) as error:
            raise StorageError(
                f"local state {name!r} does not open", hint="was the hub's identity key replaced?"
            ) from error
