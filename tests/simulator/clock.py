"""The machine's clocks as they may really be: a boot in 1970, steps, a clock that runs fast, NTP that comes late."""

import asyncio
import random
from datetime import UTC, datetime, timedelta

from hub_agent.clock import from_ns
from hub_agent.driver import Moment
from hub_agent.model import ClockState, Stamp
from tests.simulator.loop import START_S

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BEGIN_NS = (datetime(2026, 12, 1, tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1) * 1000


def true_ns(at_s: float) -> int:
    """Say what an honest clock shows at an instant of the loop."""
    return _BEGIN_NS + round((at_s - START_S) * 1e9)


def loop_s(wall_ms: int) -> float:
    """Say at which instant of the loop an honest clock showed this."""
    return START_S + (wall_ms * 1_000_000 - _BEGIN_NS) / 1e9


class TrueClock:
    """A ``Clock`` that is always right: the NOC's."""

    state = ClockState.SYNCED
    off_ns = 0

    def __init__(self) -> None:
        self.boot = "00" * 8
        self._booted_s = START_S

    def monotonic_s(self) -> float:
        """Seconds since the boot."""
        return asyncio.get_running_loop().time() - self._booted_s

    def stamp(self) -> Stamp:
        """Stamp this instant."""
        now_s = asyncio.get_running_loop().time()
        return Stamp(self.boot, round((now_s - self._booted_s) * 1e9), true_ns(now_s) + self.off_ns, self.state)

    def now(self) -> datetime:
        """The wall clock."""
        return from_ns(self.stamp().wall_ns)

    def moment(self) -> Moment:
        """For drivers."""
        return Moment(self.monotonic_s(), None)


class MachineClock(TrueClock):
    """The hub's clock.

    Args:
        rng: draws the names of boots.
    """

    def __init__(self, rng: random.Random) -> None:
        super().__init__()
        self._rng = rng
        self.boot = rng.randbytes(8).hex()
        self.boots = {self.boot: self._booted_s}
        """When each boot began, on the loop's clock."""

    def reboot(self) -> None:
        """Begin anew in 1970, as a machine without a battery does."""
        now_s = asyncio.get_running_loop().time()
        self.boot = self._rng.randbytes(8).hex()
        self.boots[self.boot] = self._booted_s = now_s - 20.0  # the agent starts some time after the kernel
        self.off_ns = 20 * 10**9 - true_ns(now_s)
        self.state = ClockState.UNSYNCED

    def ntp(self) -> None:
        """Be set right."""
        self.off_ns, self.state = 0, ClockState.SYNCED

    def step(self, by_s: float) -> None:
        """Be set wrong: setting a clock clears the kernel's word for it."""
        self.off_ns += round(by_s * 1e9)
        self.state = ClockState.UNSYNCED
