"""What goes wrong in a home: each fault at its own random moments, for ever, on its own random numbers."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from tests.simulator.clock import MachineClock
from tests.simulator.density import DENSE, Density
from tests.simulator.devices import Busy, SimDevice
from tests.simulator.hub import Machine
from tests.simulator.network import Network

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S
BACK_S = 4.5
"""So long the collector may take to come back, which is no fault of the hub's."""

_LONGEST_S = 3 * DAY_S
_HOPE_S = 180.0
"""Between a long cut's first minutes and its last, the hub may be seen to try as seldom as it likes."""

Fault = Callable[[random.Random], Awaitable[None]]


@dataclass
class Wholeness:
    """Since when everything works, as it changed."""

    broken: int = 0
    spans: list[tuple[float, float]] = field(default_factory=list)
    since_s: float = 0.0

    @contextmanager
    def broken_for(self) -> Iterator[None]:
        """Something is broken inside."""
        loop = asyncio.get_running_loop()
        if self.broken == 0 and loop.time() > self.since_s:
            self.spans.append((self.since_s, loop.time()))
        self.broken += 1
        try:
            yield
        finally:
            self.broken -= 1
            if self.broken == 0:
                self.since_s = loop.time()

    def close(self, at_s: float) -> None:
        """End the history."""
        if self.broken == 0:
            self.spans.append((self.since_s, at_s))


class Switch:
    """Something that runs or does not."""

    def __init__(self) -> None:
        self.on, self.off = asyncio.Event(), asyncio.Event()
        self.turn(on=True)

    def turn(self, *, on: bool) -> None:
        """Let it run or not."""
        (self.on if on else self.off).set()
        (self.off if on else self.on).clear()


