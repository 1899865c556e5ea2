"""Histories of homes in which everything goes wrong: whatever happens, the promises hold.

A seed that fails is printed with what it broke; ``scripts/simulate-faults --seed N`` lets it happen again.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]


def _simulate(*arguments: str, hash_seed: str = "0") -> "subprocess.CompletedProcess[str]":
    """Run in a process of its own, whose hash seed is known."""
    return subprocess.run(  # noqa: S603 - this interpreter, this package
        [sys.executable, "-m", "tests.simulator", *arguments],
        cwd=_ROOT,
        env=os.environ | {"PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.timeout(600)
def test_a_history_keeps_every_promise() -> None:
    done = _simulate("--seeds", "3", "--days", "0.3")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "every promise kept" in done.stdout.splitlines()[-1]


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "homes",
    [
        pytest.param(("--days", "0.15"), id="dense"),
        pytest.param(("--days", "1", "--sparse"), id="sparse", marks=pytest.mark.slow),
    ],
)
def test_one_seed_is_one_history(homes: tuple[str, ...]) -> None:
    """To the byte on the network, whatever else the machine does: the next run has other addresses and other paths."""
    first, second = (
        [
            line
            for line in _simulate("--seed", "7", *homes, hash_seed=hash_seed).stdout.splitlines()
            if "CPU" not in line
        ]
        for hash_seed in ("0", "1")
    )
    assert "history" in first[0]
    assert first == second


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    "homes",
    [("--seeds", "9", "--days", "2"), ("--seeds", "13", "--days", "14", "--sparse")],
    ids=["dense days", "sparse weeks"],
)
def test_many_days_keep_every_promise(homes: tuple[str, ...]) -> None:
    done = _simulate(*homes)
    print(done.stdout.splitlines()[-1])  # noqa: T201 - figures
    assert done.returncode == 0, done.stdout + done.stderr
