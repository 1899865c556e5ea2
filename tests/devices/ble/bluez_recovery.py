"""What the radio does when the real bluetoothd, the real adapter and real bonds fail.

Not collected by name: it runs inside ``scripts/radio-vm``, where killing bluetoothd is nobody's loss
(``tests/radio/test_radio_vm.py``).
"""

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
from dbus_fast import BusType, Message
from dbus_fast.aio import MessageBus

from hub_agent.devices.ble import BleConnector, BleError, Timings
from hub_agent.devices.link import Connection
from hub_agent.driver import BleLink, Match, sig_uuid
from hub_agent.simulate.ble_devices import HeartRateStrap, PulseOximeter
from hub_agent.simulate.radio.air import HubController
from tests.devices.ble.test_table import MORE, Strap, failures
from tests.radio.bluetoothd import restart_bluetoothd, switch_off

OnAir = Callable[..., Any]

CONTINUOUS = sig_uuid(0x2A5F)
STRAP = BleLink(notify=(sig_uuid(0x2A37),), match=Match())
OXIMETER = BleLink(notify=(CONTINUOUS,), match=Match(), pairing="bond")
PROC = Path("/proc")
FAILURES: Final = int(os.environ.get("HUB_CONNECT_FAILURES", "12"))
CONNECT_S: Final = float(os.environ.get("HUB_CONNECT_S", "1.0"))
"""A hundred connects given up after 0.1 s take half a minute, but such haste seldom gets as far as the controller."""


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
    """The device advertises and never answers: each connect is given up while BlueZ and the kernel are at it."""
    cancelled = 0
    cancel = HubController.on_hci_le_create_connection_cancel_command

    def count(controller: HubController, command: Any) -> Any:  # noqa: ANN401 - Bumble's
        nonlocal cancelled
        cancelled += 1
        return cancel(controller, command)

    monkeypatch.setattr(HubController, "on_hci_le_create_connection_cancel_command", count)
    async with on_air(Timings(connect_s=CONNECT_S, silence_s=5.0)) as bench:
        strap = await bench.put(HeartRateStrap)
        bench.air.deafen(strap.controller)
        connector = bench.connector(strap, STRAP)

        async def fail(times: int) -> Left:
            for _ in range(times):
                with pytest.raises(BleError):
                    await use(connector)
            return await left()

        before = await fail(3)
        began_s = bench.now_s()
        after = await fail(FAILURES)
        took_s = bench.now_s() - began_s
        print(f"\nconnects: {FAILURES} failed in {took_s:.0f} s, {cancelled} cancelled in the controller")  # noqa: T201
        print(f"connects: before {before}\nconnects: after  {after}")  # noqa: T201 - for whoever reads the run
        assert after == before
        bench.air.cure(strap.controller)
        bench.radio.timings = Timings()
        await eventually(connector)


@pytest.mark.parametrize(("before", "after"), [(0, 2), (MORE, 0)])
async def test_a_table_that_moved_is_read_again(on_air: OnAir, before: int, after: int) -> None:
    """BlueZ 5.66 looks again by itself, or subscribes to what is something else now until it forgets the device."""
    async with on_air() as bench:
        strap = await bench.put(Strap)
        strap.flash(more=before)
        connector = bench.connector(strap, STRAP)
        await use(connector)
        strap.flash(more=after)
        assert await failures(connector) <= 1
        assert bench.codes().count("table_outdated") <= 1


async def test_an_adapter_can_be_power_cycled(on_air: OnAir) -> None:
    async with on_air() as bench:
        strap = await bench.put(HeartRateStrap)
        await use(bench.connector(strap, STRAP))
        await bench.radio.host.power_cycle()
        await eventually(bench.connector(strap, STRAP))
        assert await bench.radio.host.restart() is False
