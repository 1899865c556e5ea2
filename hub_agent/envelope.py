"""The envelopes on the wire: batch, epoch record, confirmation; their clear parts and their signatures. Pure.

Owns: the layout of ``docs/wire.md`` §3 to §5.
Never: holds a data key, opens a seal, stores or sends.

Signatures (Ed25519, RFC 8032) cover a purpose string, so that none can stand in for another kind.
"""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

import cbor2
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from hub_agent.errors import SealError
from hub_agent.model import ReadingClass

VERSION: Final = 1
JOURNAL_BYTES: Final = 16
EPOCH_BYTES: Final = 8
CHAIN_BYTES: Final = 16
SEQ_END: Final = 1 << 53
"""Batch numbers stay below it: every language and database holds them exactly."""
FIRST_LINK: Final = bytes(CHAIN_BYTES)
COVERS_MAX: Final = 1024
"""Ranges that one batch may cover: some 11 KiB of header at the most."""
PLAIN: Final = 0
DEFLATE: Final = 1

SIGN_BATCH: Final = b"hub-agent batch v1\0"
SIGN_EPOCH: Final = b"hub-agent epoch v1\0"
_SIGN_CONFIRM: Final = b"hub-agent confirm v1\0"


Ranges = tuple[tuple[int, int], ...]
"""Ranges (first, last) of batch numbers, in order, none touching the next."""


class Header(NamedTuple):
    """The clear part of a batch, in the order of the wire.

    Attributes:
        version: of the envelope.
        hub_id: whose.
        journal: 16 bytes that name the life of one database file.
        seq: the batch's number in its journal, from 1.
        covers: ranges of earlier numbers that never come by themselves, since this batch stands for them: it holds what
            they held (rewritten together while they waited), or, in class alarm, says that they were shed.
        cls: clinical class of all it holds.
        items: how many items it holds, so that loss can be counted without opening.
        epoch: 8 bytes that name the data key.
        link: digest of the batch before (``seq - 1``), zeros for the first.
        coding: 0 plain, 1 raw deflate (RFC 1951) with the preset dictionary before sealing.
    """

    version: int
    hub_id: str
    journal: bytes
    seq: int
    covers: Ranges
    cls: ReadingClass
    items: int
    epoch: bytes
    link: bytes
    coding: int


class Batch(NamedTuple):
    """A batch as it travels and rests: ``CBOR [header, sealed, signature]``."""

    header: Header
    header_bytes: bytes
    sealed: bytes
    signature: bytes


def digest(envelope: bytes) -> bytes:
    """Give the 16 bytes by which the next batch names this one."""
    return hashlib.sha256(envelope).digest()[:CHAIN_BYTES]


def _array(data: bytes, length: int, what: str) -> list[Any]:
    """Read an array that is encoded in the one shortest way.

    Were there a second way, whoever carries a batch could give it another digest without breaking its signature.
    """
    try:
        value = cbor2.loads(data)
        if not isinstance(value, list) or len(value) != length:
            raise SealError(f"{what}: not an array of {length}")
        if cbor2.dumps(value) != data:
            raise SealError(f"{what}: not in the shortest form")
    except (cbor2.CBORError, ValueError, TypeError, RecursionError) as error:
        raise SealError(f"{what}: not CBOR") from error
    return value


def _check_types(values: Sequence[Any], types: Sequence[type], what: str) -> None:
    for value, kind in zip(values, types, strict=True):
        if not isinstance(value, kind) or isinstance(value, bool):
            raise SealError(f"{what}: a field has the wrong type")


def verify(key: Ed25519PublicKey, signature: bytes, message: bytes, what: str) -> None:
    """Check a signature.

    Raises:
        SealError: it does not hold; ``what`` names the thing in the message.
    """
    try:
        key.verify(signature, message)
    except InvalidSignature as error:
        raise SealError(f"{what}: the signature does not hold") from error


def merged(numbers: Iterable[int], ranges: Iterable[tuple[int, int]] = ()) -> Ranges:
    """Gather batch numbers, and ranges of them, into the fewest ranges."""
    found: list[tuple[int, int]] = []
    for first, last in sorted([*((number, number) for number in numbers), *ranges]):
        if found and first <= found[-1][1] + 1:
            found[-1] = found[-1][0], max(last, found[-1][1])
        else:
            found.append((first, last))
    return tuple(found)


def count(ranges: Ranges) -> int:
    """Count the numbers in ranges."""
    return sum(last - first + 1 for first, last in ranges)


def _ranges(value: Sequence[Any]) -> Ranges:
    if len(value) > COVERS_MAX:
        raise SealError("batch header: it covers too many ranges")
    for pair in value:
        if not isinstance(pair, list) or [type(number) for number in pair] != [int, int]:
            raise SealError("batch header: what it covers are no ranges")
    return tuple((first, last) for first, last in value)


def _in_order(ranges: Ranges, end: int) -> bool:
    """Tell whether ranges are whole, in order, apart from each other, and below ``end``."""
    before = -1
    for first, last in ranges:
        if not before + 1 < first <= last < end:
            return False
        before = last
    return True


