"""Opens a batch in one go, as a NOC does in two: first it verifies and keeps, later it opens."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hub_agent.envelope import Batch
from hub_agent.seal import unseal, verify_batch


def open_batch(batch: Batch, hub_key: Ed25519PublicKey, data_key: AESGCM, *, limit: int = 1 << 24) -> bytes:
    """Verify and open a batch; give its body, at most ``limit`` bytes.

    Raises:
        SealError: signature or seal do not hold, or the body is too large.
    """
    verify_batch(batch, hub_key)
    return unseal(batch, data_key, limit=limit)
