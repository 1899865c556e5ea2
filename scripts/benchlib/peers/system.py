"""A system under test: a process and what it starts, looked at from outside.

Owns: its life and its death. Never: reaches into it; ``/proc`` tells (proc(5)).
"""

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

_GROUP: Final = 2
"""The place of the process group in ``/proc/PID/stat``, behind the name."""


class System:
    """Starts a command in a process group of its own, again and again.

    Args:
        command: what to run.
        here: where.
        environment: beside the bench's own.
        log: takes what it prints.
    """

    def __init__(self, command: Sequence[str], here: Path, environment: Mapping[str, str], log: Path) -> None:
        self._command = command
        self._here = here
        self._environment = {**os.environ, **environment}
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603
                self._command,
                cwd=self._here,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self) -> None:
        """End all of it as a power cut would (but for what the kernel has to write)."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it politely."""
        self._end(signal.SIGTERM)

    def runs(self) -> bool:
        """Say whether it is alive."""
        return self._process is not None and self._process.poll() is None

    def cpu_s(self) -> float:
        """Seconds of CPU, of all its processes, ended threads included."""
        return sum(_cpu_s(pid) for pid in self._group())

    def rss_mib(self) -> float:
        """Resident memory now."""
        return sum(_memory_kib(pid, "VmRSS") for pid in self._group()) / 1024

    def peak_mib(self) -> float:
        """Resident memory at its highest since the start."""
        return sum(_memory_kib(pid, "VmHWM") for pid in self._group()) / 1024

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, how)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._process = None

    def _group(self) -> Iterator[int]:
        if self._process is None:
            return
        for place in Path("/proc").iterdir():
            if place.name.isdigit():
                with suppress(OSError):  # it has ended meanwhile
                    stat = (place / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
                    if int(stat[_GROUP]) == self._process.pid:
                        yield int(place.name)


def _cpu_s(pid: int) -> float:
    """Read a process's clock, whose number is made as clock_getcpuclockid(3) makes it."""
    try:
        return time.clock_gettime(~pid << 3 | 2)
    except OSError:  # it has ended meanwhile
        return 0.0


def _memory_kib(pid: int, key: str) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
            if line.startswith(f"{key}:"):
                return int(line.split()[1])
    return 0
