"""Whoever has a device's address and not its serial number is not that device."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from hub_agent.devices.ble import BleConnector, BleError, Timings, Trouble
from hub_agent.devices.ble.serial_numbers import SerialNumbers
from hub_agent.driver import BleLink, Match, sig_uuid
from hub_agent.simulate.ble_devices import Cuff, HeartRateStrap, Peripheral, PulseOximeter

OnAir = Callable[..., Any]

OXIMETER = BleLink(notify=(sig_uuid(0x2A5F),), match=Match(services=(sig_uuid(0x1822),)), pairing="bond")
STRAP = BleLink(notify=(sig_uuid(0x2A37),), match=Match())
ADDRESS = "F0:00:00:00:00:01"


class Fresh:
    """The local state of a fresh hub, which forgets."""

    async def state(self, _name: str) -> bytes | None:
        return None

    async def save(self, _name: str, _value: bytes) -> None:
        pass


async def use(connector: BleConnector) -> int:
    """Connect, subscribe, take a chunk, let go; give how many came."""
    async with connector.connect() as connection:
        await connection.subscribe()
        await connection.receive()
    return 1


async def test_whoever_poses_as_a_device_is_not_read_and_is_told(on_air: OnAir) -> None:
    async with on_air() as bench:
        bench.radio.serial_numbers = await SerialNumbers.load(Fresh(), {"device-1"})
        oximeter = await bench.put(PulseOximeter)
        connector = bench.connector(oximeter, OXIMETER)
        await use(connector)
        genuine, oximeter.serial_number = oximeter.serial_number, "another"
        for _ in range(2):
            with pytest.raises(BleError, match="device-1: recognise: stranger") as caught:
                await use(connector)
            assert (caught.value.trouble, caught.value.retry) == (Trouble.STRANGER, "slowly")
            assert not oximeter.subscribed("2A5F")
        assert [event for event in bench.events if event[0] == "serial_changed"] == [
            ("serial_changed", {"device": "device-1"})
        ]
        oximeter.serial_number = genuine
        await use(connector)


async def test_a_number_that_is_no_longer_shown_is_another_number(on_air: OnAir) -> None:
    async with on_air() as bench:
        numbers = await SerialNumbers.load(Fresh(), {"device-1"})
        bench.radio.serial_numbers = numbers
        strap = await bench.put(HeartRateStrap)  # has no Device Information
        await numbers.agrees("device-1", strap.address, b"17")
        connector = bench.connector(strap, STRAP)
        for why in (
            "stale",
            "stranger",
            "stranger",
        ):  # first BlueZ is made to look again: it might remember an old table
            with pytest.raises(BleError, match=f"recognise: {why}"):
                await use(connector)
        assert strap.emitted == 0
        assert bench.codes()[-2:] == ["table_outdated", "serial_changed"]


@pytest.mark.usefixtures("fast_bench")
async def test_a_device_of_the_same_name_at_another_address_is_nobody(on_air: OnAir) -> None:
    async with on_air() as bench:
        poser = await bench.put(Cuff)
        poser.measure()
        connector = bench.radio.connector("cuff", ADDRESS, BleLink(notify=(sig_uuid(0x2A35),), match=Match()))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(use(connector), 60.0)
        assert (poser.emitted, poser.pairings) == (0, 0)


class Touchy(HeartRateStrap):
    """Loses the link whenever it is asked who it is."""

    asked = 0

    def build(self) -> None:
        """Add the serial number too."""
        super().build()
        self.add_information()

    def _serial_number(self) -> bytes:
        self.asked += 1
        self.out_of_range()
        return b""


@pytest.mark.usefixtures("fast_bench")
async def test_a_device_that_cannot_bear_the_question_is_asked_once(on_air: OnAir) -> None:
    async with on_air() as bench:
        bench.radio.serial_numbers = await SerialNumbers.load(Fresh(), {"device-1"})
        device = await bench.put(Touchy)
        connector = bench.connector(device, STRAP)
        with pytest.raises(BleError):
            await use(connector)
        device.in_range()
        for _ in range(2):
            assert await use(connector) == 1
        assert device.asked == 1


@pytest.mark.usefixtures("fast_bench")
async def test_a_known_device_that_does_not_answer_is_weather(on_air: OnAir) -> None:
    async with on_air(Timings(gatt_s=1.0)) as bench:
        numbers = await SerialNumbers.load(Fresh(), {"device-1"})
        bench.radio.serial_numbers = numbers
        device: Peripheral = await bench.put(Touchy)
        await numbers.agrees("device-1", device.address, b"17")
        with pytest.raises(BleError) as caught:
            await use(bench.connector(device, STRAP))
        assert caught.value.trouble is not Trouble.STRANGER
        assert "serial_changed" not in bench.codes()
