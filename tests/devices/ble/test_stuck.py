"""An adapter that hears everybody and reaches nobody."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from bleak.exc import BleakDBusError, BleakError

from hub_agent.devices.ble import BleConnector, BleError, Timings
from hub_agent.driver import BleLink, Match, sig_uuid
from hub_agent.simulate.ble_devices import HeartRateStrap

OnAir = Callable[..., Any]

STRAP = BleLink(notify=(sig_uuid(0x2A37),), match=Match(services=(sig_uuid(0x180D),)))


async def use(connector: BleConnector) -> None:
    async with connector.connect() as connection:
        await connection.subscribe()
        await connection.receive()


async def again_and_again(connector: BleConnector) -> None:
    """Try as the runner does, until the device is read."""
    while True:
        try:
            return await use(connector)
        except BleError:
            await asyncio.sleep(0.5)


def steps(bench: Any) -> list[str]:  # noqa: ANN401 - tests import no conftest
    return [fields["step"] for code, fields in bench.events if code == "radio_step"]


async def test_an_adapter_that_completes_no_connect_is_power_cycled(on_air: OnAir) -> None:
    async with on_air(Timings(connect_s=2.0, silence_s=5.0)) as bench:
        straps = [await bench.put(HeartRateStrap) for _ in range(2)]
        bench.controller.stuck = True
        async with asyncio.timeout(200.0), asyncio.TaskGroup() as tasks:
            for strap in straps:
                tasks.create_task(again_and_again(bench.connector(strap, STRAP)))
        assert steps(bench)[:2] == ["rescan", "power_cycle"]
        assert "radio_silent" not in bench.codes()


@pytest.mark.usefixtures("fast_bench")
@pytest.mark.parametrize(
    "error",
    [
        BleakDBusError("org.bluez.Error.Failed", ["le-connection-abort-by-local"]),
        BleakDBusError("org.bluez.Error.Failed", ["le-connection-concurrent-connection-limit"]),
        BleakError("device 'dev_C0_00_00_00_00_01' not found"),
    ],
    ids=["aborted", "full though nobody is linked", "not known though heard"],
)
async def test_whatever_bluez_calls_it_the_ladder_is_climbed(on_air: OnAir, error: BleakError) -> None:
    async with on_air(Timings(silence_s=15.0)) as bench:
        strap = await bench.put(HeartRateStrap)
        bench.virtual.hub.faults.extend([error] * 10_000)
        await again_and_again(bench.connector(strap, STRAP))
        assert steps(bench) == ["rescan", "power_cycle"]
        assert 60.0 <= bench.now_s() < 70.0


@pytest.mark.slow
@pytest.mark.usefixtures("fast_bench")
async def test_a_device_that_cannot_be_reached_costs_a_climb_and_then_a_rest(on_air: OnAir) -> None:
    async with on_air(Timings(connect_s=3.0, silence_s=10.0, rest_s=200.0)) as bench:
        strap = await bench.put(HeartRateStrap)
        bench.air.deafen(strap.controller)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(again_and_again(bench.connector(strap, STRAP)), 500.0)
        assert steps(bench)[:4] == ["rescan", "power_cycle", "restart", "none"]
        assert steps(bench).count("power_cycle") == steps(bench).count("restart") == 2


@pytest.mark.usefixtures("fast_bench")
async def test_no_live_link_is_cut_for_those_who_cannot_be_reached(on_air: OnAir) -> None:
    async with on_air(Timings(connect_s=3.0, silence_s=10.0)) as bench:
        worn, strap = await bench.put(HeartRateStrap), await bench.put(HeartRateStrap)
        async with bench.connector(worn, STRAP).connect() as connection, asyncio.TaskGroup() as tasks:
            await connection.subscribe()
            bench.air.deafen(strap.controller)
            trying = tasks.create_task(again_and_again(bench.connector(strap, STRAP)))
            for _ in range(200):
                await connection.receive()
            trying.cancel()
        assert steps(bench) == ["rescan"]


@pytest.mark.slow
@pytest.mark.usefixtures("fast_bench")
async def test_one_who_can_be_reached_clears_the_adapter(on_air: OnAir) -> None:
    async with on_air(Timings(connect_s=3.0, silence_s=10.0)) as bench:
        fine, strap = await bench.put(HeartRateStrap), await bench.put(HeartRateStrap)
        bench.air.deafen(strap.controller)

        async def now_and_then() -> None:
            for _ in range(15):
                await use(bench.connector(fine, STRAP))
                await asyncio.sleep(15.0)

        async with asyncio.TaskGroup() as tasks:
            trying = tasks.create_task(again_and_again(bench.connector(strap, STRAP)))
            await now_and_then()
            trying.cancel()
        assert steps(bench) == []
