"""Lets histories happen from the command line: ``scripts/simulate-faults``."""

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tests.simulator.promises import broken
from tests.simulator.world import History, happen

_RAM = Path("/dev/shm")  # noqa: S108 - a directory of its own is made in it


def simulate(seed: int, days: float) -> tuple[History, list[str]]:
    """Let one history happen; give it, and the promises that it breaks."""
    with tempfile.TemporaryDirectory(dir=_RAM if _RAM.is_dir() else None) as directory:
        history = happen(Path(directory), seed, days)
        return history, broken(history)


def _summary(history: History, wrong: Sequence[str]) -> str:
    truth = history.truth
    return (
        f"seed {history.seed}: {len(truth.heard_s)} readings, {len(truth.told_s)} records, "
        f"{sum(history.faults.values())} faults, {len(history.deaths_s)} deaths, history {history.digest[:12]}: "
        f"{'every promise kept' if not wrong else f'{len(wrong)} BROKEN PROMISES'}"
    )


def main() -> int:
    """Run; 1 when a promise was broken."""
    parser = argparse.ArgumentParser(
        prog="simulate-faults",
        description="Simulates homes for days on virtual time, with everything that goes wrong in them.",
        epilog="One seed is one history: a seed that breaks a promise does so again.",
    )
    parser.add_argument("--seed", type=int, help="this history; by default those from 1 on")
    parser.add_argument("--seeds", type=int, default=10, metavar="N", help="how many histories (default 10)")
    parser.add_argument("--days", type=float, default=1.0, metavar="D", help="how long each (default 1)")
    arguments = parser.parse_args()
    seeds = [arguments.seed] if arguments.seed is not None else range(1, arguments.seeds + 1)
    faults: Counter[str] = Counter()
    failed: list[int] = []
    for seed in seeds:
        history, wrong = simulate(seed, arguments.days)
        faults.update(history.faults)
        print(_summary(history, wrong), flush=True)  # noqa: T201 - the command's output
        for line in wrong[:20]:
            print(f"  {line}")  # noqa: T201 - the command's output
        if wrong:
            failed.append(seed)
            print(f"  again: scripts/simulate-faults --seed {seed} --days {arguments.days:g}")  # noqa: T201
    for name, times in sorted(faults.items()):
        print(f"{times:6}  {name}")  # noqa: T201 - the command's output
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
