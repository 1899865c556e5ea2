"""What the radio does when the real bluetoothd, the real adapter and real bonds fail.

Not collected by name: it runs inside ``scripts/radio-vm``, where killing bluetoothd is nobody's loss
(``tests/radio/test_radio_vm.py``).
"""

import asyncio
import os
import signal
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from dbus_fast import BusType, Message
from dbus_fast.aio import MessageBus

from hub_agent.devices.ble import BleConnector, BleError, BlueZ, Timings
from hub_agent.devices.link import Connection
from hub_agent.driver import BleLink, Match, sig_uuid
from hub_agent.simulate.ble_devices import Cuff, HeartRateStrap, PulseOximeter
from hub_agent.simulate.vitals import Vitals

OnAir = Callable[..., Any]

CONTINUOUS = sig_uuid(0x2A5F)
STRAP = BleLink(notify=(sig_uuid(0x2A37),), match=Match())
OXIMETER = BleLink(notify=(CONTINUOUS,), match=Match(), pairing="bond")
CUFF = BleLink(notify=(sig_uuid(0x2A35),), match=Match(), pairing="bond", open_before_subscribe=True)
TIME = bytes.fromhex("EA070B160A1E00")
BLUETOOTHD = "/usr/libexec/bluetooth/bluetoothd"
PROC = Path("/proc")
CUFF_NUMBER = 2


class Counting:
    """A patient whose pulse tells the seconds, so that nothing lost, doubled or out of order goes unseen."""

    def vitals(self, at_s: float) -> Vitals:
        now = 40.0 + round(at_s)
        return Vitals(97.0, now, 4.2, now, now - 20, now - 10, 36.6, 70.5, 104.0, 16.0, (830,))


async def use(connector: BleConnector, chunks: int = 1) -> None:
    async with connector.connect() as connection:
        await connection.subscribe()
        for _ in range(chunks):
            await connection.receive()


async def eventually(connector: BleConnector) -> None:
    """Try again as the runner does, until the device is heard."""
    async with asyncio.timeout(40.0):
        while True:
            try:
                return await use(connector)
            except BleError:
                await asyncio.sleep(0.5)


async def drain(connection: Connection) -> None:
    """Take chunks until the link ends, which must be soon."""
    async with asyncio.timeout(20.0):
        while True:
            await connection.receive()


def kill_bluetoothd() -> None:
    for path in PROC.glob("[0-9]*/comm"):
        if path.read_text().strip() == "bluetoothd":
            os.kill(int(path.parent.name), signal.SIGKILL)


def start_bluetoothd() -> None:
    os.posix_spawn(BLUETOOTHD, ["bluetoothd", "-n"], os.environ)


async def restart_bluetoothd() -> None:
    """Kill it and start another, as its supervisor would."""
    kill_bluetoothd()
    await asyncio.sleep(1.0)
    start_bluetoothd()


async def switch_off() -> None:
    """Let somebody else switch the adapter off."""
    somebody = BlueZ("hci0")
    async with somebody.watch(lambda _: None):
        await somebody.ready()
        await somebody._power(on=False)


async def bus_names() -> int:
    """Count the connections to the system bus, without this one."""
    bus = await MessageBus(bus_type=BusType.SYSTEM).connect()
    dbus = "org.freedesktop.DBus"
    reply = await bus.call(Message(destination=dbus, path="/org/freedesktop/DBus", interface=dbus, member="ListNames"))
    bus.disconnect()
    return sum(1 for name in reply.body[0] if name.startswith(":")) - 1


async def test_a_restarted_bluetoothd_keeps_bonds_and_gets_its_agent_back(on_air: OnAir) -> None:
    async with on_air() as bench:
        oximeter = await bench.put(PulseOximeter)
        connector = bench.connector(oximeter, OXIMETER)
        async with connector.connect() as connection:
            await connection.subscribe()
            await connection.receive()
            await restart_bluetoothd()
            with pytest.raises(BleError):
                await drain(connection)
        await eventually(connector)
        assert oximeter.pairings == 1
        assert {"bluetooth_gone", "bluetooth_back"} <= set(bench.codes())
        stranger = await bench.put(PulseOximeter)
        await eventually(bench.connector(stranger, OXIMETER))
        assert stranger.pairings == 1


async def test_an_adapter_that_is_switched_off_is_switched_on_again(on_air: OnAir) -> None:
    async with on_air() as bench:
        strap = await bench.put(HeartRateStrap)
        connector = bench.connector(strap, STRAP)
        async with connector.connect() as connection:
            await connection.subscribe()
            await connection.receive()
            await switch_off()
            with pytest.raises(BleError):
                await drain(connection)
        await eventually(connector)
        assert "adapter_off" in bench.codes()
        assert bench.codes().index("adapter_off") < len(bench.codes()) - 1 - bench.codes()[::-1].index("adapter_on")


