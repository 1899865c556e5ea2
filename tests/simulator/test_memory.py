"""Fifteen days without a network, and the drain afterwards: the process must not grow."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.table import Row, book

_ROOT = Path(__file__).parents[2]
_MOST_KIB = 64.0
"""A day: a hub that runs for a year must not feel it."""
_MOST_BLOCKS = 600.0
"""Objects of Python's that a day may leave behind; it takes in 1,440 readings."""


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_memory_is_flat_over_an_outage_of_fifteen_days_and_its_drain() -> None:
    """In a process of its own: what other tests left behind would hide a slope."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.simulator.outage", "15"],
        cwd=_ROOT,
        env=os.environ | {"PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    print(done.stdout)  # noqa: T201 - figures
    assert done.returncode == 0, done.stdout + done.stderr
    slope_kib, slope_blocks, more_kib, readings, lost = (float(word) for word in done.stdout.splitlines()[-1].split())
    print(f"{slope_kib:.1f} KiB and {slope_blocks:.0f} blocks a day, {more_kib:.0f} KiB more after the drain")  # noqa: T201 - figures
    book(Row("outage of 15 days (simulated)", injected=1, readings=int(readings), lost=int(lost), duplicated=0))
    assert lost == 0
    assert slope_kib < _MOST_KIB
    assert slope_blocks < _MOST_BLOCKS
