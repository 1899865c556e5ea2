"""The unit file as systemd itself judges it, without starting anything."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

UNITS: Final = Path(__file__).parents[2] / "systemd"
EXPOSURE: Final = 1.5

pytestmark = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")


def _analyze(*arguments: str | Path) -> str:
    done = subprocess.run(["systemd-analyze", *arguments], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_systemd_finds_no_fault_in_the_unit(tmp_path: Path) -> None:
    text = (UNITS / "hub-agent.service").read_text()
    unit = tmp_path / "hub-agent.service"
    unit.write_text(text.replace("/opt/hub-agent/venv/bin/hub-agent", "/bin/true"))  # the program need not be there
    assert _analyze("verify", "--man=no", unit) == ""


def test_its_exposure_stays_low(tmp_path: Path) -> None:
    unit = tmp_path / "hub-agent.service"
    shutil.copy(UNITS / "hub-agent.service", unit)
    judged = _analyze("security", "--offline=true", "--no-pager", unit)
    found = re.search(r"Overall exposure level for hub-agent.service: ([\d.]+)", judged)
    assert found is not None
    assert float(found[1]) <= EXPOSURE, judged


def test_it_gives_up_never_and_leaves_no_core() -> None:
    lines = (UNITS / "hub-agent.service").read_text().splitlines()
    for wanted in ("Type=notify", "Restart=always", "StartLimitIntervalSec=0", "WatchdogSec=20", "LimitCORE=0"):
        assert wanted in lines
