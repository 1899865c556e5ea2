"""What a hub last said of itself, put together from whole and brief heartbeats."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hub_agent.noc.hubs import Hub
from hub_agent.noc.store import Store

WHOLE: dict[str, Any] = {
    "session": "s1",
    "at": "then",
    "devices": {"cuff": {"state": "connected"}},
    "delivery": {"confirmed": 7, "waiting": {"continuous": {"batches": 3}}},
}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "noc.db") as opened:
        with opened.transaction():
            opened.hubs.add("hub-1", Ed25519PrivateKey.generate().public_key(), 0)
        yield opened


def heard(store: Store, *beats: object) -> dict[str, Any]:
    hub = store.hubs.get("hub-1")
    assert isinstance(hub, Hub)
    with store.transaction():
        for number, beat in enumerate(beats):
            assert isinstance(beat, dict)
            store.hubs.keep_health(hub, beat, number)
    (seen,) = store.hubs.seen()
    return json.loads(json.dumps(seen.health))  # type: ignore[no-any-return]  # a map, as was kept


def test_a_brief_beat_goes_over_the_last_whole_one(store: Store) -> None:
    found = heard(store, WHOLE, {"session": "s1", "at": "now", "delivery": {"waiting": {}}})
    assert found == {**WHOLE, "at": "now", "delivery": {"confirmed": 7, "waiting": {}}}


def test_brief_beats_pile_up_until_a_whole_one_comes(store: Store) -> None:
    brief = {"session": "s1", "at": "now", "delivery": {"waiting": {}}}
    assert heard(store, WHOLE, brief, brief)["devices"] == WHOLE["devices"]
    assert heard(store, WHOLE, brief, {"session": "s1", "devices": {}}) == {"session": "s1", "devices": {}}


def test_nothing_is_carried_over_from_another_life(store: Store) -> None:
    brief = {"session": "s2", "at": "now"}
    assert heard(store, WHOLE, brief) == brief


@pytest.mark.parametrize("brief", [{}, {"session": "s1", "delivery": 3}, {"session": ["s1"], "delivery": {}}])
def test_a_heartbeat_is_anybodys_json(store: Store, brief: dict[str, Any]) -> None:
    assert heard(store, WHOLE, brief).items() >= brief.items()
