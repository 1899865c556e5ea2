"""The end comes without a word, again and again, under a real agent, while a device goes on measuring."""

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from hub_agent.clock import SystemClock
from hub_agent.outbox.recovery import put_aside
from hub_agent.outbox.store import Store
from tests.disk import mounted
from tests.faults.bench import Bench, chart, judge
from tests.faults.table import Row, book

pytestmark = [pytest.mark.faults, pytest.mark.root, pytest.mark.timeout(600)]

SEED: Final = 20261122
WINDOW_S: Final = 1.0
"""The commit window of continuous readings: what a sudden end may take, and no more."""
SLACK_S: Final = 0.5
"""What a commit itself may take; on a machine that does other things too, see ``Bench.late_s``."""


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    if os.geteuid() != 0:
        pytest.skip("only root may mount")
    with mounted(tmp_path, 64 << 20) as disk:
        made = Bench(tmp_path, disk)
        yield made
        made.close()


@pytest.mark.parametrize(
    ("fault", "end", "times"),
    [("power cut (ext4 shut down, journal and all)", Bench.cut, 40), ("agent killed -9", Bench.kill, 20)],
    ids=["power", "kill"],
)
def test_a_sudden_end_takes_no_more_than_the_commit_window(
    bench: Bench, fault: str, end: Callable[[Bench], float], times: int
) -> None:
    chance = random.Random(SEED)  # noqa: S311 - a test's dice
    ends_s: list[float] = []
    durable: set[bytes] = set()
    for _ in range(times):
        bench.start()
        bench.measure(0.3 + chance.random() * 1.5)
        durable |= bench.durable()
        ends_s.append(end(bench))
        assert put_aside(bench.outbox) == []
    bench.start()
    bench.measure(WINDOW_S + SLACK_S)
    bench.stop()
    assert len(durable) > times // 2
    assert durable <= bench.durable()
    outcome = chart(bench)
    verdict = judge(bench, outcome, ends_s)
    lost = verdict.beyond(WINDOW_S + SLACK_S + 2 * bench.late_s)
    book(Row(fault, times, len(bench.sent), lost, verdict.twice, verdict.worst_s, "measured → cut"))
    assert lost == 0
    assert verdict.twice == 0
    assert outcome.faults == []
    assert len(verdict.charted) > len(bench.sent) // 3
    assert Store(bench.outbox, bytes(16)).check(60.0, SystemClock().monotonic_s) == "ok"