def parse_batch(envelope: bytes) -> Batch:
    """Read the clear parts of a batch without any key.

    Raises:
        SealError: not a batch of this version.
    """
    parts = _array(envelope, 3, "batch")
    _check_types(parts, (bytes, bytes, bytes), "batch")
    fields = _array(parts[0], len(Header._fields), "batch header")
    _check_types(fields, (int, str, bytes, int, list, int, int, bytes, bytes, int), "batch header")
    if fields[0] != VERSION:
        raise SealError(f"batch: version {fields[0]} is not known here")
    header = Header(*fields)._replace(covers=_ranges(fields[4]))
    if (
        not 1 <= header.seq < SEQ_END
        or not _in_order(header.covers, header.seq)
        or header.cls not in set(ReadingClass)
        or not 0 <= header.items < SEQ_END
        or header.coding not in (PLAIN, DEFLATE)
        or (len(header.journal), len(header.epoch), len(header.link)) != (JOURNAL_BYTES, EPOCH_BYTES, CHAIN_BYTES)
    ):
        raise SealError("batch header: a field is out of range")
    return Batch(header._replace(cls=ReadingClass(header.cls)), *parts)


class EpochRecord(NamedTuple):
    """An epoch record as received: who could open it, not yet opened."""

    hub_id: str
    journal: bytes
    epoch: bytes
    wall_ns: int
    header_bytes: bytes
    recipients_bytes: bytes
    signature: bytes


def parse_epoch(record: bytes) -> EpochRecord:
    """Read the clear parts of an epoch record.

    Raises:
        SealError: not an epoch record of this version.
    """
    parts = _array(record, 3, "epoch record")
    _check_types(parts, (bytes, bytes, bytes), "epoch record")
    fields = _array(parts[0], 5, "epoch header")
    _check_types(fields, (int, str, bytes, bytes, int), "epoch header")
    if fields[0] != VERSION:
        raise SealError(f"epoch record: version {fields[0]} is not known here")
    if (len(fields[2]), len(fields[3])) != (JOURNAL_BYTES, EPOCH_BYTES):
        raise SealError("epoch header: a field is out of range")
    return EpochRecord(*fields[1:], *parts)


class Confirmation(NamedTuple):
    """The NOC's word to one hub.

    Numbers go with the epoch under which they were sealed. A card that forgets its last writes makes a hub use numbers
    again, but each start of the process begins a new epoch: what was said of the first use says nothing of the next.

    Attributes:
        hub_id: to whom.
        wall_ns: the NOC's clock when it signed; feeds the hub's clock floor.
        confirmed: ranges (epoch, first, last) of batch numbers that are charted for good; the epoch is the last one's.
        wanted: epochs whose record the NOC lacks.
        refused: (epoch, seq, code) of batches that the NOC cannot use.
    """

    hub_id: str
    wall_ns: int
    confirmed: tuple[tuple[bytes, int, int], ...] = ()
    wanted: tuple[bytes, ...] = ()
    refused: tuple[tuple[bytes, int, str], ...] = ()

    def epochs(self) -> set[bytes]:
        """Give the epochs that it speaks of."""
        return {entry[0] for entry in (*self.confirmed, *self.refused)} | set(self.wanted)


def sign_confirmation(confirmation: Confirmation, key: Ed25519PrivateKey) -> bytes:
    """Make the signed message of a confirmation."""
    payload = cbor2.dumps([VERSION, *confirmation])
    return cbor2.dumps([payload, key.sign(_SIGN_CONFIRM + payload)])


def open_confirmation(message: bytes, keys: Sequence[Ed25519PublicKey]) -> Confirmation:
    """Verify a confirmation against the NOC's current confirmation keys, and read it.

    Raises:
        SealError: no key's signature holds, or it cannot be read.
    """
    payload, signature = _array(message, 2, "confirmation")
    if not isinstance(payload, bytes) or not isinstance(signature, bytes):
        raise SealError("confirmation: a field has the wrong type")
    for key in keys:
        try:
            key.verify(signature, _SIGN_CONFIRM + payload)
            break
        except InvalidSignature:
            continue
    else:
        raise SealError("confirmation: no known key signed it")
    fields = _array(payload, 6, "confirmation")
    if fields[0] != VERSION:
        raise SealError(f"confirmation: version {fields[0]} is not known here")
    _check_types(fields, (int, str, int, list, list, list), "confirmation")
    _, hub_id, wall_ns, confirmed, wanted, refused = fields
    for entries, types in ((confirmed, (bytes, int, int)), (refused, (bytes, int, str))):
        for entry in entries:
            if not isinstance(entry, list) or len(entry) != len(types):
                raise SealError("confirmation: an entry has the wrong form")
            _check_types(entry, types, "confirmation")
    _check_types(wanted, (bytes,) * len(wanted), "confirmation")
    return Confirmation(hub_id, wall_ns, tuple(map(tuple, confirmed)), tuple(wanted), tuple(map(tuple, refused)))
