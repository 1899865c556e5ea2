"""Protects the little local state that must be readable after a restart (alarm conditions, limits).

Owns: one AES-256-GCM key derived from the hub's identity key. Never: stores a key, or sees a reading on its way out.

What this is worth is what the identity key is worth: with a systemd credential bound to a TPM, a stolen card opens
nothing; with a key file on the same card, it protects against casual reading only. ``docs/operations.md`` says so.
"""

import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from hub_agent.errors import StorageError

_NONCE: Final = 12


class LocalBox:
    """Closes and opens named values under a key derived from the hub's identity (HKDF-SHA256, RFC 5869)."""

    def __init__(self, identity: Ed25519PrivateKey) -> None:
        kdf = HKDF(SHA256(), 32, salt=None, info=b"hub-agent local state v1")
        self._key = AESGCM(kdf.derive(identity.private_bytes_raw()))

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
