"""The seal: whoever has the key opens what the hub signed, nobody else anything, and no byte can be changed."""

import os
from collections.abc import Callable

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

from hub_agent import seal
from hub_agent.envelope import DEFLATE, FIRST_LINK, PLAIN, SIGN_BATCH, SIGN_EPOCH, parse_batch, parse_epoch
from hub_agent.errors import SealError
from hub_agent.model import ReadingClass

HUB = "hub-0001"
JOURNAL = bytes(16)
IDENTITY = Ed25519PrivateKey.generate()
PUBLIC = IDENTITY.public_key()
SEED, HYBRID_X, CLASSIC_X = os.urandom(64), X25519PrivateKey.generate(), X25519PrivateKey.generate()
RAW = {
    "pq": (
        seal.HYBRID,
        SEED + HYBRID_X.private_bytes_raw(),
        MLKEM768PrivateKey.from_seed_bytes(SEED).public_key().public_bytes_raw()
        + HYBRID_X.public_key().public_bytes_raw(),
    ),
    "classic": (seal.CLASSIC, CLASSIC_X.private_bytes_raw(), CLASSIC_X.public_key().public_bytes_raw()),
}
KEYS = {kid: seal.private_key(suite, private) for kid, (suite, private, _) in RAW.items()}
RECIPIENTS = [seal.Recipient(kid, suite, seal.public_key(suite, public)) for kid, (suite, _, public) in RAW.items()]
SEALER = seal.Sealer(HUB, JOURNAL, IDENTITY, RECIPIENTS)
EPOCH = SEALER.open_epoch(7)


def sealed(body: bytes, seq: int = 1) -> bytes:
    return SEALER.seal(EPOCH, seq, ReadingClass.EPISODIC, 3, FIRST_LINK, body)


def data_key() -> AESGCM:
    return AESGCM(seal.open_epoch(parse_epoch(EPOCH.record), PUBLIC, KEYS))


@pytest.mark.parametrize("kid", RAW)
def test_each_recipient_opens_the_same_data_key(kid: str) -> None:
    record = parse_epoch(EPOCH.record)
    assert seal.open_epoch(record, PUBLIC, {kid: KEYS[kid]}) == seal.open_epoch(record, PUBLIC, KEYS)
    assert (record.hub_id, record.journal, record.epoch, record.wall_ns) == (HUB, JOURNAL, EPOCH.id, 7)


def test_a_record_is_opened_by_no_other_key_of_the_name() -> None:
    record = parse_epoch(EPOCH.record)
    with pytest.raises(SealError, match="'classic' does not open"):
        seal.open_epoch(record, PUBLIC, {"classic": X25519PrivateKey.generate()})
    with pytest.raises(SealError, match="'classic' does not open"):
        seal.open_epoch(record, PUBLIC, {"classic": KEYS["pq"]})
    with pytest.raises(SealError, match="nobody whose key is here"):
        seal.open_epoch(record, PUBLIC, {"another": KEYS["pq"]})


def test_only_the_hub_makes_a_record() -> None:
    with pytest.raises(SealError, match="signature"):
        seal.open_epoch(parse_epoch(EPOCH.record), Ed25519PrivateKey.generate().public_key(), KEYS)


def test_a_recipient_cannot_be_moved_to_another_record() -> None:
    """HPKE's info binds a sealed key to its header and name, whoever signs."""
    mine, other = parse_epoch(EPOCH.record), parse_epoch(SEALER.open_epoch(7).record)
    signature = IDENTITY.sign(SIGN_EPOCH + mine.header_bytes + other.recipients_bytes)
    moved = parse_epoch(cbor2.dumps([mine.header_bytes, other.recipients_bytes, signature]))
    with pytest.raises(SealError, match="does not open"):
        seal.open_epoch(moved, PUBLIC, KEYS)


@pytest.mark.parametrize(
    "recipients", [7, "x", [1], [["kid", "suite"]], [[1, 2, 3]], [["classic", "X25519", b"short"]]]
)
def test_a_signed_record_may_still_hold_nonsense(recipients: object) -> None:
    mine = parse_epoch(EPOCH.record)
    nonsense = cbor2.dumps(recipients)
    signature = IDENTITY.sign(SIGN_EPOCH + mine.header_bytes + nonsense)
    with pytest.raises(SealError):
        seal.open_epoch(parse_epoch(cbor2.dumps([mine.header_bytes, nonsense, signature])), PUBLIC, KEYS)


