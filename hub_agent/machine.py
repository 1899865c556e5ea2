"""How the machine under the hub is, and what this process takes of it.

Owns: reading heat, power, memory, load and room, leak gauges, and the bytes that went to the card today.
Never: judges a figure, or makes one up: what this machine does not tell is None.

Sources: proc(5); hwmon and thermal of the kernel's ABI documentation (Documentation/ABI/testing/sysfs-class-hwmon,
-thermal). On a Raspberry Pi the driver raspberrypi-hwmon asks the firmware every two seconds whether the supply sagged
since it last asked (``in0_lcrit_alarm``), and the firmware's driver keeps the whole answer (``get_throttled``; bits:
raspberrypi.com/documentation, vcgencmd get_throttled).
"""

import asyncio
import os
import resource
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any, Final

from hub_agent.clock import from_ns
from hub_agent.model import ClockState, Stamp

_UNDER_VOLTAGE: Final = 1 << 0 | 1 << 16
_THROTTLED: Final = 1 << 1 | 1 << 2 | 1 << 3 | 1 << 17 | 1 << 18 | 1 << 19
"""Frequency capped, throttled, soft temperature limit: now, and since it was last asked."""


class Machine:
    """Reads the kernel's files.

    Args:
        disk: a directory of the file system that the outbox lies on.
        root: where ``proc`` and ``sys`` are.

    Attributes:
        wear: what this process writes to storage.
    """

    def __init__(self, disk: Path, root: Path = Path("/")) -> None:
        self._disk = disk
        self._proc = root / "proc"
        self.wear = Wear(self.written_bytes)
        sys = root / "sys"
        self._heats = sorted(sys.glob("class/thermal/thermal_zone*/temp"))
        self._sags = sorted(sys.glob("class/hwmon/hwmon*/in0_lcrit_alarm"))
        self._throttled = next(
            iter(sorted(sys.glob("bus/platform/drivers/raspberrypi-firmware/*/get_throttled"))), None
        )

    def host(self) -> dict[str, Any]:
        """Give the figures of the whole machine; None for each that it does not tell."""
        heats = [heat for heat in map(_integer, self._heats) if heat is not None]
        memory = self._memory()
        size_bytes, free_bytes = self._room()
        return {
            "temperature_c": round(max(heats) / 1000, 1) if heats else None,
            **self._power(),
            "memory_bytes": memory.get("MemTotal"),
            "memory_available_bytes": memory.get("MemAvailable"),
            "disk_bytes": size_bytes,
            "disk_free_bytes": free_bytes,
            "load_1m": round(os.getloadavg()[0], 2),
        }

    def _power(self) -> dict[str, bool | None]:
        sags = [value for value in map(_integer, self._sags) if value is not None]
        flags = None if self._throttled is None else _integer(self._throttled, base=16)
        if flags is not None:
            sags.append(flags & _UNDER_VOLTAGE)
        return {
            "under_voltage": any(sags) if sags else None,
            "throttled": None if flags is None else bool(flags & _THROTTLED),
        }

    def _room(self) -> tuple[int | None, int | None]:
        try:
            disk = os.statvfs(self._disk)
        except OSError:
            return None, None
        return disk.f_blocks * disk.f_frsize, disk.f_bavail * disk.f_frsize

    def _memory(self) -> dict[str, int]:
        try:
            lines = (self._proc / "meminfo").read_text(encoding="ascii").splitlines()
        except OSError:
            return {}
        pairs = (line.partition(":") for line in lines)
        return {name: int(value.split()[0]) * 1024 for name, _, value in pairs if value.endswith(" kB")}

    def process(self) -> dict[str, Any]:
        """Give the leak gauges of this process, and its CPU; called on the event loop."""
        usage = resource.getrusage(resource.RUSAGE_SELF)
        own = self._proc / "self"
        try:
            pages: int | None = int((own / "statm").read_text(encoding="ascii").split()[1])
        except OSError:
            pages = None
        return {
            "rss_bytes": None if pages is None else pages * resource.getpagesize(),
            "descriptors": _count(own / "fd"),
            "threads": _count(own / "task"),
            "tasks": len(asyncio.all_tasks()),
            "cpu_s": round(usage.ru_utime + usage.ru_stime, 2),
        }

    def written_bytes(self) -> int | None:
        """Say how many bytes this process has made the kernel write to storage (proc(5), ``/proc/pid/io``)."""
        try:
            lines = (self._proc / "self" / "io").read_text(encoding="ascii").splitlines()
        except OSError:
            return None
        return next((int(line.split()[1]) for line in lines if line.startswith("write_bytes:")), None)


def _count(directory: Path) -> int | None:
    try:
        return len(os.listdir(directory))  # noqa: PTH208 - names do
    except OSError:
        return None


def _integer(path: Path, base: int = 10) -> int | None:
    try:
        return int(path.read_text(encoding="ascii"), base)
    except (OSError, ValueError):  # a sensor that is asleep answers with an error
        return None


class Wear:
    """Counts the bytes written on one day, over restarts.

    Args:
        written_bytes: tells what this process has written so far; None where nobody counts.
    """

    def __init__(self, written_bytes: Callable[[], int | None]) -> None:
        self._written_bytes = written_bytes
        self._day: date | None = None
        self._base = 0

    def restore(self, kept: Mapping[str, Any]) -> None:
        """Take up what an earlier life of the process wrote; see :meth:`kept`."""
        self._day, self._base = date.fromisoformat(kept["day"]), -int(kept["bytes"])

    def today_bytes(self, stamp: Stamp) -> int | None:
        """Say how many bytes were written since the day (UTC) began, or since the first count; None: nobody knows.

        While the clock is not set no day ends.
        """
        written = self._written_bytes()
        if written is None:
            return None
        if stamp.clock is ClockState.SYNCED and (day := from_ns(stamp.wall_ns).date()) != self._day:
            if self._day is not None:
                self._base = written
            self._day = day
        return written - self._base

    def kept(self, stamp: Stamp) -> dict[str, Any] | None:
        """Give what to keep over a restart: JSON-able; None where there is nothing to keep."""
        count = self.today_bytes(stamp)
        return None if self._day is None or count is None else {"day": self._day.isoformat(), "bytes": count}
