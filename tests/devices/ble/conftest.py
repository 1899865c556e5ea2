"""The fast bench: the radio on virtual air, in virtual time.

Everything happens inside the process, so that the event loop's clock may jump to the next timer whenever nothing is
ready: connect time-outs, supervision time-outs and minutes of silence cost nothing and come out the same each time.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar

import pytest

from hub_agent.clock import SystemClock
from hub_agent.devices.ble import BleConnector, Radio, Timings
from hub_agent.driver import BleLink
from hub_agent.simulate.ble_devices import Peripheral
from hub_agent.simulate.radio.air import Air
from hub_agent.simulate.radio.host import VirtualHost
from hub_agent.simulate.vitals import Vitals


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


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"virtual": VirtualTimeLoop}


class Steady:
    """A patient whose values never change."""

    def vitals(self, at_s: float) -> Vitals:
        del at_s
        return Vitals(97.0, 72.0, 4.2, 121.0, 79.0, 93.0, 36.6, 70.5, 104.0, 16.0, (830, 835))


P = TypeVar("P", bound=Peripheral)
STEADY = Steady()


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

    async def put(self, kind: type[P], *, passkey: int | None = None) -> P:
        """Put a device on the air and let it live."""
        device = kind(self.air, f"C0:00:00:00:00:{len(self.devices) + 1:02X}", STEADY, self.now_s, passkey=passkey)
        await device.power_on()
        self.devices.append(device)
        self.running.append(self.tasks.create_task(device.run()))
        return device

    def connector(self, device: Peripheral, link: BleLink) -> BleConnector:
        return self.radio.connector(f"device-{self.devices.index(device) + 1}", device.address, link)

    @property
    def virtual(self) -> VirtualHost:
        """The virtual stack; a test of its faults does not run on a real one."""
        if not isinstance(self.radio.host, VirtualHost):
            pytest.skip("a fault of the virtual adapter")
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


@pytest.fixture
def on_air() -> OnAir:
    """Make a running radio on empty air, as a context; the argument is its timings."""
    return _virtual