class Faults:
    """Everything that goes wrong.

    Args:
        network: between the hub and the NOC.
        machine: the hub's.
        clock: the machine's.
        devices: by alias.
        noc: whether the collector runs.
        density: how often, and for how long.
        shortage: lets storage run out.
        hopeless: is open while nothing that the hub tries can reach the broker.
    """

    def __init__(
        self,
        network: Network,
        machine: Machine,
        clock: MachineClock,
        devices: Mapping[str, SimDevice],
        noc: Switch,
        shortage: Fault,
        density: Density = DENSE,
        hopeless: Busy = nullcontext,
    ) -> None:
        self._network, self._machine, self._clock, self._devices, self._noc = network, machine, clock, devices, noc
        self._shortage, self._density, self._hopeless = shortage, density, hopeless

    def all(self) -> Iterator[tuple[str, float, Fault, bool]]:
        """Give each fault: its name, its mean interval in seconds, itself, and whether it keeps readings away."""
        for name, mean_s, fault, breaks in self._each():
            yield name, mean_s * self._density.rarer, fault, breaks

    def _lasts_s(self, mean_s: float, rng: random.Random) -> float:
        """Draw how long something lasts."""
        return min(rng.expovariate(1 / (mean_s * self._density.longer)), _LONGEST_S)

    def _each(self) -> Iterator[tuple[str, float, Fault, bool]]:
        yield "cut", 4 * HOUR_S, self._cut, True
        yield "long cut", 24 * HOUR_S, self._long_cut, True
        yield "half-open", 6 * HOUR_S, self._half_open, True
        yield "flapping", 12 * HOUR_S, self._flapping, True
        yield "slow link", 8 * HOUR_S, self._slow, False
        yield "broker restarted", 12 * HOUR_S, self._broker(forget=False), True
        yield "broker without sessions", 8 * HOUR_S, self._broker(forget=True), True
        yield "ACL withdrawn", 12 * HOUR_S, self._acl, True
        yield "broker full", 12 * HOUR_S, self._full, True
        yield "NOC away", 8 * HOUR_S, self._noc_away, True
        yield "NOC away, broker drops", 24 * HOUR_S, self._noc_away_and_drops, True
        yield "confirmations lost", 12 * HOUR_S, self._confirmations_lost, True
        yield "kill -9", 8 * HOUR_S, self._kill, True
        yield "crash at a commit", 6 * HOUR_S, self._crash, True
        yield "failing disk", 8 * HOUR_S, self._disk, True
        yield "power cut, 1970", 12 * HOUR_S, self._reboot, True
        yield "clock step", 12 * HOUR_S, self._step, False
        for name in self._devices:
            yield f"unplugged {name}", 12 * HOUR_S, self._unplug(name), False
        yield "storage runs out", 48 * HOUR_S, self._shortage, True
        yield "silent stream-2", 12 * HOUR_S, self._silence("stream-2"), False

    def repair(self) -> None:
        """Let everything work."""
        network = self._network
        network.heal()
        network.alive = network.hub_may = True
        network.full = network.lose_confirmations = False
        network.bytes_s, network.queue_max = 0.0, 1000
        self._noc.turn(on=True)
        self._clock.ntp()
        self._machine.repair()
        for device in self._devices.values():
            device.plugged.set()
            device.quiet = False

    # --- the network --------------------------------------------------------------------------------------------------

    async def _cut(self, rng: random.Random) -> None:
        await self._cut_for(self._lasts_s(60, rng))

    async def _cut_for(self, for_s: float) -> None:
        self._network.cut()
        if for_s > 2 * _HOPE_S:
            await asyncio.sleep(_HOPE_S)
            with self._hopeless():
                await asyncio.sleep(for_s - 2 * _HOPE_S)
            for_s = _HOPE_S
        await asyncio.sleep(for_s)
        self._network.heal()

    async def _long_cut(self, rng: random.Random) -> None:
        await self._cut_for(self._lasts_s(HOUR_S, rng))

    async def _half_open(self, rng: random.Random) -> None:
        self._network.swallow()
        await asyncio.sleep(self._lasts_s(30, rng))
        self._network.heal()

    async def _flapping(self, rng: random.Random) -> None:
        for _ in range(rng.randrange(2, 20)):
            self._network.cut()
            await asyncio.sleep(rng.expovariate(1 / 2))
            self._network.heal()
            await asyncio.sleep(rng.expovariate(1 / 3))

    async def _slow(self, rng: random.Random) -> None:
        self._network.bytes_s = 8000.0
        await asyncio.sleep(self._lasts_s(1800, rng))
        self._network.bytes_s = 0.0

    # --- broker and NOC -----------------------------------------------------------------------------------------------

    def _broker(self, *, forget: bool) -> Fault:
        async def restart(rng: random.Random) -> None:
            self._network.stop_broker(forget=forget)
            await asyncio.sleep(self._lasts_s(10, rng))
            self._network.alive = True
            await asyncio.sleep(BACK_S)

        return restart

    async def _acl(self, rng: random.Random) -> None:
        self._network.hub_may = False
        await asyncio.sleep(self._lasts_s(120, rng))
        self._network.hub_may = True

    async def _full(self, rng: random.Random) -> None:
        self._network.full = True
        await asyncio.sleep(self._lasts_s(120, rng))
        self._network.full = False

    async def _noc_away(self, rng: random.Random) -> None:
        self._noc.turn(on=False)
        await asyncio.sleep(self._lasts_s(900, rng))
        self._noc.turn(on=True)
        await asyncio.sleep(BACK_S)

    async def _noc_away_and_drops(self, rng: random.Random) -> None:
        self._network.queue_max = 5
        await self._noc_away(rng)
        self._network.queue_max = 1000

    async def _confirmations_lost(self, rng: random.Random) -> None:
        self._network.lose_confirmations = True
        await asyncio.sleep(self._lasts_s(120, rng))
        self._network.lose_confirmations = False

    # --- the machine --------------------------------------------------------------------------------------------------

    async def _kill(self, _rng: random.Random) -> None:
        self._machine.kill()
        await asyncio.sleep(5.0)

    async def _crash(self, rng: random.Random) -> None:
        self._machine.disk.crash_in, self._machine.disk.crash_after = rng.randrange(1, 4), rng.random() < 0.5
        while self._machine.disk.crash_in is not None:  # noqa: ASYNC110 - a commit comes when it comes
            await asyncio.sleep(5.0)
        await asyncio.sleep(10.0)

    async def _disk(self, rng: random.Random) -> None:
        self._machine.disk.fails = rng.randrange(1, 4)
        while self._machine.disk.fails:  # noqa: ASYNC110 - the same
            await asyncio.sleep(5.0)
        await asyncio.sleep(10.0)

    async def _reboot(self, rng: random.Random) -> None:
        await self._machine.reboot(self._lasts_s(300, rng))
        await asyncio.sleep(5.0)
        asyncio.get_running_loop().call_later(self._lasts_s(1800, rng), self._clock.ntp)

    async def _step(self, rng: random.Random) -> None:
        self._clock.step(rng.choice([-1, 1]) * rng.choice([300.0, 365 * DAY_S, 2.0]))
        await asyncio.sleep(self._lasts_s(600, rng))
        self._clock.ntp()

    # --- the devices --------------------------------------------------------------------------------------------------

    def _unplug(self, name: str) -> Fault:
        async def pull(rng: random.Random) -> None:
            self._devices[name].unplug()
            await asyncio.sleep(self._lasts_s(300, rng))
            self._devices[name].plugged.set()

        return pull

    def _silence(self, name: str) -> Fault:
        async def silence(rng: random.Random) -> None:
            self._devices[name].quiet = True
            await asyncio.sleep(self._lasts_s(300, rng))
            self._devices[name].quiet = False

        return silence


async def now_and_then(mean_s: float, rng: random.Random, happen: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Let something happen at random moments, for ever."""
    while True:
        await asyncio.sleep(rng.expovariate(1 / mean_s))
        await happen()
