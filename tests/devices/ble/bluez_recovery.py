"""What the radio does when the real bluetoothd, the real adapter and real bonds fail.

Not collected by name: it runs inside ``scripts/radio-vm``, where killing bluetoothd is nobody's loss
(``tests/radio/test_radio_vm.py``).
"""

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
from dbus_fast import BusType, Message
from dbus_fast.aio import MessageBus

from hub_agent.devices.ble import BleConnector, BleError, BlueZ, Timings
from hub_agent.devices.link import Connection
from hub_agent.driver import BleLink, Match, sig_uuid
from hub_agent.simulate.ble_devices import HeartRateStrap, PulseOximeter
from hub_agent.simulate.radio.air import HubController

OnAir = Callable[..., Any]

CONTINUOUS = sig_uuid(0x2A5F)
STRAP = BleLink(notify=(sig_uuid(0x2A37),), match=Match())
OXIMETER = BleLink(notify=(CONTINUOUS,), match=Match(), pairing="bond")
BLUETOOTHD = "/usr/libexec/bluetooth/bluetoothd"
PROC = Path("/proc")
OFTEN_MS: Final = 20.0
"""The shortest advertising interval there is: the kernel connects on the next advertisement."""
FAILURES: Final = int(os.environ.get("HUB_FAILED_CONNECTS", "200"))
CONNECT_S: Final = float(os.environ.get("HUB_CONNECT_S", "0.1"))


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


class Left(NamedTuple):
    """What failed connects might leave behind: in this process, and of anybody on the system bus."""

    files: int
    unix_sockets: int
    tasks: int
    bus_names: int


async def left() -> Left:
    open_now: list[str] = []
    for path in (PROC / "self/fd").iterdir():
        with suppress(FileNotFoundError):  # that of the listing itself
            open_now.append(str(path.readlink()))
    unix = {f"socket:[{line.split()[6]}]" for line in (PROC / "net/unix").read_text().splitlines()[1:]}
    return Left(len(open_now), len(unix.intersection(open_now)), len(asyncio.all_tasks()), await bus_names())


@pytest.mark.timeout(1200)
async def test_failed_connects_leave_nothing_behind(on_air: OnAir, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is a connect that BlueZ began and that the hub gave up; most of them the controller had begun too."""
    cancelled = 0
    cancel = HubController.on_hci_le_create_connection_cancel_command

    def count(controller: HubController, command: Any) -> Any:  # noqa: ANN401 - Bumble's
        nonlocal cancelled
        cancelled += 1
        return cancel(controller, command)

    monkeypatch.setattr(HubController, "on_hci_le_create_connection_cancel_command", count)
    async with on_air(Timings(connect_s=CONNECT_S)) as bench:
        strap = await bench.put(HeartRateStrap)
        await strap.device.stop_advertising()
        await strap.device.start_advertising(
            auto_restart=True, advertising_interval_min=OFTEN_MS, advertising_interval_max=OFTEN_MS
        )
        bench.air.deafen(strap.controller)
        connector = bench.connector(strap, STRAP)

        async def fail(times: int) -> Left:
            for _ in range(times):
                with pytest.raises(BleError):
                    await use(connector)
            return await left()

        before = await fail(10)
        cancelled, began_s = 0, bench.now_s()
        after = await fail(FAILURES)
        took_s = bench.now_s() - began_s
        print(f"\n{FAILURES} failed connects in {took_s:.0f} s, {cancelled} of them cancelled in the controller")  # noqa: T201
        print(f"before: {before}\nafter:  {after}")  # noqa: T201 - the figures are for whoever reads the run
        assert after == before
        assert cancelled >= FAILURES * 0.5
        bench.air.cure(strap.controller)
        bench.radio.timings = Timings()
        await eventually(connector)


async def test_an_adapter_can_be_power_cycled(on_air: OnAir) -> None:
    async with on_air() as bench:
        strap = await bench.put(HeartRateStrap)
        await use(bench.connector(strap, STRAP))
        await bench.radio.host.power_cycle()
        await eventually(bench.connector(strap, STRAP))
        assert await bench.radio.host.restart() is False
