"""What was measured on, and where its files lie."""

import os
import platform
import sqlite3
import subprocess
from pathlib import Path

from hub_agent.clock import SystemClock


def describe() -> str:
    """Say in a line when and on what kind of machine this ran."""
    cpu = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith(("model name", "Model")):
            cpu = line.split(":", 1)[1].strip()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{SystemClock().now():%Y-%m-%d %H:%M} UTC · {cpu}, {os.cpu_count()} cores, {memory:.0f} GiB · "
        f"Linux {platform.release()} · Python {platform.python_version()} · SQLite {sqlite3.sqlite_version} · "
        f"{_mosquitto()} · commit {_commit()} · load {os.getloadavg()[0]:.1f} at the start"
    )


def _mosquitto() -> str:
    from hub_agent.demo.broker import find_mosquitto  # noqa: PLC0415 - only here

    binary = find_mosquitto()
    if binary is None:
        return "no mosquitto"
    return subprocess.run([binary, "-h"], capture_output=True, text=True, check=False).stdout.splitlines()[0]  # noqa: S603


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() or "unknown"  # noqa: S603


def scratch() -> Path:
    """Give a directory on a real disk: /tmp may be RAM, where nothing is durable and fsync is free."""
    place = Path("build/bench").resolve()
    place.mkdir(parents=True, exist_ok=True)
    return place
