"""Seals batches for the NOC, signs and chains them; and opens them at the other end. Pure but for its randomness.

Owns: data keys, recipients and their suites.
Never: stores a data key, reads a key file, or knows what a body says.

A random 256-bit data key per epoch lives in RAM only. It is sealed once, with HPKE (RFC 9180), to each recipient;
batches are AES-256-GCM under it with random nonces (NIST SP 800-38D §8.2.2; at most 2^20 a key) and the whole clear
header as associated data. The Ed25519 signature says which hub it was; the digest of the batch before shows a gap, a
fork or a cloned card.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import cbor2
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric import mlkem, x25519
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hub_agent.envelope import (
    DEFLATE,
    PLAIN,
    SIGN_BATCH,
    SIGN_EPOCH,
    VERSION,
    Batch,
    EpochRecord,
    Ranges,
    parse_batch,
    verify,
)
from hub_agent.errors import SealError
from hub_agent.model import ReadingClass
from hub_agent.squeeze import expand, squeeze

BATCHES_PER_EPOCH: Final = 1 << 20

_NONCE: Final = 12

HYBRID: Final = "MLKEM768_X25519"
CLASSIC: Final = "X25519"

SUITES: Final[Mapping[str, hpke.Suite]] = {
    HYBRID: hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM),
    CLASSIC: hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM),
}
"""Our own registry of suite names: the hybrid KEM's code point is still a draft's, so no number goes on the wire."""

PublicKey = hpke.MLKEM768X25519PublicKey | x25519.X25519PublicKey
PrivateKey = hpke.MLKEM768X25519PrivateKey | x25519.X25519PrivateKey

_MLKEM_PUBLIC: Final = 1184
_MLKEM_SEED: Final = 64
_X25519: Final = 32


def public_key(suite: str, raw: bytes) -> PublicKey:
    """Load a recipient's public key: X25519 32 bytes; hybrid ML-KEM-768 1184 bytes, then X25519 32.

    Raises:
        SealError: unknown suite or wrong length.
    """
    try:
        if suite == CLASSIC:
            return x25519.X25519PublicKey.from_public_bytes(raw)
        if suite == HYBRID and len(raw) == _MLKEM_PUBLIC + _X25519:
            return hpke.MLKEM768X25519PublicKey(
                mlkem.MLKEM768PublicKey.from_public_bytes(raw[:_MLKEM_PUBLIC]),
                x25519.X25519PublicKey.from_public_bytes(raw[_MLKEM_PUBLIC:]),
            )
    except ValueError as error:
        raise SealError(f"recipient key of suite {suite}: {error}") from error
    raise SealError(
        f"recipient key: suite {suite!r} unknown or of the wrong length", hint=f"known: {', '.join(SUITES)}"
    )


def private_key(suite: str, raw: bytes) -> PrivateKey:
    """Load a recipient's private key: X25519 32 bytes; hybrid ML-KEM-768 seed 64 bytes, then X25519 32.

    Raises:
        SealError: unknown suite or wrong length.
    """
    if suite == CLASSIC and len(raw) == _X25519:
        return x25519.X25519PrivateKey.from_private_bytes(raw)
    if suite == HYBRID and len(raw) == _MLKEM_SEED + _X25519:
        return hpke.MLKEM768X25519PrivateKey(
            mlkem.MLKEM768PrivateKey.from_seed_bytes(raw[:_MLKEM_SEED]),
            x25519.X25519PrivateKey.from_private_bytes(raw[_MLKEM_SEED:]),
        )
    raise SealError(f"private key: suite {suite!r} unknown or of the wrong length", hint=f"known: {', '.join(SUITES)}")


@dataclass(frozen=True, slots=True)
class Recipient:
    """Somebody who may open epochs.

    Attributes:
        kid: the key's name.
        suite: a name of ``SUITES``.
        key: the public key.
    """

    kid: str
    suite: str
    key: PublicKey


@dataclass(frozen=True, slots=True)
class Epoch:
    """One data key's life, on the hub: the key itself is here and nowhere else.

    Attributes:
        id: 8 random bytes.
        record: the signed epoch record, ready to be published and stored; it holds no open key.
        key: AES-256-GCM under the data key.
    """

    id: bytes
    record: bytes
    key: AESGCM


class Sealer:
    """The hub's side: opens epochs and seals batches in one journal. Not thread-safe; its owner is the outbox.

    Args:
        hub_id: whose batches.
        journal: 16 bytes.
        identity: the hub's Ed25519 key.
        recipients: who may open; at least one.
        random: bytes from the operating system's generator.
    """

    def __init__(
        self,
        hub_id: str,
        journal: bytes,
        identity: Ed25519PrivateKey,
        recipients: Sequence[Recipient],
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        if not recipients:
            raise SealError("no recipient: nobody could ever open a batch", hint="set noc.trust to the NOC's bundle")
        self._hub_id = hub_id
        self._journal = journal
        self._identity = identity
        self._recipients = tuple(recipients)
        self._random = random

    def open_epoch(self, wall_ns: int) -> Epoch:
        """Make a data key, seal it to every recipient, sign the record. ``wall_ns``: the hub's clock, informative."""
        epoch_id, data_key = self._random(8), self._random(32)
        header = cbor2.dumps([VERSION, self._hub_id, self._journal, epoch_id, wall_ns])
        sealed = [
            [who.kid, who.suite, SUITES[who.suite].encrypt(data_key, who.key, info=_info(header, who.kid, who.suite))]
            for who in self._recipients
        ]
        recipients = cbor2.dumps(sealed)
        signature = self._identity.sign(SIGN_EPOCH + header + recipients)
        return Epoch(epoch_id, cbor2.dumps([header, recipients, signature]), AESGCM(data_key))

    def made(self, envelope: bytes) -> bool:
        """Tell whether a stored batch is still as it was sealed: of this hub and journal, with its signature."""
        try:
            batch = parse_batch(envelope)
            verify_batch(batch, self._identity.public_key())
        except SealError:
            return False
        return (batch.header.hub_id, batch.header.journal) == (self._hub_id, self._journal)

    def seal(
        self,
        epoch: Epoch,
        seq: int,
        cls: ReadingClass,
        items: int,
        link: bytes,
        body: bytes,
        *,
        covers: Ranges = (),
    ) -> bytes:
        """Seal one body into an envelope; see :class:`Header` for the arguments."""
        squeezed = squeeze(body)
        coding, content = (DEFLATE, squeezed) if len(squeezed) < len(body) else (PLAIN, body)
        header = cbor2.dumps(
            [VERSION, self._hub_id, self._journal, seq, covers, int(cls), items, epoch.id, link, coding]
        )
        nonce = self._random(_NONCE)
        sealed = nonce + epoch.key.encrypt(nonce, content, header)
        return cbor2.dumps([header, sealed, self._identity.sign(SIGN_BATCH + header + sealed)])


