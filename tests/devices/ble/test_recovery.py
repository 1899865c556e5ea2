"""What the radio does when the adapter, the service or the air fails."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hub_agent.devices.ble import BleConnector, BleError, Timings, Trouble
from hub_agent.driver import BleLink, Match, sig_uuid
from hub_agent.simulate.ble_devices import HeartRateStrap
from hub_agent.simulate.radio.hub import Cure

OnAir = Callable[..., Any]

pytestmark = pytest.mark.usefixtures("fast_bench")

HEART_RATE = sig_uuid(0x2A37)
STRAP = BleLink(notify=(HEART_RATE,), match=Match(services=(sig_uuid(0x180D),)))


async def use(connector: BleConnector) -> None:
    """Connect, subscribe, take a chunk, let go."""
    async with connector.connect() as connection:
        await connection.subscribe()
        await connection.receive()


def steps(codes: list[tuple[str, Any]]) -> list[str]:
    return [fields["step"] for code, fields in codes if code == "radio_step"]


@pytest.mark.parametrize(
    ("cure", "taken"),
    [
        ("rescan", ["rescan"]),
        ("power_cycle", ["rescan", "power_cycle"]),
        ("restart", ["rescan", "power_cycle", "restart"]),
    ],
)
async def test_a_silent_scanner_climbs_the_ladder(on_air: OnAir, cure: Cure, taken: list[str]) -> None:
    async with on_air() as bench:
        strap = await bench.put(HeartRateStrap)
        bench.virtual.numb(cure)
        async with bench.connector(strap, STRAP).connect() as connection:
            await connection.subscribe()
            await connection.receive()
            await asyncio.sleep(60.0)
        assert steps(bench.events) == taken
        assert bench.codes().count("radio_silent") == 1
        assert bench.codes()[-1] == "radio_heard"


async def test_nobody_awaited_is_no_reason_to_worry(on_air: OnAir) -> None:
    async with on_air() as bench:
        await asyncio.sleep(3600.0)
        assert bench.codes() == ["adapter_on"]


async def test_the_ladder_rests_after_the_top(on_air: OnAir) -> None:
    async with on_air() as bench:
        absent = bench.radio.connector("away", "C0:00:00:00:00:99", STRAP)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(use(absent), 3 * 3600.0)
        assert 2 <= steps(bench.events).count("restart") <= 3
        assert "none" in steps(bench.events)


async def test_a_live_link_is_never_cut_to_heal_a_silent_scanner(on_air: OnAir) -> None:
    async with on_air() as bench:
        strap = await bench.put(HeartRateStrap)
        absent = bench.radio.connector("away", "C0:00:00:00:00:99", STRAP)

        async def wait_in_vain() -> None:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(use(absent), 1000.0)

        async with bench.connector(strap, STRAP).connect() as connection, asyncio.TaskGroup() as tasks:
            await connection.subscribe()
            tasks.create_task(wait_in_vain())
            for _ in range(1000):
                await connection.receive()
        assert steps(bench.events) == ["rescan"]


@pytest.mark.parametrize("times", [1, 5, 20])
async def test_in_progress_is_waited_out(on_air: OnAir, times: int) -> None:
    async with on_air() as bench:
        strap = await bench.put(HeartRateStrap)
        bench.virtual.busy(times)
        connector = bench.connector(strap, STRAP)
        failures: list[Trouble] = []
        while strap.emitted == 0:
            try:
                await use(connector)
            except BleError as error:
                failures.append(error.trouble)
        assert failures in ([Trouble.BUSY] * few for few in range(times // 6 + 1))


async def test_an_adapter_that_stays_busy_is_power_cycled_though_the_scanner_hears(on_air: OnAir) -> None:
    async with on_air() as bench:
        strap = await bench.put(HeartRateStrap)
        bench.virtual.busy(1000)
        for _ in range(2):
            with pytest.raises(BleError, match="busy"):
                await use(bench.connector(strap, STRAP))
        await asyncio.sleep(1.0)
        await use(bench.connector(strap, STRAP))
        assert steps(bench.events) == ["rescan", "power_cycle"]


async def test_a_service_that_answers_nobody_does_not_keep_the_others_waiting(on_air: OnAir) -> None:
    async with on_air(Timings(connect_s=3.0, disconnect_s=2.0)) as bench:
        strap, deaf = await bench.put(HeartRateStrap), await bench.put(HeartRateStrap)
        bench.air.deafen(deaf.controller)
        bench.virtual.hub.hung = True
        with pytest.raises(BleError, match="connect: timeout"):
            await use(bench.connector(deaf, STRAP))
        assert bench.now_s() < 10.0
        await use(bench.connector(strap, STRAP))


async def test_no_slot_is_said(on_air: OnAir) -> None:
    async with on_air() as bench:
        bench.virtual.hub.slots = 1
        first, second = await bench.put(HeartRateStrap), await bench.put(HeartRateStrap)
        async with bench.connector(first, STRAP).connect():
            with pytest.raises(BleError, match="slots") as caught:
                await use(bench.connector(second, STRAP))
            assert caught.value.retry == "slowly"
        await use(bench.connector(second, STRAP))


async def test_a_switched_off_adapter_is_switched_on_again(on_air: OnAir) -> None:
    async with on_air() as bench:
        strap = await bench.put(HeartRateStrap)
        connector = bench.connector(strap, STRAP)
        async with connector.connect() as connection:
            await connection.subscribe()
            await connection.receive()
            await bench.virtual.switch_off()
            with pytest.raises(BleError) as caught:
                await connection.receive()
            assert caught.value.trouble in {Trouble.ADAPTER_OFF, Trouble.LOST}
        await use(connector)
        assert bench.codes() == ["adapter_on", "adapter_off", "adapter_on"]


async def test_a_dead_service_is_survived(on_air: OnAir) -> None:
    async with on_air() as bench:
        strap = await bench.put(HeartRateStrap)
        connector = bench.connector(strap, STRAP)
        async with connector.connect() as connection:
            await connection.subscribe()
            await connection.receive()
            await bench.virtual.crash()
            with pytest.raises(BleError):
                await connection.receive()
        await use(connector)
        assert "bluetooth_gone" in bench.codes()


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize("times", [100, pytest.param(1000, marks=pytest.mark.slow)])
async def test_failed_connects_leave_nothing_behind(on_air: OnAir, times: int) -> None:
    async with on_air(Timings(connect_s=0.5)) as bench:
        strap = await bench.put(HeartRateStrap)
        bench.air.deafen(strap.controller)
        connector, hub = bench.connector(strap, STRAP), bench.virtual.hub.device

        async def fail(count: int) -> tuple[int, int, int]:
            for _ in range(count):
                with pytest.raises(BleError):
                    await use(connector)
            return len(asyncio.all_tasks()), open_files(), len(hub.listeners("connection"))

        assert await fail(5) == await fail(times)
        bench.air.cure(strap.controller)
        await use(connector)
