"""Lets histories happen from the command line: ``scripts/simulate-faults``."""

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import NamedTuple

from tests.simulator.breakages import BREAKAGES
from tests.simulator.promises import broken
from tests.simulator.world import History, happen

_RAM = Path("/dev/shm")  # noqa: S108 - a directory of its own is made in it


def simulate(seed: int, days: float, breakage: str | None = None, *, few: bool = False) -> tuple[History, list[str]]:
    """Let one history happen, with something broken where it is named; give it, and the promises that it breaks."""
    broken_so = BREAKAGES[breakage].how() if breakage else nullcontext()
    with tempfile.TemporaryDirectory(dir=_RAM if _RAM.is_dir() else None) as directory, broken_so:
        history = happen(Path(directory), seed, days, few=few)
        return history, broken(history)


def _summary(history: History, wrong: Sequence[str]) -> str:
    truth = history.truth
    return (
        f"seed {history.seed}: {len(truth.heard_s)} readings, {len(truth.told_s)} records, "
        f"{sum(history.faults.values())} faults, {len(history.deaths_s)} deaths, history {history.digest[:12]}: "
        f"{'every promise kept' if not wrong else f'{len(wrong)} BROKEN PROMISES'}"
    )


class Told(NamedTuple):
    """What is told of one history."""

    seed: int
    summary: str
    wrong: list[str]
    faults: dict[str, int]
    readings: int
    took_s: float


def _let(seed: int, days: float, breakage: str | None, *, few: bool) -> Told:
    began_s = time.process_time()
    history, wrong = simulate(seed, days, breakage, few=few)
    readings = len(history.truth.heard_s) + len(history.truth.told_s)
    took_s = time.process_time() - began_s
    return Told(seed, _summary(history, wrong), wrong, dict(history.faults), readings, took_s)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/simulate-faults",
        description="Simulates homes for days on virtual time, with everything that goes wrong in them: the whole "
        "agent and the real collector; network, broker, disk, clock and devices fail at random.",
        epilog="One seed is one history: a seed that breaks a promise does so again. Exits with 1 when one did. "
        "Example: scripts/simulate-faults --seeds 20 --days 2",
    )
    parser.add_argument("--seed", type=int, metavar="N", help="this history alone; by default those from 1 on")
    parser.add_argument("--seeds", type=int, default=10, metavar="N", help="how many histories (default 10)")
    parser.add_argument("--days", type=float, default=1.0, metavar="D", help="how long each, in days (default 1)")
    parser.add_argument(
        "--sparse",
        action="store_true",
        help="homes in which little is measured, faults are rare and last long: for weeks, at a fraction of the work",
    )
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="so many at once (default: cores)"
    )
    parser.add_argument("--break", dest="breakage", choices=sorted(BREAKAGES), help=argparse.SUPPRESS)
    return parser


def _print(*lines: str) -> None:
    for line in lines:
        print(line, flush=True)  # noqa: T201 - the command's output


def main() -> int:
    """Run; 1 when a promise was broken."""
    arguments = _parser().parse_args()
    seeds = [arguments.seed] if arguments.seed is not None else range(1, arguments.seeds + 1)
    faults: Counter[str] = Counter()
    failed = readings = 0
    took_s = 0.0
    sparse = " --sparse" if arguments.sparse else ""
    one = partial(_let, days=arguments.days, breakage=arguments.breakage, few=arguments.sparse)
    with ProcessPoolExecutor(min(arguments.jobs, len(seeds))) as jobs:
        for told in jobs.map(one, seeds):
            faults.update(told.faults)
            readings += told.readings
            took_s += told.took_s
            _print(told.summary, *(f"  {line}" for line in told.wrong[:20]))
            if told.wrong:
                failed += 1
                _print(f"  again: scripts/simulate-faults --seed {told.seed} --days {arguments.days:g}{sparse}")
    _print(*(f"{times:7}  {name}" for name, times in sorted(faults.items())))
    _print(
        f"{len(seeds) * arguments.days:g} simulated days in {took_s:.0f} s of CPU, {faults.total()} faults, "
        f"{readings} readings: {f'{failed} histories break promises' if failed else 'every promise kept'}"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
