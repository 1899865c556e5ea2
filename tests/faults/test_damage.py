"""An outbox is damaged while the hub is off: the next start takes readings at once, and saves what can be saved."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from hub_agent.outbox.recovery import put_aside
from hub_agent.wire import Event
from tests.faults.bench import Bench, chart, numbers
from tests.faults.table import Row, book
from tests.outbox.test_recovery import PAGE, cut, first_page, header, noise, overwrite

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

AGAIN_S: Final = 5.0
"""Readings flow again within this, counted from when a sound start would have taken them."""


def last_pages(path: Path) -> None:
    """Zero three pages of rows."""
    count = path.stat().st_size // PAGE
    for page in range(count - 3, count):
        overwrite(path, page * PAGE, bytes(PAGE))


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    (tmp_path / "state").mkdir()
    made = Bench(tmp_path, tmp_path / "state")
    yield made
    made.close()


def rows(path: Path) -> int:
    """Count the batches of readings in a live outbox."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        return int(db.execute("SELECT count(*) FROM batches WHERE key >> 56 = 2").fetchone()[0])


def until_stored(bench: Bench, more: int) -> float:
    """Start the agent and let the device send until readings are stored; give how long that took."""
    began_s = time.monotonic()  # noqa: TID251 - a process of its own, in real time
    bench.start()
    while True:
        bench.measure(0.2)
        if bench.outbox.exists() and rows(bench.outbox) > more:
            return time.monotonic() - began_s  # noqa: TID251


@pytest.mark.parametrize(
    ("harm", "spares"),
    [(header, True), (first_page, True), (last_pages, False), (cut, False), (noise, False)],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_readings_flow_again_at_once_and_what_is_whole_is_saved(
    bench: Bench, harm: Callable[[Path], None], *, spares: bool
) -> None:
    calm_s = until_stored(bench, 0)
    bench.measure(4.0)
    bench.stop()
    before = len(bench.sent)
    harm(bench.outbox)
    again_s = until_stored(bench, 0)
    bench.measure(2.0)
    bench.stop()
    outcome = chart(bench)
    found = numbers(outcome)
    lost = set(range(len(bench.sent))) - set(found)
    book(
        Row(
            f"outbox damaged: {harm.__name__}",
            1,
            len(bench.sent),
            len(lost),  # what the card destroyed is lost whatever was promised; it is told
            len(found) - len(set(found)),
            max(0.0, again_s - calm_s),
            "started → stored",
        )
    )
    assert again_s - calm_s < AGAIN_S
    assert len(found) == len(set(found))
    assert max(lost, default=-1) < before
    assert not (spares and lost)
    assert outcome.faults == []
    events = [one.item for one in outcome.charted if isinstance(one.item, Event)]
    codes = [event.fields.get("code") for event in events if event.kind == "technical"]
    assert "storage_corrupt" in codes
    assert "storage_corrupt" in [event.fields["condition"] for event in events if event.kind == "alarm"]
    assert "damaged" in [event.fields["why"] for event in events if event.kind == "gap"]
    assert put_aside(bench.outbox) == []
