"""Every write and every sync of the outbox, one after the other: the process dies there, or the call fails there."""

import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from hub_agent.envelope import parse_batch
from hub_agent.model import ReadingClass
from hub_agent.outbox.recovery import open_store, put_aside
from hub_agent.topics import Topics
from tests.faults.table import Row, book
from tests.outbox.journey import BOX, Noc
from tests.rooms import HUB
from tests.virtual import HandClock

pytestmark = [pytest.mark.faults, pytest.mark.root, pytest.mark.timeout(600)]

CALLS: Final = ("pwrite64", "fdatasync")
ROOT: Final = Path(__file__).parent.parent.parent


class Run(NamedTuple):
    """What a scribe said before it ended.

    Attributes:
        durable: readings that it called durable.
        confirmed: those of them whose rows may be gone.
        ended: whether it came to its end.
        calls: how often each call of ``CALLS`` was made.
    """

    durable: set[int]
    confirmed: set[int]
    ended: bool
    calls: dict[str, int]


def scribe(path: Path, *options: str) -> Run:
    """Run a scribe under strace."""
    log = path.with_suffix(".strace")
    traced = ["strace", "-f", "-qq", "-o", str(log), "-P", str(path), "-P", f"{path}-wal", f"-etrace={','.join(CALLS)}"]
    done = subprocess.run(  # noqa: S603 - ours
        [*traced, *options, sys.executable, "-m", "tests.faults.scribe", str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.startswith("begin"), done.stderr
    said = [line.split() for line in done.stdout.splitlines()]
    text = log.read_text()
    return Run(
        {int(words[1]) for words in said if words[0] == "durable"},
        {int(words[1]) for words in said if words[0] == "confirmed"},
        said[-1] == ["end"],
        {call: len(re.findall(rf"\b{call}\(", text)) for call in CALLS},
    )


def found(path: Path, noc_path: Path) -> tuple[list[int], list[str]]:
    """Open the outbox as the next start does, and let the NOC chart it; give the readings, and what is wrong."""
    clock = HandClock()
    store, damage = open_store(path, BOX, clock.now(), clock.monotonic_s)
    noc = Noc(noc_path)
    for _, _, record in store.epochs():
        noc.take(Topics(HUB).keys, record)
    rows = [row for cls in ReadingClass for row in store.after(cls, 0, 1000)]
    for row in sorted(rows, key=lambda row: parse_batch(row.envelope).header.seq):
        noc.take(Topics(HUB).backlog, row.envelope)
    state = store.state("alarms")
    newest = int(BOX.open("alarms", state)) if state else -1
    store.close()
    noc.store.close()
    wrong = [fault.kind for fault in noc.faults] + ([damage.why] if damage else [])
    if newest < max(noc.numbers(), default=-1):
        wrong.append("the state is older than a reading of its transaction")
    return noc.numbers(), wrong


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """How many calls an undisturbed run makes."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed: apt-get install strace")
    run = scribe(tmp_path_factory.mktemp("calm") / "calm.db")
    assert run.ended
    assert all(run.calls[call] > 10 for call in CALLS)
    return run.calls


def places(count: int, at_most: int) -> Sequence[int]:
    """Choose which calls to disturb, spread over all of them."""
    step = max(1, -(-count // at_most))
    return range(1, count + 1, step)


@pytest.mark.parametrize(
    ("fault", "inject", "at_most"),
    [("kill -9", "signal=KILL", 16), ("EIO", "error=EIO", 6), ("ENOSPC", "error=ENOSPC", 6)],
    ids=["kill", "eio", "enospc"],
)
@pytest.mark.parametrize("call", CALLS)
def test_wherever_it_strikes_nothing_durable_is_lost(
    tmp_path: Path, calls: dict[str, int], call: str, fault: str, inject: str, at_most: int
) -> None:
    injected = readings = lost = duplicated = 0
    for place in places(calls[call], at_most):
        path = tmp_path / f"{place}.db"
        run = scribe(path, f"-einject={call}:{inject}:when={place}")
        numbers, wrong = found(path, tmp_path / f"{place}-noc.db")
        injected += 1
        readings += len(run.durable)
        lost += len(run.durable - run.confirmed - set(numbers))
        duplicated += len(numbers) - len(set(numbers))
        assert wrong == [], f"{call} {place}"
        assert put_aside(path) == []
        assert not (fault == "kill -9" and run.ended), f"{call} {place}: nothing was injected"
    book(Row(f"{fault} at {call}", injected, readings, lost, duplicated))
    assert injected > at_most // 2
    assert (lost, duplicated) == (0, 0)
