"""How fast the scene's time runs: as fast as a real second, or as fast as a test can.

Owns: the scene's clock and its waiting.
Never: reads the wall clock; a scene begins at 0 s.
"""

import asyncio
import heapq
from itertools import count
from typing import Protocol


class Pace(Protocol):
    """The scene's time: seconds since it began."""

    def now_s(self) -> float:
        """Say how far the scene is; never goes back."""
        ...

    async def sleep_until(self, at_s: float) -> None:
        """Return when the scene is at ``at_s``, at the earliest in the loop's next turn."""
        ...


class RealPace:
    """A second is a second. The scene begins when this is made, inside a running loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._began_s = self._loop.time()

    def now_s(self) -> float:
        """Give the seconds since this was made."""
        return self._loop.time() - self._began_s

    async def sleep_until(self, at_s: float) -> None:
        """Sleep for what is left until then."""
        await asyncio.sleep(max(0.0, at_s - self.now_s()))


class VirtualPace:
    """Time stands still until ``advance``: hours of a scene in moments of a test, and the same each time."""

    def __init__(self) -> None:
        self._now_s = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = count()

    def now_s(self) -> float:
        """Give the time that ``advance`` has reached."""
        return self._now_s

    async def sleep_until(self, at_s: float) -> None:
        """Wait until ``advance`` gets there."""
        if at_s <= self._now_s:
            await asyncio.sleep(0)
            return
        wake: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (at_s, next(self._order), wake))
        await wake

    async def advance(self, by_s: float) -> None:
        """Let so much time pass: sleepers wake in order, each at its own instant, and run until they sleep again."""
        end_s = self._now_s + by_s
        await self._turn()  # whoever was just started falls asleep first
        while self._sleepers and self._sleepers[0][0] <= end_s:
            self._now_s, _, wake = heapq.heappop(self._sleepers)
            if not wake.done():
                wake.set_result(None)
            await self._turn()
        self._now_s = end_s

    async def _turn(self) -> None:
        for _ in range(3):  # wake the task, run it, run what it woke
            await asyncio.sleep(0)
