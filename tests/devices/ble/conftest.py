"""Two benches with the same devices on the same virtual air, and the same tests.

The fast one puts bleak on a virtual hub. Everything happens inside the process, so that the event loop's clock may jump
to the next timer whenever nothing is ready: connect time-outs, supervision time-outs and minutes of silence cost
nothing and come out the same each time.

The real one (HUB_RADIO=bluez, inside ``scripts/radio-vm``) is unmodified bleak on a real bluetoothd on a real kernel;
only the controller is virtual, behind /dev/vhci. Its time is real: what waits for minutes or makes faults of the
virtual adapter is skipped there (the fixture ``fast_bench``).
"""

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TypeVar

import pytest
from bleak.backends.bluezdbus.manager import get_global_bluez_manager
from bleak.exc import BleakDBusError
from bumble.transport import open_transport

from hub_agent.clock import SystemClock
from hub_agent.devices.ble import BleConnector, BlueZ, Radio, Timings
from hub_agent.driver import BleLink
from hub_agent.simulate.ble_devices import Peripheral
from hub_agent.simulate.radio.air import Air, HubController, adapter
from hub_agent.simulate.radio.host import VirtualHost
from hub_agent.simulate.vitals import Vitals, VitalsSource


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next timer when nothing is ready."""

    def __init__(self) -> None:
        super().__init__()
        self._now_s = 0.0
        select = self._selector.select  # type: ignore[attr-defined]  # asyncio's own

        def jump(timeout: float | None) -> object:
            if timeout is None:
                raise RuntimeError(f"everybody waits for ever: {asyncio.all_tasks(self)}")
            self._now_s += timeout
            return select(0)

        self._selector.select = jump  # type: ignore[attr-defined]

    def time(self) -> float:
        return self._now_s


REAL = os.environ.get("HUB_RADIO") == "bluez"


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"real": asyncio.SelectorEventLoop} if REAL else {"virtual": VirtualTimeLoop}


class Steady:
    """A patient whose values never change."""

    def vitals(self, at_s: float) -> Vitals:
        del at_s
        return Vitals(97.0, 72.0, 4.2, 121.0, 79.0, 93.0, 36.6, 70.5, 104.0, 16.0, (830, 835))


P = TypeVar("P", bound=Peripheral)
STEADY = Steady()

_numbers = itertools.count(1)
"""No address comes twice: BlueZ remembers services and bonds by address, on disk."""


@dataclass
class Bench:
    """A radio that runs, and air to put devices on."""

    radio: Radio
    air: Air
    tasks: asyncio.TaskGroup
    events: list[tuple[str, Mapping[str, str | int]]] = field(default_factory=list)
    devices: list[Peripheral] = field(default_factory=list)
    running: list[asyncio.Task[None]] = field(default_factory=list)
    started_s: float = field(default_factory=lambda: asyncio.get_running_loop().time())

    def now_s(self) -> float:
        return asyncio.get_running_loop().time() - self.started_s

    def codes(self) -> list[str]:
        return [code for code, _ in self.events]

    async def put(self, kind: type[P], *, passkey: int | None = None, patient: VitalsSource = STEADY) -> P:
        """Put a device on the air and let it live."""
        number = next(_numbers)
        address = f"C0:00:00:00:{number >> 8:02X}:{number & 0xFF:02X}"
        device = kind(self.air, address, patient, self.now_s, passkey=passkey)
        await device.power_on()
        self.devices.append(device)
        self.running.append(self.tasks.create_task(device.run()))
        return device

    def connector(self, device: Peripheral, link: BleLink) -> BleConnector:
        return self.radio.connector(f"device-{self.devices.index(device) + 1}", device.address, link)

    @property
    def never_s(self) -> float:
        """How long to wait for what must not come; virtual time costs nothing."""
        return 3.0 if REAL else 30.0

    @property
    def controller(self) -> HubController:
        """The hub's controller."""
        return next(each for each in self.air.controllers if isinstance(each, HubController))

    @property
    def virtual(self) -> VirtualHost:
        """The virtual stack, for its faults; only tests on the fast bench ask for it."""
        assert isinstance(self.radio.host, VirtualHost)
        return self.radio.host


OnAir = Callable[..., AbstractAsyncContextManager[Bench]]


@asynccontextmanager
async def _virtual(timings: Timings | None = None) -> AsyncIterator[Bench]:
    events: list[tuple[str, Mapping[str, str | int]]] = []
    air = Air()
    radio = Radio(VirtualHost(air), SystemClock(), lambda code, fields: events.append((code, fields)), timings)
    async with radio.open(), asyncio.TaskGroup() as tasks:
        bench = Bench(radio, air, tasks, events)
        bench.running.append(tasks.create_task(radio.run()))
        try:
            yield bench
        finally:
            for task in bench.running:
                task.cancel()


@asynccontextmanager
async def _real(timings: Timings | None = None) -> AsyncIterator[Bench]:
    # A connect that is given up may end in a link that the kernel forgets; its cure must come within a test's patience.
    given = timings or Timings()
    timings = replace(given, silence_s=min(given.silence_s, 15.0), rest_s=min(given.rest_s, 30.0))
    events: list[tuple[str, Mapping[str, str | int]]] = []
    air = Air()
    async with await open_transport("vhci") as transport:
        adapter(air, transport.source, transport.sink)
        host = BlueZ("hci0")
        await _appeared(host)
        radio = Radio(host, SystemClock(), lambda code, fields: events.append((code, fields)), timings)
        async with radio.open(), asyncio.TaskGroup() as tasks:
            bench = Bench(radio, air, tasks, events)
            bench.running.append(tasks.create_task(radio.run()))
            try:
                yield bench
            except BaseException:
                print(f"\nbench: failed after {bench.now_s():.0f} s: {bench.events}")  # noqa: T201 - to find out why
                raise
            finally:
                for task in bench.running:
                    task.cancel()
        await _close_bleak()


async def _appeared(host: BlueZ) -> None:
    """Wait for bluetoothd to find the new adapter."""
    async with asyncio.timeout(20.0):
        while True:
            try:
                await host.ready()
            except (BleakDBusError, OSError):
                await asyncio.sleep(0.1)
            else:
                return


async def _close_bleak() -> None:
    """bleak keeps one D-Bus connection for each event loop, for ever; a test's loop ends."""
    manager = await get_global_bluez_manager()
    if manager._bus is not None:
        manager._bus.disconnect()
        await asyncio.sleep(0.1)


@pytest.fixture
def on_air() -> OnAir:
    """Make a running radio on empty air, as a context; the argument is its timings."""
    return _real if REAL else _virtual


@pytest.fixture
def fast_bench() -> None:
    """Say that a test needs virtual time, or faults that only the virtual adapter has."""
    if REAL:
        pytest.skip("needs the fast bench")