def _info(header: bytes, kid: str, suite: str) -> bytes:
    """HPKE's info: everything that gives the data key its meaning, unambiguous because CBOR is self-delimiting."""
    return cbor2.dumps(["hub-agent epoch key v1", header, kid, suite])


# --- the NOC's side --------------------------------------------------------------------------------------------------


def verify_epoch(record: EpochRecord, hub_key: Ed25519PublicKey) -> None:
    """Check that the hub signed an epoch record.

    Raises:
        SealError: it did not.
    """
    verify(hub_key, record.signature, SIGN_EPOCH + record.header_bytes + record.recipients_bytes, "epoch record")


def open_epoch(record: EpochRecord, hub_key: Ed25519PublicKey, keys: Mapping[str, PrivateKey]) -> bytes:
    """Verify an epoch record and open its data key (32 bytes) with the first of ``keys`` (kid → key) that fits.

    Raises:
        SealError: signature, recipient or seal do not hold.
    """
    verify_epoch(record, hub_key)
    try:
        entries = [(str(kid), str(suite), bytes(sealed)) for kid, suite, sealed in cbor2.loads(record.recipients_bytes)]
    except (cbor2.CBORDecodeError, TypeError, ValueError) as error:
        raise SealError("epoch record: recipients cannot be read") from error
    for kid, suite, sealed in entries:
        if kid in keys and suite in SUITES:
            try:
                return SUITES[suite].decrypt(sealed, keys[kid], info=_info(record.header_bytes, kid, suite))
            except (InvalidTag, ValueError, TypeError) as error:
                raise SealError(f"epoch record: the seal for key {kid!r} does not open") from error
    raise SealError("epoch record: sealed to nobody whose key is here")


def unseal(batch: Batch, data_key: AESGCM, *, limit: int = 1 << 24) -> bytes:
    """Open a batch whose signature was verified before; give its body, at most ``limit`` bytes.

    Raises:
        SealError: the seal does not hold, or the body is too large.
    """
    try:
        content = data_key.decrypt(batch.sealed[:_NONCE], batch.sealed[_NONCE:], batch.header_bytes)
    except (InvalidTag, ValueError) as error:
        raise SealError("batch: the seal does not open") from error
    return expand(content, limit) if batch.header.coding == DEFLATE else content


def verify_batch(batch: Batch, hub_key: Ed25519PublicKey) -> None:
    """Check that the hub signed a batch.

    Raises:
        SealError: it did not.
    """
    verify(hub_key, batch.signature, SIGN_BATCH + batch.header_bytes + batch.sealed, "batch")


def open_batch(batch: Batch, hub_key: Ed25519PublicKey, data_key: AESGCM, *, limit: int = 1 << 24) -> bytes:
    """Verify and open a batch; give its body, at most ``limit`` bytes.

    Raises:
        SealError: signature or seal do not hold, or the body is too large.
    """
    verify_batch(batch, hub_key)
    return unseal(batch, data_key, limit=limit)
