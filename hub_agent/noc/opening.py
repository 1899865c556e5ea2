"""Opens verified batches: with the NOC's private keys to the data key, with that to the items.

Owns: the open data keys, in RAM only, and the codes by which a batch that cannot be used is refused.
Never: verifies a signature, charts, or keeps what it opened.
"""

from collections.abc import Mapping
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hub_agent import wire
from hub_agent.envelope import Batch, parse_epoch
from hub_agent.errors import DecodeError, SealError
from hub_agent.seal import PrivateKey, open_epoch, unseal

NO_KEY: Final = "no_key"
BAD_SEAL: Final = "bad_seal"
BAD_BODY: Final = "bad_body"

_OPEN_KEYS: Final = 4096


class UnusableError(Exception):
    """A batch that its hub signed and nobody here can use; ``code`` says why, in the words of ``docs/wire.md`` §5."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Opener:
    """Opens batches.

    Args:
        keys: kid → private key, those that open epochs.
    """

    def __init__(self, keys: Mapping[str, PrivateKey]) -> None:
        self._keys = dict(keys)
        self._data_keys: dict[tuple[bytes, bytes], AESGCM] = {}

    def items(self, batch: Batch, record: bytes, hub_key: Ed25519PublicKey) -> tuple[wire.Item, ...]:
        """Give the items of a verified batch.

        Args:
            batch: what to open.
            record: its epoch's record.
            hub_key: of the hub that made both.

        Raises:
            UnusableError: it does not open, or holds no body.
        """
        try:
            data_key = self._data_key(batch, record, hub_key)
        except SealError:
            raise UnusableError(NO_KEY) from None
        try:
            body = unseal(batch, data_key)
        except SealError:
            raise UnusableError(BAD_SEAL) from None
        try:
            return wire.decode(body, batch.header.items)
        except DecodeError:
            raise UnusableError(BAD_BODY) from None

    def _data_key(self, batch: Batch, record: bytes, hub_key: Ed25519PublicKey) -> AESGCM:
        place = (batch.header.journal, batch.header.epoch)
        key = self._data_keys.get(place)
        if key is None:
            key = AESGCM(open_epoch(parse_epoch(record), hub_key, self._keys))
            if len(self._data_keys) >= _OPEN_KEYS:
                self._data_keys.pop(next(iter(self._data_keys)))
            self._data_keys[place] = key
        return key
