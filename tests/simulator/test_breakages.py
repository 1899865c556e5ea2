"""Every promise can be broken, and the simulator sees it: the hub is broken on purpose, once for each."""

import tempfile
from pathlib import Path

import pytest

from tests.simulator.breakages import BREAKAGES
from tests.simulator.promises import broken
from tests.simulator.world import happen

_QUICK = {"a-class-is-dropped", "told-too-early"}


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "name", [name if name in _QUICK else pytest.param(name, marks=pytest.mark.slow) for name in BREAKAGES]
)
def test_what_is_broken_is_found(name: str) -> None:
    breakage = BREAKAGES[name]
    with tempfile.TemporaryDirectory(dir="/dev/shm") as here, breakage.how():
        found = broken(happen(Path(here), breakage.seed, breakage.days, few=breakage.few))
    assert any(line.startswith(breakage.found) for line in found), found[:5]
