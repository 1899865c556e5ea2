"""The way into one driver's code, and what it may cost the rest of the hub.

Owns: whose fault it is when a call raises, the note of who is at work, the account of calls that take too long.
Never: does anything with what a driver gives.
"""

from collections.abc import Callable
from typing import TypeVar

from hub_agent.clock import Clock
from hub_agent.devices.holds import HOLD_S, Holds
from hub_agent.devices.mark import Mark, tag_of
from hub_agent.errors import DriverError, HubError, StuckDriverError

T = TypeVar("T")


class Guard:
    """Guards the hub against one device's driver.

    Args:
        device: its alias.
        driver: the driver's name.
        clock: measures each call.
        mark: is told while the driver is at work.
        on_slow: is told of each call that held everybody else up.
    """

    def __init__(self, device: str, driver: str, clock: Clock, mark: Mark, on_slow: Callable[[], None]) -> None:
        self._tag = tag_of(device)
        self._driver = driver
        self._clock = clock
        self._mark = mark
        self._on_slow = on_slow
        self._holds = Holds()

    def call(self, work: Callable[[], T]) -> T:
        """Call into the driver; whatever it raises is its own fault and parks this device alone.

        Raises:
            HubError: what it said itself: options that it cannot use, with the hint.
            DriverError: anything else that it raised.
        """
        began_s = self._clock.monotonic_s()
        self._mark.note(self._tag)
        try:
            return work()
        except HubError:
            raise
        except BaseException as error:  # sys.exit() too, and a cancellation that nobody asked for
            raise DriverError(
                f"driver {self._driver!r} raised {type(error).__name__}",
                hint="its device is parked; report it with the capture",
            ) from error
        finally:
            self._mark.clear()
            ended_s = self._clock.monotonic_s()
            if ended_s - began_s >= HOLD_S:
                self._holds.add(ended_s - began_s, ended_s)
                self._on_slow()

    def check(self) -> None:
        """Ask whether the driver may go on; when what it gave last has been taken, so that nothing is lost.

        Raises:
            StuckDriverError: it held everybody else up too long, again and again.
        """
        if self._holds.exceeded:
            raise StuckDriverError(
                f"driver {self._driver!r} computes too long, again and again: the whole hub waits for it",
                hint="its device is parked; report it with the capture",
            )
