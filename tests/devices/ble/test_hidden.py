"""Devices that are there and not shown, in a home where others are heard all the time."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bleak import BleakClient
from bleak.backends.bluezdbus.version import BlueZFeatures
from bleak.exc import BleakError

from hub_agent.devices.ble import BleConnector, BleError, BlueZ, Timings
from hub_agent.driver import BleLink, Match, sig_uuid
from hub_agent.simulate.ble_devices import HeartRateStrap

OnAir = Callable[..., Any]

STRAP = BleLink(notify=(sig_uuid(0x2A37),), match=Match(services=(sig_uuid(0x180D),)))


async def use(connector: BleConnector) -> None:
    async with connector.connect() as connection:
        await connection.subscribe()
        await connection.receive()


async def again_and_again(connector: BleConnector) -> None:
    """Try as the runner does, until the device is read: the last it said may arrive when it is linked already."""
    async with asyncio.timeout(120.0):
        while True:
            try:
                return await use(connector)
            except BleError:
                await asyncio.sleep(0.5)


async def lost_in_a_connect(bench: Any, strap: HeartRateStrap) -> BleConnector:  # noqa: ANN401 - tests import no conftest
    """Let a connect be given up in the moment in which the device answers it. Linux then forgets the link."""
    connector: BleConnector = bench.connector(strap, STRAP)
    bench.air.deafen(strap.controller)
    bench.controller.crossing = True
    with pytest.raises(BleError, match="connect: timeout"):
        await use(connector)
    async with asyncio.timeout(20.0):  # the kernel cancels later than BlueZ says
        while not strap.connected:  # noqa: ASYNC110 - a kernel has no event
            await asyncio.sleep(0.1)
    bench.air.cure(strap.controller)
    return connector


async def test_a_link_that_nobody_knows_of_is_ended(on_air: OnAir) -> None:
    async with on_air(Timings(connect_s=3.0, silence_s=8.0)) as bench:
        strap = await bench.put(HeartRateStrap)
        await bench.put(HeartRateStrap)
        connector = await lost_in_a_connect(bench, strap)
        bench.radio.timings = Timings(silence_s=8.0)  # a slow machine may need more, and must not lose another link
        await again_and_again(connector)
        steps = [fields["step"] for code, fields in bench.events if code == "radio_step"]
        assert steps.count("power_cycle") == 1
        async with asyncio.timeout(20.0):
            while "device_found" not in bench.codes():  # noqa: ASYNC110 - at the radio's next look
                await asyncio.sleep(0.1)
        assert ("device_found", {"device": "device-1", "step": "power_cycle"}) in bench.events


@pytest.mark.usefixtures("fast_bench")
async def test_a_live_link_is_cut_for_another_device_after_three_silences(on_air: OnAir) -> None:
    async with on_air(Timings(connect_s=3.0, silence_s=10.0, rest_s=120.0)) as bench:
        strap, worn = await bench.put(HeartRateStrap), await bench.put(HeartRateStrap)
        connector = await lost_in_a_connect(bench, strap)
        began_s = bench.now_s()

        async def follow() -> None:
            async with bench.connector(worn, STRAP).connect() as connection:
                await connection.subscribe()
                while True:
                    await connection.receive()

        async with asyncio.TaskGroup() as tasks:
            found = tasks.create_task(use(connector))
            with pytest.raises(BleError):
                await follow()
            assert 30.0 <= bench.now_s() - began_s < 40.0
            await found


@pytest.mark.slow
@pytest.mark.usefixtures("fast_bench")
async def test_a_device_that_the_service_keeps_to_itself_is_shown_by_a_new_scan(on_air: OnAir) -> None:
    async with on_air() as bench:
        strap = await bench.put(HeartRateStrap)
        await bench.put(HeartRateStrap)
        bench.virtual.hub.hidden.add(strap.address)
        await use(bench.connector(strap, STRAP))
        assert bench.now_s() < 100.0
        await asyncio.sleep(20.0)
        assert bench.events[1:] == [("device_found", {"device": "device-1", "step": "rescan"})]


@pytest.mark.usefixtures("fast_bench")
async def test_a_device_that_is_off_is_looked_for_in_silence(on_air: OnAir, monkeypatch: pytest.MonkeyPatch) -> None:
    async with on_air(Timings(silence_s=10.0)) as bench:
        await bench.put(HeartRateStrap)
        scans, start = 0, bench.radio.scanner.start

        async def count() -> None:
            nonlocal scans
            scans += 1
            await start()

        monkeypatch.setattr(bench.radio.scanner, "start", count)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(use(bench.radio.connector("off", "C0:00:00:00:00:99", STRAP)), 100.0)
        assert scans == 4
        assert bench.codes() == ["adapter_on"]


async def test_bleak_asks_no_program_for_the_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "bluetoothctl"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/asked\n", encoding="ascii")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={tmp_path}/no-bus")
    monkeypatch.setattr(BlueZFeatures, "checked_bluez_version", False)
    BlueZ("hci0")
    client = BleakClient("C0:00:00:00:00:01", timeout=1.0)
    with pytest.raises((BleakError, OSError)):
        await client.connect()
    assert not (tmp_path / "asked").exists()
