"""The radio's tests on real BlueZ, in a throw-away virtual machine."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CANNOT = 77


@pytest.mark.radio
@pytest.mark.timeout(1300)
def test_the_links_work_on_real_bluez(tmp_path: Path) -> None:
    """The same tests as on the fast bench, and those that need a bluetoothd to kill."""
    run: list[str | Path] = [
        *(ROOT / "scripts/radio-vm", "-o", tmp_path, "-t", "1200", "--"),
        *(sys.executable, "-m", "pytest", "-q", "--timeout=120", "-p", "no:randomly", "-p", "no:hypothesispytest"),
        # Slow motion is no fault here: the machine has no hardware to run on, and asyncio's debug mode would report it.
        *("-o", "asyncio_debug=false"),
        *("tests/devices/ble/test_radio.py", "tests/devices/ble/test_virtual_devices.py"),
        "tests/devices/ble/bluez_recovery.py",
    ]
    done = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, errors="replace", check=False)  # noqa: S603
    if done.returncode == CANNOT:
        pytest.skip(done.stderr.strip())
    report = done.stdout + done.stderr + (tmp_path / "bluetoothd.log").read_text(encoding="utf-8", errors="replace")
    assert done.returncode == 0, report
