"""Area *radio*: a GATT notification on virtual air → the hub's intake, through bleak's client and the runner.

The other bench, a real ``bluetoothd`` in a virtual machine, runs with ``scripts/test --radio``.
"""

import asyncio
import time
from typing import Final

from hub_agent.devices.ble.radio import Radio
from hub_agent.devices.runner import Outlet, Runner
from hub_agent.driver import BleLink
from hub_agent.model import Reading, Stamp
from hub_agent.registry import load_drivers
from hub_agent.simulate import encoders
from hub_agent.simulate.ble_devices import PulseOximeter
from hub_agent.simulate.physiology import Patient
from hub_agent.simulate.radio.air import Air
from hub_agent.simulate.radio.host import VirtualHost
from scripts.benchlib.area import Effort
from scripts.benchlib.figures import Row, Table
from scripts.benchlib.site import CLOCK, cpu_s

_ADDRESS: Final = "F0:00:00:00:00:01"
_CHANNEL: Final = "2A5F"


async def _measure(effort: Effort, found: dict[str, list[float]]) -> None:
    taken: asyncio.Queue[float] = asyncio.Queue()

    async def take(device: str, reading: Reading, stamp: Stamp) -> bool:
        del device, reading, stamp
        taken.put_nowait(time.perf_counter())
        return True

    air = Air()
    device = PulseOximeter(air, _ADDRESS, Patient(1), time.perf_counter)
    await device.power_on()
    radio = Radio(VirtualHost(air), CLOCK, lambda _code, _fields: None)
    driver = load_drivers().driver("gatt-pulse-oximeter")
    if not isinstance(driver.link, BleLink):
        raise TypeError("not a BLE driver")
    outlet = Outlet(take, lambda *_: None, lambda *_: None, lambda *_: None)
    async with radio.open(), asyncio.TaskGroup() as tasks:
        running: list[asyncio.Task[None]] = [tasks.create_task(radio.run())]
        connector = radio.connector("oximeter", _ADDRESS, driver.link)
        runner = Runner("oximeter", driver, {}, connector, CLOCK, outlet)
        running += [tasks.create_task(runner.run()), tasks.create_task(device.run())]
        await taken.get()  # connected, bonded, subscribed
        data = encoders.plx_continuous(97, 70, 2.5)
        for _ in range(effort.rounds):
            each, cpu = [], cpu_s()
            for _ in range(effort.times(300)):
                while not taken.empty():
                    taken.get_nowait()
                began = time.perf_counter()
                await device.notify(_CHANNEL, data)
                each.append((await taken.get() - began) * 1e3)
            found.setdefault("p50", []).append(sorted(each)[len(each) // 2])
            found.setdefault("p99", []).append(sorted(each)[len(each) * 99 // 100])
            found.setdefault("cpu", []).append((cpu_s() - cpu) / len(each) * 1e6)
        for task in running:
            task.cancel()


def measure(effort: Effort) -> Table:
    """Measure notification by notification."""
    found: dict[str, list[float]] = {}
    asyncio.run(_measure(effort, found))
    table = Table("radio: GATT notification → intake, on virtual air")
    table.rows = [
        Row("p50", found["p50"], "ms"),
        Row("p99", found["p99"], "ms"),
        Row("CPU of both ends", found["cpu"], "µs"),
    ]
    table.notes.append(
        "Two whole virtual Bluetooth stacks, the device's and the hub's, are in this time and CPU; on a real radio the"
        " connection interval (7.5 ms to 4 s) bounds it."
    )
    return table
