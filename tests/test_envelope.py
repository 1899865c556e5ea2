"""The clear parts: read without a key, refused when they are anything else."""

from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from hub_agent import envelope
from hub_agent.envelope import Confirmation, digest, open_confirmation, parse_batch, parse_epoch, sign_confirmation
from hub_agent.errors import SealError

KEY = Ed25519PrivateKey.generate()
EPOCH_HEADER = [1, "hub-0001", bytes(16), bytes(8), 0]

UINTS = st.integers(0, 1 << 40)
EPOCHS = st.binary(min_size=8, max_size=8)
CONFIRMATIONS = st.builds(
    Confirmation,
    st.from_regex(r"[a-z0-9-]{4,32}", fullmatch=True),
    UINTS,
    st.lists(st.tuples(EPOCHS, UINTS, UINTS), max_size=4).map(tuple),
    st.lists(EPOCHS, max_size=3).map(tuple),
    st.lists(st.tuples(EPOCHS, UINTS, st.text(max_size=9)), max_size=3).map(tuple),
)


@given(CONFIRMATIONS)
def test_a_confirmation_comes_back(word: Confirmation) -> None:
    others = [Ed25519PrivateKey.generate().public_key(), KEY.public_key()]
    assert open_confirmation(sign_confirmation(word, KEY), others) == word


@given(CONFIRMATIONS, st.data())
def test_not_one_byte_of_a_confirmation_can_be_changed(word: Confirmation, data: st.DataObject) -> None:
    message = bytearray(sign_confirmation(word, KEY))
    message[data.draw(st.integers(0, len(message) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(SealError):
        open_confirmation(bytes(message), [KEY.public_key()])


def test_nobody_else_confirms() -> None:
    message = sign_confirmation(Confirmation("hub-0001", 0), KEY)
    with pytest.raises(SealError, match="no known key"):
        open_confirmation(message, [Ed25519PrivateKey.generate().public_key()])
    with pytest.raises(SealError, match="no known key"):
        open_confirmation(message, [])


def test_a_signature_made_for_something_else_confirms_nothing() -> None:
    payload = cbor2.dumps([1, "hub-0001", 0, [], [], []])
    for purpose in (envelope.SIGN_BATCH, envelope.SIGN_EPOCH, b""):
        with pytest.raises(SealError, match="no known key"):
            open_confirmation(cbor2.dumps([payload, KEY.sign(purpose + payload)]), [KEY.public_key()])


@pytest.mark.parametrize(
    "fields",
    [
        [2, "hub-0001", 0, [], [], []],
        [1, "hub-0001", 0, [], []],
        [1, "hub-0001", 0, 7, [], []],
        [1, "hub-0001", 0, [7], [], []],
        [1, "hub-0001", 0, [[bytes(8), 1]], [], []],
        [1, "hub-0001", 0, [["a", 1, 2]], [], []],
        [1, "hub-0001", 0, [[bytes(8), True, 2]], [], []],
        [1, "hub-0001", "x", [], [], []],
        [1, "hub-0001", 0, [], ["text"], []],
        [1, "hub-0001", 0, [], [], [[bytes(8), 1, 2]]],
    ],
)
def test_even_a_signed_confirmation_must_be_one(fields: list[Any]) -> None:
    payload = cbor2.dumps(fields)
    message = cbor2.dumps([payload, KEY.sign(envelope._SIGN_CONFIRM + payload)])
    with pytest.raises(SealError):
        open_confirmation(message, [KEY.public_key()])


@given(st.binary(max_size=80) | st.lists(st.binary(max_size=40), max_size=4).map(cbor2.dumps))
def test_whatever_is_no_envelope_is_said_to_be_none(message: bytes) -> None:
    for read in (parse_batch, parse_epoch, lambda m: open_confirmation(m, [KEY.public_key()])):
        with pytest.raises(SealError):
            read(message)


@pytest.mark.parametrize(
    ("place", "value"),
    [(0, 2), (0, True), (1, b"hub-0001"), (2, bytes(15)), (2, "x" * 16), (3, bytes(7)), (4, "now"), (4, 1.5)],
)
def test_a_record_of_another_shape_is_none(place: int, value: object) -> None:
    fields = [*EPOCH_HEADER[:place], value, *EPOCH_HEADER[place + 1 :]]
    with pytest.raises(SealError):
        parse_epoch(cbor2.dumps([cbor2.dumps(fields), b"", b""]))
    assert parse_epoch(cbor2.dumps([cbor2.dumps(EPOCH_HEADER), b"", b""])).hub_id == "hub-0001"


def test_the_digest_is_of_the_whole_batch() -> None:
    assert digest(b"abc").hex() == "ba7816bf8f01cfea414140de5dae2223"  # FIPS 180-4, the first half
    assert len(digest(b"")) == envelope.CHAIN_BYTES == len(envelope.FIRST_LINK)
