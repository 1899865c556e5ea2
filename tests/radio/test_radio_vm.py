"""The radio on real BlueZ, in three throw-away virtual machines side by side: a radio's time is mostly waiting."""

import asyncio
import os
import re
import sys
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
CANNOT: Final = 77
LONGEST_S: Final = 1200

MACHINES: Final = {
    "home": ("tests/radio/bluez_home.py",),
    "links": ("tests/devices/ble/test_radio.py",),
    "devices": (
        "tests/devices/ble/bluez_recovery.py",
        "tests/devices/ble/test_hidden.py",
        "tests/devices/ble/test_recognition.py",
        "tests/devices/ble/test_stuck.py",
        "tests/devices/ble/test_table.py",
        "tests/devices/ble/test_virtual_devices.py",
    ),
}
"""The same tests as on the fast bench, and those that need a bluetoothd to kill; each machine about as long."""

FIGURES: Final = re.compile(r"^(---|home:|connects:|radio-vm:|[\d.]+s call) .*|.*\d (passed|failed).*", re.MULTILINE)


HANDED_ON: Final = [f"{name}={value}" for name, value in os.environ.items() if name.startswith("HUB_CONNECT")]
"""``HUB_CONNECT_FAILURES=1000 HUB_CONNECT_S=0.1 scripts/test --radio``: more connects that fail, and sooner."""

PYTEST: Final[tuple[str, ...]] = (
    # Without hardware to run on, reading the entry points of every package takes longer than some tests.
    *("env", "PYTEST_DISABLE_PLUGIN_AUTOLOAD=1", *HANDED_ON, sys.executable, "-m", "pytest"),
    *("-sq", "-p", "pytest_asyncio.plugin", "-p", "pytest_timeout", "--timeout=240"),
    # Slow motion is no fault there, and asyncio's debug mode would report it.
    *("-o", "asyncio_debug=false"),
)


async def _compile() -> None:
    """Let this machine, which is some twenty times as fast, compile what the others will import."""
    tests = [test for part in MACHINES.values() for test in part]
    process = await asyncio.create_subprocess_exec(
        *PYTEST, "--collect-only", *tests, cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode(errors="replace")


async def _run(name: str, tests: tuple[str, ...], out: Path) -> tuple[int, str]:
    """Run tests in a machine of their own; give its exit code and all it said."""
    process = await asyncio.create_subprocess_exec(
        *(ROOT / "scripts/radio-vm", "-o", out, "-t", str(LONGEST_S), "--"),
        *(*PYTEST, "--durations=8", *tests),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    logs = "\n".join(_log(out / name) for name in ("bluetoothd.log", "dmesg.log"))
    return process.returncode or 0, f"--- {name} ---\n{said.decode(errors='replace')}\n{logs}"


def _log(path: Path) -> str:
    """Read what a log says of Bluetooth."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []
    return "\n".join(line for line in lines if "luetooth" in line)


@pytest.mark.radio
@pytest.mark.timeout(LONGEST_S + 300)
async def test_the_radio_works_on_real_bluez(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    await _compile()
    async with asyncio.TaskGroup() as machines:
        runs = [machines.create_task(_run(name, tests, tmp_path / name)) for name, tests in MACHINES.items()]
    codes, reports = zip(*(run.result() for run in runs), strict=True)
    if CANNOT in codes:
        pytest.skip(next(line for line in reports[codes.index(CANNOT)].splitlines() if "NOT RUN" in line))
    with capsys.disabled():
        for report in reports:
            print("\n" + "\n".join(found[0] for found in FIGURES.finditer(report)))  # noqa: T201 - what was measured
    assert set(codes) == {0}, "\n".join(reports)
