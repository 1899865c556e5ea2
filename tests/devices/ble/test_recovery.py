"""What the radio does when the adapter, the service or the air fails."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hub_agent.devices.ble import BleError, Timings, Trouble
from hub_agent.driver import BleLink, Match, sig_uuid
from hub_agent.simulate.ble_devices import HeartRateStrap
from hub_agent.simulate.radio.hub import Cure

OnAir = Callable[..., Any]

HEART_RATE = sig_uuid(0x2A37)
STRAP = BleLink(notify=(HEART_RATE,), match=Match(services=(sig_uuid(0x180D),)))


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
            async with asyncio.timeout(3 * 3600.0), absent.connect():
                pass
        assert 2 <= steps(bench.events).count("restart") <= 3
        assert "none" in steps(bench.events)


async def test_a_live_link_is_never_cut_to_heal_a_silent_scanner(on_air: OnAir) -> None:
    async with on_air() as bench:
        strap = await bench.put(HeartRateStrap)
        absent = bench.radio.connector("away", "C0:00:00:00:00:99", STRAP)

        async def wait_in_vain() -> None:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1000.0), absent.connect():
                    pass

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
        connector, failures = bench.connector(strap, STRAP), 0
        while strap.emitted == 0:
            try:
                async with connector.connect() as connection:
                    await connection.subscribe()
                    await connection.receive()
            except BleError as error:
                assert error.trouble is Trouble.BUSY
                failures += 1
        assert failures == times // 6


async def test_no_slot_is_said(on_air: OnAir) -> None:
    async with on_air() as bench:
        bench.virtual.hub.slots = 1
        first, second = await bench.put(HeartRateStrap), await bench.put(HeartRateStrap)
        async with bench.connector(first, STRAP).connect():
            with pytest.raises(BleError, match="slots") as caught:
                async with bench.connector(second, STRAP).connect():
                    pass
            assert caught.value.retry == "slowly"
        async with bench.connector(second, STRAP).connect():
            pass


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
        async with connector.connect() as connection:
            await connection.subscribe()
            await connection.receive()
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
        async with connector.connect() as connection:
            await connection.subscribe()
            await connection.receive()
        assert "bluetooth_gone" in bench.codes()


async def test_a_thousand_failed_connects_leave_nothing_behind(on_air: OnAir) -> None:
    async with on_air(Timings(connect_s=0.5)) as bench:
        strap = await bench.put(HeartRateStrap)
        bench.air.deafen(strap.controller)
        connector = bench.connector(strap, STRAP)

        async def fail(times: int) -> None:
            for _ in range(times):
                with pytest.raises(BleError):
                    async with connector.connect():
                        pass

        await fail(10)
        tasks, files = len(asyncio.all_tasks()), len(list(Path("/proc/self/fd").iterdir()))
        listeners = bench.virtual.hub.device.listeners("connection")
        await fail(990)
        assert len(asyncio.all_tasks()) == tasks
        assert len(os.listdir("/proc/self/fd")) == files  # noqa: PTH208
        assert len(bench.virtual.hub.device.listeners("connection")) == len(listeners)
        bench.air.cure(strap.controller)
        async with connector.connect() as connection:
            await connection.subscribe()
            await connection.receive()
