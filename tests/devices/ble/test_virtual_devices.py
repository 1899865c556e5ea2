"""The habits and misbehaviours of virtual devices, as the hub's link sees them."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from hub_agent.devices.ble import BleConnector, BleError
from hub_agent.devices.link import Connection
from hub_agent.driver import BleLink, Match, sig_uuid
from hub_agent.simulate.ble_devices import (
    Cuff,
    GlucoseMeter,
    HeartRateStrap,
    NoninOximeter,
    O2Ring,
    Peripheral,
    PulseOximeter,
    Scale,
    Thermometer,
)

OnAir = Callable[..., Any]

RECORDS = sig_uuid(0x2A52)
NONIN = "0aad7ea0-0d60-11e2-8e3c-0002a5d5c51b"
RING = "0734594a-a8e7-4b1a-a6b1-cd5243059a57"
RING_WRITE = "8b00ace7-eb0b-49b0-bbe9-9aee0a26e1a3"
POLL = bytes.fromhex("aa17e8000000001b")
TIME = sig_uuid(0x2A08)

LIVE: list[tuple[type[Peripheral], str]] = [
    (HeartRateStrap, sig_uuid(0x2A37)),
    (PulseOximeter, sig_uuid(0x2A5F)),
    (NoninOximeter, NONIN),
]


def link(*notify: str, first: bool = False) -> BleLink:
    return BleLink(notify=notify, match=Match(), pairing="bond", open_before_subscribe=first)


async def data(connection: Connection) -> bytes:
    return (await connection.receive()).data


async def drained(connection: Connection) -> list[bytes]:
    """Take chunks until the link ends."""
    chunks: list[bytes] = []
    try:
        while True:
            chunks.append(await data(connection))
    except BleError:
        return chunks


async def talk(connection: Connection) -> None:
    """Take chunks until none comes; on a slow machine some are still on their way."""
    for _ in range(10):
        await asyncio.wait_for(connection.receive(), 5.0)


@pytest.mark.parametrize(("kind", "channel"), LIVE)
async def test_a_silent_device_stays_connected_and_is_heard_again(
    on_air: OnAir, kind: type[Peripheral], channel: str
) -> None:
    async with on_air() as bench:
        device = await bench.put(kind)
        async with bench.connector(device, link(channel)).connect() as connection:
            await connection.subscribe()
            await data(connection)
            device.silent()
            with pytest.raises(TimeoutError):
                await talk(connection)
            device.well()
            await data(connection)
            assert device.emitted >= 2


@pytest.mark.parametrize(("kind", "channel"), LIVE)
async def test_a_device_off_the_body_says_so_and_garbage_does_not_count(
    on_air: OnAir, kind: type[Peripheral], channel: str
) -> None:
    async with on_air() as bench:
        device = await bench.put(kind)
        async with bench.connector(device, link(channel)).connect() as connection:
            await connection.subscribe()
            on_body = await data(connection)
            device.nan()
            whole = 2
            while await data(connection) == on_body:  # on a slow machine some are on their way
                whole += 1
            device.garbage()
            while len(await data(connection)) != 1:
                whole += 1
            assert device.emitted == whole


async def test_what_a_link_held_when_it_ended_was_not_delivered(on_air: OnAir) -> None:
    async with on_air() as bench:
        strap = await bench.put(HeartRateStrap)
        async with bench.connector(strap, link(sig_uuid(0x2A37))).connect() as connection:
            await connection.subscribe()
            received = [await data(connection)]
            strap.out_of_range()
            received += await drained(connection)
        strap.in_range()
        await asyncio.sleep(5.0)
        assert strap.emitted == len(received)


async def test_a_device_whose_battery_is_pulled_is_gone_without_a_word(on_air: OnAir) -> None:
    async with on_air() as bench:
        strap = await bench.put(HeartRateStrap)
        connector = bench.connector(strap, link(sig_uuid(0x2A37)))
        async with connector.connect() as connection:
            await connection.subscribe()
            await strap.vanish()
            await drained(connection)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(_hold(connector), bench.never_s)
        await strap.power_on()
        async with connector.connect() as connection:
            await connection.subscribe()
            await data(connection)


async def _hold(connector: BleConnector) -> None:
    async with connector.connect() as connection:
        await connection.receive()


@pytest.mark.usefixtures("fast_bench")
@pytest.mark.parametrize(
    ("kind", "channel", "expected"),
    [(Cuff, 0x2A35, "1e7900"), (Thermometer, 0x2A1C, "064c0e00fe"), (Scale, 0x2A9D, "021437")],
)
async def test_a_momentary_device_sleeps_until_it_is_used(
    on_air: OnAir, kind: type[Any], channel: int, expected: str
) -> None:
    async with on_air() as bench:
        device = await bench.put(kind)
        connector = bench.connector(device, link(sig_uuid(channel), first=True))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(_hold(connector), 60.0)
        device.measure()
        async with connector.connect() as connection:
            await connection.write(TIME, bytes.fromhex("EA070B160A1E00"), response=True)
            await connection.subscribe()
            assert (await data(connection)).hex().startswith(expected)
            with pytest.raises(BleError):
                await connection.receive()
        assert (device.stored, device.emitted) == ([], 1)


@pytest.mark.usefixtures("fast_bench")
async def test_a_device_that_nobody_came_for_keeps_its_reading_for_the_next_time(on_air: OnAir) -> None:
    async with on_air() as bench:
        cuff = await bench.put(Cuff)
        cuff.measure()
        await asyncio.sleep(120.0)
        assert not cuff.device.is_advertising
        cuff.measure()
        async with bench.connector(cuff, link(sig_uuid(0x2A35), first=True)).connect() as connection:
            await connection.write(TIME, bytes.fromhex("EA070B160A1E00"), response=True)
            await connection.subscribe()
            assert len(await drained(connection)) == 2
        assert cuff.emitted == 2


async def test_a_spot_check_taken_alone_waits_in_memory_and_counts_once(on_air: OnAir) -> None:
    async with on_air() as bench:
        oximeter = await bench.put(PulseOximeter)
        for _ in range(2):
            await oximeter.spot_check()
        connector = bench.connector(oximeter, link(sig_uuid(0x2A5E), RECORDS))
        for _ in range(2):
            async with connector.connect() as connection:
                await connection.subscribe()
                await connection.write(RECORDS, b"\x01\x01", response=True)
                assert [len(await data(connection)) for _ in range(3)] == [14, 14, 4]
        async with connector.connect() as connection:
            await connection.subscribe()
            await oximeter.spot_check()
            assert (await data(connection))[-2:] == b"\x00\x01"
        assert oximeter.emitted == 3


async def test_a_meter_sends_a_fresh_result_at_once(on_air: OnAir) -> None:
    async with on_air() as bench:
        meter = await bench.put(GlucoseMeter)
        async with bench.connector(meter, link(sig_uuid(0x2A18), RECORDS)).connect() as connection:
            await connection.subscribe()
            await meter.measure()
            assert (await data(connection))[12:14] == bytes.fromhex("68b0")
        assert meter.emitted == 1


async def test_nonin_switches_off_when_the_measurement_is_complete(on_air: OnAir) -> None:
    async with on_air() as bench:
        nonin = await bench.put(NoninOximeter)
        nonin.set_battery(10)
        async with bench.connector(nonin, link(NONIN)).connect() as connection:
            await connection.subscribe()
            value = await data(connection)
            assert (value[1], value[2]) == (0x30, 21)
            await connection.write("1447af80-0d60-11e2-88b6-0002a5d5c51b", b"bNMI", response=True)
            await drained(connection)


async def test_a_ring_reads_requests_in_pieces_and_ignores_a_wrong_checksum(on_air: OnAir) -> None:
    async with on_air() as bench:
        ring = await bench.put(O2Ring)
        async with bench.connector(ring, link(RING)).connect() as connection:
            await connection.subscribe()
            await connection.write(RING_WRITE, POLL[:-1] + b"\x00", response=True)
            await connection.write(RING_WRITE, POLL[:5], response=True)
            await connection.write(RING_WRITE, POLL[5:], response=True)
            await data(connection)
            await data(connection)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(connection.receive(), bench.never_s)
        assert ring.emitted == 1
