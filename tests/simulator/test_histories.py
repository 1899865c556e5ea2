"""Histories of homes in which everything goes wrong: whatever happens, the promises hold.

A seed that fails is printed with what it broke; ``scripts/simulate-faults --seed N`` lets it happen again.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]


def _simulate(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run in a process of its own, whose hash seed is known."""
    return subprocess.run(  # noqa: S603 - this interpreter, this package
        [sys.executable, "-m", "tests.simulator", *arguments],
        cwd=_ROOT,
        env=os.environ | {"PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.timeout(180)
def test_a_history_keeps_every_promise() -> None:
    done = _simulate("--seeds", "3", "--days", "0.3")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "every promise kept" in done.stdout.splitlines()[-1]


@pytest.mark.timeout(180)
def test_one_seed_is_one_history() -> None:
    first, second = (
        [line for line in _simulate("--seed", "7", "--days", "0.15").stdout.splitlines() if "CPU" not in line]
        for _ in range(2)
    )
    assert "history" in first[0]
    assert first == second


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_many_days_keep_every_promise() -> None:
    done = _simulate("--seeds", "20", "--days", "2")
    print(done.stdout.splitlines()[-1])  # noqa: T201 - figures
    assert done.returncode == 0, done.stdout + done.stderr
