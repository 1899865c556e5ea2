"""The figures of the file and the card under it."""

from pathlib import Path

import pytest

from hub_agent.errors import StorageError
from hub_agent.outbox.card import Card
from hub_agent.outbox.rows import Gone
from hub_agent.outbox.store import Change, Store
from tests.outbox.journey import BOX
from tests.rooms import JOURNAL, open_outbox
from tests.virtual import HandClock


def test_what_is_timed_is_what_it_took(tmp_path: Path) -> None:
    clock = HandClock()
    card = Card(tmp_path / "o.db", "ok", clock)

    def work() -> str:
        clock.later(0.25)
        return "done"

    assert card.timed(work) == ("done", 0.25)
    clock.later(60.0)
    assert card.figures() == {
        "bytes": 0,
        "wal_bytes": 0,
        "commit_s": {"p50": None, "p95": None, "max": None},
        "check": "ok",
        "check_age_s": 60.2,
    }


def test_the_log_is_counted_by_itself_and_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "o.db"
    store = Store(path, JOURNAL)
    card = Card(path, store.checked, HandClock())
    store.apply(Change(state=[("some", BOX.close("some", bytes(20_000)))]))
    figures = card.figures()
    assert figures["wal_bytes"] > 20_000
    assert figures["bytes"] == card.size_bytes() == path.stat().st_size + figures["wal_bytes"]
    store.close()
    assert card.figures()["wal_bytes"] == 0


async def test_each_transaction_of_the_outbox_counts_and_one_that_failed_does_not(tmp_path: Path) -> None:
    clock, takes_s = HandClock(), [1.3, 0.1]

    class OnSlowCard(Store):
        def apply(self, change: Change) -> list[Gone]:
            gone = super().apply(change)
            clock.later(takes_s.pop())
            return gone

    outbox = open_outbox(tmp_path / "o.db", clock, OnSlowCard)
    await outbox.save("some", b"state")
    await outbox.save("some", b"other")
    assert outbox.card.commits.spread() == pytest.approx({"p50": 0.1, "p95": 1.3, "max": 1.3}, rel=0.05)
    outbox._store.close()
    with pytest.raises(StorageError):
        await outbox.save("some", b"more")
    assert outbox.card.commits.count == 2
    outbox._hand.end()