async def test_failed_connects_leave_no_files_tasks_or_bus_connections(on_air: OnAir) -> None:
    async with on_air(Timings(connect_s=1.0)) as bench:
        strap = await bench.put(HeartRateStrap)
        bench.air.deafen(strap.controller)
        connector = bench.connector(strap, STRAP)

        async def fail(times: int) -> tuple[int, int, int]:
            for _ in range(times):
                with pytest.raises(BleError):
                    await use(connector)
            files = len(list((PROC / "self/fd").iterdir()))
            return files, len(asyncio.all_tasks()), await bus_names()

        before = await fail(3)
        assert await fail(int(os.environ.get("HUB_FAILED_CONNECTS", "20"))) == before
        bench.air.cure(strap.controller)
        await eventually(connector)


async def test_an_adapter_can_be_power_cycled(on_air: OnAir) -> None:
    async with on_air() as bench:
        strap = await bench.put(HeartRateStrap)
        await use(bench.connector(strap, STRAP))
        await bench.radio.host.power_cycle()
        await eventually(bench.connector(strap, STRAP))
        assert await bench.radio.host.restart() is False


class Home:
    """Two bonded oximeters and a cuff, followed through every reconnect."""

    def __init__(self, bench: Any) -> None:  # noqa: ANN401 - the bench of conftest.py, which cannot be imported
        self.bench = bench
        self.oximeters: list[PulseOximeter] = []
        self.heard: list[list[int]] = [[], [], []]
        self._news = asyncio.Event()

    async def furnish(self) -> None:
        for number in range(2):
            oximeter = await self.bench.put(PulseOximeter, patient=Counting())
            self.oximeters.append(oximeter)
            self._follow(number, self.bench.connector(oximeter, OXIMETER), offset=3)
        self.cuff = await self.bench.put(Cuff, patient=Counting())
        self._follow(CUFF_NUMBER, self.bench.connector(self.cuff, CUFF), offset=1)

    def _follow(self, number: int, connector: BleConnector, offset: int) -> None:
        async def follow() -> None:
            while True:
                try:
                    await self._listen(number, connector, offset)
                except BleError as error:
                    print(f"{self.bench.now_s():6.1f} s  {error}")  # noqa: T201 - shown when the test fails
                    await asyncio.sleep(0.5)

        self.bench.running.append(self.bench.tasks.create_task(follow()))

    async def _listen(self, number: int, connector: BleConnector, offset: int) -> None:
        async with connector.connect() as connection:
            if number == CUFF_NUMBER:
                await connection.write(sig_uuid(0x2A08), TIME, response=True)
            await connection.subscribe()
            while True:
                data = (await connection.receive()).data
                self.heard[number].append(struct.unpack_from("<H", data, offset)[0])
                self._news.set()

    async def lives(self, accident: str) -> None:
        """Wait until both oximeters are heard again."""
        wanted = [len(pulses) + 3 for pulses in self.heard[:2]]
        async with asyncio.timeout(90.0):
            while any(len(pulses) < count for pulses, count in zip(self.heard, wanted, strict=False)):
                self._news.clear()
                await self._news.wait()
        print(f"{self.bench.now_s():6.1f} s  after {accident}: {[len(each) for each in self.heard]}")  # noqa: T201


@pytest.mark.timeout(400)
async def test_two_oximeters_and_a_cuff_live_through_every_accident(on_air: OnAir) -> None:
    """Two minutes: a link lost, a bond lost, bluetoothd restarted, the adapter off and on."""
    async with on_air() as bench:
        home = Home(bench)
        await home.furnish()
        await home.lives("the start")
        home.cuff.measure()
        home.oximeters[0].out_of_range()
        await asyncio.sleep(5.0)
        home.oximeters[0].in_range()
        await home.lives("a lost link")
        await home.oximeters[1].lose_bond()
        await home.lives("a lost bond")
        await restart_bluetoothd()
        await home.lives("a restart of bluetoothd")
        home.cuff.measure()
        await asyncio.sleep(10.0)
        await switch_off()
        await home.lives("the adapter off")
        home.cuff.measure()
        await asyncio.sleep(max(15.0, 120.0 - bench.now_s()))

        for device, pulses in zip(home.oximeters, home.heard[:2], strict=True):
            assert pulses == sorted(set(pulses)), "something came twice or out of order"
            assert len(pulses) <= device.emitted <= len(pulses) + 15
        pressures = home.heard[2]
        assert len(pressures) == len(set(pressures)) == home.cuff.emitted == 3
        assert home.cuff.stored == []
        assert [device.pairings for device in home.oximeters] == [1, 2]
        assert {"bond_lost", "bond_renewed", "bluetooth_gone", "bluetooth_back", "adapter_off"} <= set(bench.codes())