@given(st.binary(max_size=400), st.integers(1, 1 << 40))
def test_a_body_comes_back(body: bytes, seq: int) -> None:
    batch = parse_batch(sealed(body, seq))
    assert seal.open_batch(batch, PUBLIC, data_key()) == body
    assert batch.header == (1, HUB, JOURNAL, seq, batch.header[4], 1, 3, EPOCH.id, FIRST_LINK, batch.header.coding)


@settings(max_examples=200)
@given(st.data())
def test_not_one_byte_can_be_changed(data: st.DataObject) -> None:
    good = sealed(b"x" * 40)
    bad = bytearray(good)
    bad[data.draw(st.integers(0, len(good) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(SealError):
        seal.open_batch(parse_batch(bytes(bad)), PUBLIC, data_key())


@settings(max_examples=100)
@given(st.data())
def test_nor_one_byte_of_a_record(data: st.DataObject) -> None:
    bad = bytearray(EPOCH.record)
    bad[data.draw(st.integers(0, len(bad) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(SealError):
        seal.open_epoch(parse_epoch(bytes(bad)), PUBLIC, KEYS)


@pytest.mark.parametrize("change", [lambda sealed: sealed[:-1], lambda sealed: sealed[:8], lambda _: b""])
def test_what_the_hub_signed_but_did_not_seal_does_not_open(change: Callable[[bytes], bytes]) -> None:
    good = parse_batch(sealed(b"body"))
    changed = change(good.sealed)
    signature = IDENTITY.sign(SIGN_BATCH + good.header_bytes + changed)
    batch = parse_batch(cbor2.dumps([good.header_bytes, changed, signature]))
    with pytest.raises(SealError, match="does not open"):
        seal.open_batch(batch, PUBLIC, data_key())


def test_the_header_is_bound_to_what_is_sealed() -> None:
    """Another header under a good signature of the hub does not open the first one's content."""
    one, two = parse_batch(sealed(b"body", 1)), parse_batch(sealed(b"body", 2))
    signature = IDENTITY.sign(SIGN_BATCH + two.header_bytes + one.sealed)
    with pytest.raises(SealError, match="does not open"):
        seal.open_batch(parse_batch(cbor2.dumps([two.header_bytes, one.sealed, signature])), PUBLIC, data_key())


def test_nothing_of_a_body_shows_and_no_two_batches_look_alike() -> None:
    body = b"an oximeter says ninety-seven"
    first, second = sealed(body), sealed(body)
    assert first != second
    assert not any(word in first for word in body.split())


def test_a_long_body_is_squeezed_and_one_that_gains_nothing_is_not() -> None:
    codings = [parse_batch(sealed(body)).header.coding for body in (b"", b"x" * 96, os.urandom(200))]
    assert codings == [PLAIN, DEFLATE, PLAIN]


def test_a_body_that_inflates_too_far_is_refused() -> None:
    batch = parse_batch(sealed(bytes(10_000)))
    assert seal.open_batch(batch, PUBLIC, data_key(), limit=10_000) == bytes(10_000)
    with pytest.raises(SealError, match="inflates"):
        seal.open_batch(batch, PUBLIC, data_key(), limit=9_999)


def test_a_hub_that_seals_to_nobody_does_not_start() -> None:
    with pytest.raises(SealError, match="no recipient"):
        seal.Sealer(HUB, JOURNAL, IDENTITY, [])


@pytest.mark.parametrize("suite", ["X25519", "MLKEM768_X25519", "ROT13"])
@pytest.mark.parametrize("length", [0, 31, 33, 95, 1215])
def test_a_key_of_the_wrong_length_is_named(suite: str, length: int) -> None:
    with pytest.raises(SealError, match=suite):
        seal.public_key(suite, bytes(length))
    with pytest.raises(SealError, match=suite):
        seal.private_key(suite, bytes(length))
