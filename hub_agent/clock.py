"""The clock: the one place that asks the machine for the time.

Owns: wall and monotonic time, the boot's identity, and how good the wall clock is.
Never: sets a clock, sleeps, or decides what a bad clock means for a certificate or a command.
"""

import ctypes
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Protocol
from zoneinfo import ZoneInfo

from hub_agent.driver import Moment
from hub_agent.model import ClockState, Stamp

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
_STA_UNSYNC: Final = 0x0040  # Linux uapi/linux/timex.h
BUILT_NS: Final = 1_795_305_600 * 10**9
"""2026-11-22: no hub runs this release before it was made. Raised with every release."""
_JUMP_NS: Final = 50_000_000
"""A wall clock that moves this far against the monotonic one has been set: ask the kernel anew how good it is."""
_NEVER_NS: Final = 4_102_444_800 * 10**9
"""The year 2100: no hub of this release lives to see it."""
_NO_OFFSET: Final = timedelta()
_MINUTE: Final = timedelta(minutes=1)
_TIMESYNCD_MARK: Final = Path("/run/systemd/timesync/synchronized")
"""Touched at each successful synchronisation (systemd-timesyncd.service(8))."""
_MARK_GOOD_S: Final = 3 * 3600.0
"""timesyncd asks every 34 minutes at the latest (timesyncd.conf(5), PollIntervalMaxSec=): five misses are many."""


class Clock(Protocol):
    """What the hub knows of the time."""

    def stamp(self) -> Stamp:
        """Stamp this instant with both clocks."""
        ...

    def monotonic_s(self) -> float:
        """Seconds since the boot, suspend included; never goes back."""
        ...

    def now(self) -> datetime:
        """The wall clock as an aware UTC instant, however wrong it is."""
        ...

    def moment(self) -> Moment:
        """The same instant in the form that drivers take."""
        ...


def from_ns(wall_ns: int) -> datetime:
    """Turn nanoseconds since 1970 into an aware UTC instant (microsecond resolution)."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=wall_ns // 1000)


class SystemClock:
    """The machine's clock, with its state as the kernel's NTP discipline reports it."""

    def __init__(self, timezone: str = "UTC", synced: Callable[[], bool] | None = None) -> None:
        self._zone = ZoneInfo(timezone)
        self._boot = _read_boot_id()
        self._synced = synced or clock_synced
        self._state = ClockState.UNSYNCED
        self._checked_s = float("-inf")
        self._offset_ns = 0

    def stamp(self) -> Stamp:
        """Stamp this instant; the kernel is asked how good the clock is once a second, and when it has been set."""
        monotonic_ns, wall_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME), time.time_ns()
        offset_ns = wall_ns - monotonic_ns
        if monotonic_ns / 1e9 - self._checked_s >= 1.0 or abs(offset_ns - self._offset_ns) > _JUMP_NS:
            self._checked_s, self._offset_ns = monotonic_ns / 1e9, offset_ns
            self._state = ClockState.SYNCED if self._synced() else ClockState.UNSYNCED
        return Stamp(self._boot, monotonic_ns, wall_ns, self._state)

    def monotonic_s(self) -> float:
        """Seconds since the boot."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def now(self) -> datetime:
        """The wall clock."""
        return datetime.now(UTC)

    def moment(self) -> Moment:
        """For drivers: local time only while the clock is synced."""
        stamp = self.stamp()
        if stamp.clock is not ClockState.SYNCED:
            return Moment(stamp.monotonic_ns / 1e9, None)
        local = from_ns(stamp.wall_ns).astimezone(self._zone)
        offset_min = (local.utcoffset() or _NO_OFFSET) // _MINUTE
        return Moment(stamp.monotonic_ns / 1e9, local.replace(tzinfo=None), offset_min)


class Floor:
    """The earliest that it can be now, whatever the wall clock says.

    It rises with signed words of the NOC and is kept over restarts, so that a hub that boots in 1970 neither rejects
    every certificate nor accepts a command that has expired.

    Args:
        clock: the hub's clock.
        built_ns: when this release was made, UTC nanoseconds since 1970.
    """

    def __init__(self, clock: Clock, built_ns: int = 0) -> None:
        self._clock = clock
        self._floor_ns = built_ns
        self._at_s = clock.monotonic_s()

    def raise_to(self, wall_ns: int) -> None:
        """Take somebody's signed word for the time; the floor never sinks, and runs on from here.

        A word that no clock could have given is passed over: it could never be taken back.
        """
        if not 0 <= wall_ns < _NEVER_NS:
            return
        now_ns = self._now_ns()
        self._floor_ns, self._at_s = max(wall_ns, now_ns), self._clock.monotonic_s()

    def _now_ns(self) -> int:
        return self._floor_ns + round((self._clock.monotonic_s() - self._at_s) * 1e9)

    def now(self) -> datetime:
        """The wall clock, or the floor where that is later."""
        return max(self._clock.now(), from_ns(self._now_ns()))

    def behind(self) -> timedelta:
        """How far the wall clock is behind the floor; zero where it is not."""
        return max(from_ns(self._now_ns()) - self._clock.now(), timedelta())

    def persistable(self) -> bytes:
        """Give what to keep over a restart: eight bytes for :meth:`raise_to`."""
        stamp = self._clock.stamp()
        wall_ns = stamp.wall_ns if stamp.clock is ClockState.SYNCED else 0
        return max(wall_ns, self._now_ns()).to_bytes(8, "big")


def _read_boot_id() -> str:
    try:
        return _BOOT_ID.read_text(encoding="ascii").replace("-", "").strip()[:16]
    except OSError:  # no /proc: a boot is then as long as the process
        return uuid.uuid4().hex[:16]


class _Timex(ctypes.Structure):
    """``struct timex`` of Linux: only ``modes`` and ``status`` are read; the rest is room."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("room", ctypes.c_byte * 512),
    )


def kernel_synced() -> bool | None:
    """Ask the kernel whether its clock is disciplined (adjtimex(2), STA_UNSYNC clear); None when it does not say."""
    timex = _Timex()
    try:
        result = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(timex))
    except (OSError, AttributeError):  # not Linux
        return None
    return None if result < 0 else not timex.status & _STA_UNSYNC


def clock_synced(mark: Path = _TIMESYNCD_MARK) -> bool:
    """Say whether the wall clock is synchronised.

    systemd's ``ProtectClock=`` forbids even to ask the kernel. Then timesyncd's mark answers, while it is fresh.
    """
    kernel = kernel_synced()
    if kernel is not None:
        return kernel
    try:
        age_s = time.time() - mark.stat().st_mtime
    except OSError:  # no timesyncd, or not once since the boot
        return False
    return 0 <= age_s <= _MARK_GOOD_S
