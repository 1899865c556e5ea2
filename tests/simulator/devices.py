"""Virtual devices and what is true of them: one that measures all the time, one that keeps records until it is told.

Every reading has a number of its own as its value, so that it is known again at the NOC.
"""

import asyncio
import random
from array import array
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, MutableMapping
from contextlib import AbstractContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from hub_agent.clock import Clock
from hub_agent.driver import Action, Chunk, Driver, Emit, Moment, SerialLink, Write
from hub_agent.errors import LinkError
from hub_agent.model import DeviceTime, Measurement, Reading, ReadingClass
from hub_agent.nomenclature import PULSE_RATE_OXIMETER, SPO2
from tests.simulator.density import Density

CADENCE_S = 20.0
_SPELL_S = 300.0
"""A device that measures does so for a while, and rests for longer, unless it is wanted."""

_BAD = 0.01
"""How likely a reading is to be the first of some that break a limit."""

Busy = Callable[[], AbstractContextManager[None]]


@dataclass
class Truth:
    """What really happened, by the numbers of readings.

    Attributes:
        heard_s: when the hub received each live reading.
        told_s: when a device was told that its record is in safe hands.
        alarming: numbers of readings that break a limit.
        said: numbers of live readings, by device.
    """

    heard_s: MutableMapping[int, float] = field(default_factory=dict)
    told_s: dict[int, float] = field(default_factory=dict)
    alarming: set[int] = field(default_factory=set)
    said: dict[str, "array[int]"] = field(default_factory=dict)
    next: int = 1

    def number(self) -> int:
        """Give a number that no other reading has."""
        self.next += 1
        return self.next - 1


class Session:
    """A session that only listens."""

    def opened(self, moment: Moment) -> Iterable[Action]:
        """Nothing to say."""
        del moment
        return ()

    def received(self, chunk: Chunk) -> Iterable[Action]:
        """Understand nothing."""
        del chunk
        return ()

    def silent(self, moment: Moment) -> Iterable[Action]:
        """Nothing to do."""
        del moment
        return ()

    def command(self, name: str, moment: Moment) -> Iterable[Action]:
        """No command is known."""
        del name, moment
        return ()


class _Stream(Session):
    """The session of the device that measures all the time."""

    def received(self, chunk: Chunk) -> Iterable[Action]:
        number, pulse = (int(part) for part in chunk.data.split())
        values = (Measurement(SPO2, "%", Decimal(number)), Measurement(PULSE_RATE_OXIMETER, "/min", Decimal(pulse)))
        return (Emit(Reading(ReadingClass.CONTINUOUS, values)),)


class _Keeper(Session):
    """The session of the device that keeps its records: each is acknowledged when it is durable."""

    def received(self, chunk: Chunk) -> Iterable[Action]:
        number, taken, old = (int(part) for part in chunk.data.split())
        at = DeviceTime(datetime(2026, 12, 1, tzinfo=UTC).replace(tzinfo=None) + timedelta(seconds=taken))
        values = (Measurement(SPO2, "%", Decimal(number)),)
        reading = Reading(ReadingClass.EPISODIC, values, measured=at, record=number % 1000, stored=bool(old))
        return (Emit(reading), Write("", b"%d" % number))


def _driver(name: str, session: type[Session], cadence_s: float | None) -> Driver:
    def make(_options: Mapping[str, Any]) -> Session:
        return session()

    return Driver(name, name, SerialLink(9600), frozenset({SPO2, PULSE_RATE_OXIMETER}), make, cadence_s=cadence_s)


DRIVERS = {
    "sim-stream": _driver("sim-stream", _Stream, CADENCE_S),
    "sim-keeper": _driver("sim-keeper", _Keeper, None),
}


