"""The disk gives out under a running agent, and comes back: full, full to the last byte, read-only."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from hub_agent.outbox.recovery import put_aside
from hub_agent.wire import Event
from tests.disk import make_read_only, mounted
from tests.faults.bench import Bench, chart, judge
from tests.faults.table import Row, book

pytestmark = [pytest.mark.faults, pytest.mark.root, pytest.mark.timeout(300)]

WINDOW_S: Final = 1.0
"""The commit window of continuous readings."""
ENDING_S: Final = 3.0
"""What a process may take to end, and the bench to notice, beyond the window."""
_SOON_S: Final = 0.2


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    if os.geteuid() != 0:
        pytest.skip("only root may mount")
    with mounted(tmp_path, 64 << 20) as disk:
        made = Bench(tmp_path, disk)
        yield made
        made.close()


def fill(path: Path) -> None:
    """Take all the room that there is."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while True:
                    os.write(handle, bytes(size))
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
    finally:
        os.close(handle)


def test_while_somebody_else_fills_the_disk_the_ballast_s_room_takes_readings(bench: Bench) -> None:
    other = bench.disk / "somebody-elses"
    bench.start()
    bench.until_stored()
    bench.measure(3.0)
    ends_s = []
    for _ in range(2):
        fill(other)
        ends_s += bench.measure_supervised(6.0)
        other.unlink()
        ends_s += bench.measure_supervised(4.0)
    bench.stop()
    outcome = chart(bench)
    verdict = judge(bench, outcome, ends_s)
    book(Row("disk filled by others, room given back", 2, len(bench.sent), len(verdict.ages_s), verdict.twice))
    assert ends_s == []
    assert verdict.ages_s == []
    assert verdict.twice == 0
    assert outcome.faults == []
    events = [one.item.fields for one in outcome.charted if isinstance(one.item, Event) and one.item.kind == "alarm"]
    told = [event["presence"] for event in events if event["condition"] == "storage_95"]
    assert told == ["on", "off"] * (len(told) // 2)
    assert told


def test_on_a_disk_without_a_byte_left_readings_wait_for_room(bench: Bench) -> None:
    other = bench.disk / "somebody-elses"
    bench.start()
    bench.until_stored()
    ends_s: list[float] = []
    for _ in range(50):  # the ballast's room too, as soon as it is given up
        fill(other)
        ends_s += bench.measure_supervised(_SOON_S)
    newest = bench.newest()
    ends_s += bench.measure_supervised(3.0)
    assert bench.newest() == newest  # nothing goes in
    other.unlink()
    again_s = bench.until_stored()
    ends_s += bench.measure_supervised(2.0)
    bench.stop()
    outcome = chart(bench)
    verdict = judge(bench, outcome, ends_s)
    book(
        Row(
            "disk full to the last byte",
            1,
            len(bench.sent),
            len(verdict.ages_s),
            verdict.twice,
            again_s,
            "healed → stored",
        )
    )
    assert ends_s == []
    assert verdict.ages_s == []
    assert verdict.twice == 0
    assert outcome.faults == []
    assert put_aside(bench.outbox) == []


def test_a_disk_that_turns_read_only_takes_no_more_than_the_window(bench: Bench) -> None:
    bench.start()
    bench.until_stored()
    ends_s: list[float] = []
    for _ in range(2):
        bench.measure(2.0)
        make_read_only(bench.disk)
        ends_s += bench.measure_supervised(5.0)
        assert ends_s  # it does not pretend to store
        ends_s.append(bench.kill())
        bench.remount()
        bench.start()
    again_s = bench.until_stored()
    bench.measure(2.0)
    bench.stop()
    outcome = chart(bench)
    verdict = judge(bench, outcome, ends_s)
    lost = verdict.beyond(WINDOW_S + ENDING_S)
    book(Row("disk read-only, then repaired", 2, len(bench.sent), lost, verdict.twice, again_s, "started → stored"))
    assert lost == 0
    assert verdict.twice == 0
    assert outcome.faults == []
    assert put_aside(bench.outbox) == []
