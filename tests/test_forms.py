"""What leaves a hub at a site without a NOC, and what does not."""

import json
from decimal import Decimal
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given

from hub_agent import identity, wire
from hub_agent.envelope import FIRST_LINK
from hub_agent.forms import Clear, Sealed, own_recipient
from hub_agent.model import ClockState, ReadingClass, Stamp
from hub_agent.opening import BAD_BODY, BAD_SEAL, NO_KEY, UnusableError
from hub_agent.outbox.rows import Committed
from hub_agent.seal import Sealer
from hub_agent.spelling import instant
from hub_agent.wire import Event, Item
from tests.items import ITEMS
from tests.rooms import HUB, IDENTITY, JOURNAL, RECIPIENT

KEY = identity.opening_key(IDENTITY)
SEALER = Sealer(HUB, JOURNAL, IDENTITY, [own_recipient(KEY)])
EPOCH = SEALER.open_epoch(0)


def batch(items: list[Item], sealer: Sealer = SEALER, body: bytes | None = None) -> Committed:
    content = wire.encode(items) if body is None else body
    return Committed(1, len(items), sealer.seal(EPOCH, 1, ReadingClass.ALARM, len(items), FIRST_LINK, content))


def clear(own: Ed25519PrivateKey = IDENTITY) -> Clear:
    return Clear(identity.opening_key(own), own.public_key(), {EPOCH.id: EPOCH.record}.get)


def spelled(message: bytes) -> Any:  # noqa: ANN401 - JSON
    return json.loads(message, parse_float=Decimal)


@given(ITEMS)
def test_everything_that_was_read_is_there_exactly(items: list[Item]) -> None:
    message = spelled(clear().payload(batch(items)))
    assert {name: message[name] for name in ("v", "hub", "journal", "seq", "covers", "class")} == {
        "v": 1,
        "hub": HUB,
        "journal": JOURNAL.hex(),
        "seq": 1,
        "covers": [],
        "class": "alarm",
    }
    for item, said in zip(wire.decode(wire.encode(items)), message["items"], strict=True):
        stamp = item.stamp
        assert (said["boot"], said["monotonic_ms"]) == (stamp.boot, stamp.monotonic_ns // 1_000_000)
        at = instant(stamp.wall_ns // 1_000_000) if stamp.clock is ClockState.SYNCED else None
        if isinstance(item, Event):
            assert (said["type"], said["kind"], said["at"]) == ("event", item.kind, at)
        else:
            assert (said["type"], said["device"], said["received_at"]) == ("reading", item.device, at)
            assert [(one["mdc"], one["ucum"], one.get("value")) for one in said["measurements"]] == [
                (one.code, one.unit, one.value) for one in item.reading.measurements
            ]


def test_what_is_stored_is_sealed_all_the_same() -> None:
    stored = batch([Event("secret-word", Stamp("00" * 8, 0, 0, ClockState.UNSYNCED), {})])
    assert b"secret-word" not in stored.envelope
    assert Sealed().payload(stored) == stored.envelope
    assert b"secret-word" in clear().payload(stored)


def test_another_identity_or_a_noc_s_batch_does_not_open() -> None:
    stored = batch([])
    with pytest.raises(UnusableError) as raised:
        clear(Ed25519PrivateKey.generate()).payload(stored)
    assert raised.value.code == NO_KEY
    sealed_to_noc = Sealer(HUB, JOURNAL, IDENTITY, [RECIPIENT])
    epoch = sealed_to_noc.open_epoch(0)
    theirs = sealed_to_noc.seal(epoch, 1, ReadingClass.ALARM, 0, FIRST_LINK, wire.encode([]))
    with pytest.raises(UnusableError) as raised:
        Clear(KEY, IDENTITY.public_key(), {epoch.id: epoch.record}.get).payload(Committed(1, 0, theirs))
    assert raised.value.code == NO_KEY
    with pytest.raises(UnusableError) as raised:
        Clear(KEY, IDENTITY.public_key(), lambda _epoch: None).payload(stored)
    assert raised.value.code == NO_KEY


def test_damage_is_named() -> None:
    with pytest.raises(UnusableError) as raised:
        clear().payload(batch([], body=b"\xff"))
    assert raised.value.code == BAD_BODY
    stored = batch([])
    other = SEALER.open_epoch(0)
    crossed = Clear(KEY, IDENTITY.public_key(), lambda _epoch: other.record)
    with pytest.raises(UnusableError) as raised:
        crossed.payload(stored)
    assert raised.value.code == BAD_SEAL
