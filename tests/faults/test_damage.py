"""File or card turns out damaged: the next start takes readings at once, saves what can be saved, and says so."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from hub_agent.outbox.recovery import put_aside
from hub_agent.wire import Event
from tests.faults.bench import Bench, chart, judge
from tests.faults.table import Row, book
from tests.outbox.test_recovery import PAGE, cut, first_page, header, noise, overwrite

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

AGAIN_S: Final = 5.0
"""Readings flow again within this, counted from when a sound start would have taken them."""
WINDOW_S: Final = 1.0
"""The commit window of continuous readings."""
ENDING_S: Final = 3.0
"""What a process may take to end, and the bench to notice, beyond the window."""


def last_pages(path: Path) -> None:
    """Zero three pages of rows."""
    count = path.stat().st_size // PAGE
    for page in range(count - 3, count):
        overwrite(path, page * PAGE, bytes(PAGE))


def tear_log(path: Path) -> None:
    """Spoil the write-ahead log amid commits that were synced long ago."""
    log = path.with_name(path.name + "-wal")
    assert log.stat().st_size > 8 * PAGE
    overwrite(log, 32 + 3 * (24 + PAGE) + 100, b"x" * 64)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    (tmp_path / "state").mkdir()
    made = Bench(tmp_path, tmp_path / "state")
    yield made
    made.close()


@pytest.mark.parametrize(
    ("fault", "end", "harm", "spares"),
    [
        ("header overwritten", Bench.stop, header, True),
        ("first page zeroed", Bench.stop, first_page, True),
        ("pages of rows zeroed", Bench.stop, last_pages, False),
        ("file cut in half", Bench.stop, cut, False),
        ("file all noise", Bench.stop, noise, False),
        ("write-ahead log torn", Bench.kill, tear_log, False),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_readings_flow_again_at_once_and_what_is_whole_is_saved(
    bench: Bench, fault: str, end: Callable[[Bench], object], harm: Callable[[Path], None], *, spares: bool
) -> None:
    bench.spawn()
    calm_s = bench.until_stored()
    bench.measure(4.0)
    end(bench)
    before = len(bench.sent)
    harm(bench.outbox)
    bench.spawn()
    again_s = bench.until_stored()
    bench.measure(2.0)
    bench.stop()
    outcome = chart(bench)
    charted = judge(bench, outcome, []).charted
    lost = set(range(len(bench.sent))) - set(charted)
    twice = len(charted) - len(set(charted))
    # what the card destroyed is lost whatever was promised; it is told
    book(Row(fault, 1, len(bench.sent), len(lost), twice, max(0.0, again_s - calm_s), "started → stored"))
    assert again_s - calm_s < AGAIN_S
    assert twice == 0
    assert max(lost, default=-1) < before
    assert not (spares and lost)
    assert outcome.faults == []
    events = [one.item for one in outcome.charted if isinstance(one.item, Event)]
    codes = [event.fields.get("code") for event in events if event.kind == "technical"]
    assert "storage_corrupt" in codes
    assert "storage_corrupt" in [event.fields["condition"] for event in events if event.kind == "alarm"]
    assert "damaged" in [event.fields["why"] for event in events if event.kind == "gap"]
    assert put_aside(bench.outbox) == []
    assert bool(lost) <= bool(list(bench.disk.glob("outbox-*.kept*")))  # nothing that was not saved whole is deleted


def test_a_sync_that_fails_takes_no_more_than_the_window(bench: Bench) -> None:
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed: apt-get install strace")
    ends_s: list[float] = []
    worst_s, times = 0.0, 3
    for place in range(times):
        inject = f"-einject=fdatasync:error=EIO:when={3 + 2 * place}+"
        bench.before = ("strace", "-D", "-f", "-qq", "-o", "/dev/null", "-etrace=fdatasync", inject)
        bench.spawn()
        bench.before = ()
        while len(ends_s) <= place:
            ends_s += bench.measure_supervised(0.5)
        worst_s = max(worst_s, bench.until_stored())
        bench.measure(1.0)
        bench.stop()
    outcome = chart(bench)
    verdict = judge(bench, outcome, ends_s)
    lost = verdict.beyond(WINDOW_S + ENDING_S)
    book(
        Row(
            "EIO at every fdatasync from one on",
            times,
            len(bench.sent),
            lost,
            verdict.twice,
            worst_s,
            "started → stored",
        )
    )
    assert len(ends_s) == times
    assert lost == 0
    assert verdict.twice == 0
    assert outcome.faults == []
    assert put_aside(bench.outbox) == []
    codes = [one.item.fields.get("code") for one in outcome.charted if isinstance(one.item, Event)]
    assert codes.count("storage_failed") == times