class SimDevice:
    """A device on a cable (a ``Connector``).

    Args:
        truth: where it writes what it did.
        rng: draws its values.
        clock: the hub's, which stamps what comes.
        busy: is open while it measures.
        density: how often it is used.

    Attributes:
        said: the numbers of its live readings.
    """

    def __init__(self, truth: Truth, rng: random.Random, clock: Clock, busy: Busy, density: Density) -> None:
        self._truth, self._rng, self.clock, self._busy, self._density = truth, rng, clock, busy, density
        self.said = array("q")
        self.plugged = asyncio.Event()
        self.plugged.set()
        self.quiet = False
        self.wanted = asyncio.Event()
        """Whether it shall measure now."""
        self.connection: SimConnection | None = None

    def unplug(self) -> None:
        """Pull the cable."""
        self.plugged.clear()
        if self.connection is not None:
            self.connection.chunks.put_nowait(None)

    @asynccontextmanager
    async def connect(self) -> AsyncIterator["SimConnection"]:
        """Wait until it is there."""
        await self.plugged.wait()
        self.connection = SimConnection(self)
        self.attached()
        try:
            yield self.connection
        finally:
            self.connection = None

    async def _rest(self, mean_s: float) -> None:
        """Wait until somebody uses it."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._rng.expovariate(1 / mean_s)):
                await self.wanted.wait()
        self.wanted.clear()

    def _said(self) -> int:
        """Number a live reading."""
        number = self._truth.number()
        self.said.append(number)
        self._truth.heard_s[number] = asyncio.get_running_loop().time()
        return number

    def attached(self) -> None:
        """The hub is there."""

    def heard(self, data: bytes) -> None:
        """The hub has taken a chunk out of the line."""

    def told(self, data: bytes) -> None:
        """The hub has written something."""


class SimConnection:
    """An open line (a ``Connection``)."""

    def __init__(self, device: SimDevice) -> None:
        self._device = device
        self.chunks: asyncio.Queue[bytes | None] = asyncio.Queue()

    async def subscribe(self) -> None:
        """Nothing to do."""

    async def receive(self) -> Chunk:
        """Wait for the next chunk."""
        data = await self.chunks.get()
        if data is None:
            raise LinkError("unplugged")
        self._device.heard(data)
        return Chunk("", data, self._device.clock.moment())

    def waiting(self) -> bool:
        """Whether a chunk is at hand."""
        return not self.chunks.empty()

    async def write(self, channel: str, data: bytes, *, response: bool) -> None:
        """Send bytes."""
        del channel, response
        self._device.told(data)

    async def read(self, channel: str) -> None:
        """Nothing to read."""

    def rssi_dbm(self) -> int | None:
        """A cable has none."""
        return None


class Stream(SimDevice):
    """Measures every few seconds for a while, and rests."""

    def __init__(self, truth: Truth, rng: random.Random, clock: Clock, busy: Busy, density: Density) -> None:
        super().__init__(truth, rng, clock, busy, density)
        self._bad = 0

    async def run(self) -> None:
        """Live."""
        while True:
            await self._rest(self._density.rest_s)
            with self._busy():
                await self.measure(self._rng.expovariate(1 / _SPELL_S))

    async def measure(self, for_s: float) -> None:
        """Measure for a while."""
        loop = asyncio.get_running_loop()
        ends_s = loop.time() + for_s
        while loop.time() < ends_s:
            await asyncio.sleep(CADENCE_S * self._rng.uniform(0.95, 1.05))
            self._bad = self._bad - 1 if self._bad else (3 if self._rng.random() < _BAD else 0)
            if self.connection is not None and not self.quiet and self.plugged.is_set():
                self._say(self.connection)

    def _say(self, connection: SimConnection) -> None:
        number = self._said()
        if self._bad:
            self._truth.alarming.add(number)
        connection.chunks.put_nowait(b"%d %d" % (number, 180 if self._bad else 70))

    def heard(self, data: bytes) -> None:
        """It counts as heard when the hub's process has it."""
        self._truth.heard_s[int(data.split()[0])] = asyncio.get_running_loop().time()


class Keeper(SimDevice):
    """Is used now and then, and keeps what it measured until it is told that it is in safe hands.

    There are devices that say it again all the same, at each connection, until their memory is full.
    """

    def __init__(self, truth: Truth, rng: random.Random, clock: Clock, busy: Busy, density: Density) -> None:
        super().__init__(truth, rng, clock, busy, density)
        self._records: dict[int, int] = {}
        self._remembered: dict[int, int] = {}

    async def run(self) -> None:
        """Live."""
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        while True:
            await self._rest(self._density.used_s)
            number = self._truth.number()
            self._records[number] = round(loop.time() - began_s)
            with self._busy():
                self._say(number, old=False)

    def attached(self) -> None:
        """Say everything that nobody has taken, and what it does not forget."""
        forgets_s = asyncio.get_running_loop().time() - self._density.remembers_s
        self._remembered = {
            number: taken for number, taken in self._remembered.items() if self._truth.told_s[number] > forgets_s
        }
        for number in (*self._remembered, *self._records):
            self._say(number, old=True)

    def _say(self, number: int, *, old: bool) -> None:
        if self.connection is not None and self.plugged.is_set():
            taken = self._records if number in self._records else self._remembered
            self.connection.chunks.put_nowait(b"%d %d %d" % (number, taken[number], old))

    def told(self, data: bytes) -> None:
        """Forget the record, sooner or later."""
        number = int(data)
        if number in self._records:
            self._remembered[number] = self._records.pop(number)
            self._truth.told_s[number] = asyncio.get_running_loop().time()

    @property
    def waiting(self) -> int:
        """Records that nobody has taken yet."""
        return len(self._records)
