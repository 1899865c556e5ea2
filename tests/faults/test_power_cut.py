"""The power goes, again and again, under a real agent on a real file system, while a device goes on measuring."""

import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from hub_agent.clock import SystemClock
from hub_agent.outbox.recovery import put_aside
from hub_agent.outbox.store import Store
from tests.disk import mounted
from tests.faults.bench import Bench, chart, numbers
from tests.faults.table import Row, book

pytestmark = [pytest.mark.faults, pytest.mark.root, pytest.mark.timeout(600)]

CUTS: Final = 40
SEED: Final = 20261122
WINDOW_S: Final = 1.0
"""The commit window of continuous readings: what a power cut may take, and no more."""
SLACK_S: Final = 0.5
"""What a commit itself may take on a machine that does other things too."""


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    if os.geteuid() != 0:
        pytest.skip("only root may mount")
    with mounted(tmp_path, 64 << 20) as disk:
        made = Bench(tmp_path, disk)
        yield made
        made.close()


def test_a_power_cut_takes_no_more_than_the_commit_window(bench: Bench) -> None:
    chance = random.Random(SEED)  # noqa: S311 - a test's dice
    cuts: list[tuple[int, float]] = []
    for _ in range(CUTS):
        bench.start()
        bench.measure(0.3 + chance.random() * 1.5)
        cuts.append((len(bench.sent), bench.cut()))
        assert put_aside(bench.disk / "outbox.db") == []
    bench.start()
    bench.measure(WINDOW_S + SLACK_S)
    bench.stop()
    outcome = chart(bench)
    found = numbers(outcome)
    assert outcome.faults == []
    assert len(found) == len(set(found))
    missing = sorted(set(range(len(bench.sent))) - set(found))
    ages = [next(cut_s for upto, cut_s in cuts if number < upto) - bench.sent[number] for number in missing]
    worst_s = max(ages, default=0.0)
    lost = sum(age > WINDOW_S + SLACK_S for age in ages)
    book(
        Row(
            "power cut (ext4 shut down without its journal)",
            CUTS,
            len(bench.sent),
            lost,
            len(found) - len(set(found)),
            worst_s,
            "measured → cut",
        )
    )
    assert lost == 0
    assert len(found) > len(bench.sent) // 3
    assert Store(bench.disk / "outbox.db", bytes(16)).check(60.0, SystemClock().monotonic_s) == "ok"
