"""Who is recognised, and what counts as being heard."""

import asyncio

import pytest
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData

from hub_agent.devices.ble.scanner import Scanner, matches
from hub_agent.devices.ble.timings import Timings
from hub_agent.driver import Match, sig_uuid

PLX, HRS = sig_uuid(0x1822), sig_uuid(0x180D)


def said(name: str = "", services: tuple[str, ...] = (), makers: tuple[int, ...] = ()) -> AdvertisementData:
    return AdvertisementData(name or None, dict.fromkeys(makers, b""), {}, list(services), None, -60, ())


@pytest.mark.parametrize(
    ("match", "advertisement", "fits"),
    [
        (Match(names=("Nonin3230",)), said("Nonin3230_501234"), True),
        (Match(names=("Nonin3230",)), said("My Nonin3230"), False),
        (Match(names=("Nonin3230",)), said(), False),
        (Match(services=(PLX, HRS)), said(services=(HRS,)), True),
        (Match(services=(PLX,)), said(services=(HRS,)), False),
        (Match(manufacturers=(0x006B,)), said(makers=(0x006B,)), True),
        (Match(names=("PC-60",), services=(PLX,)), said("PC-60NW", services=(HRS,)), False),
        (Match(names=("PC-60",), services=(PLX,)), said("PC-60NW", services=(HRS, PLX)), True),
        (Match(), said("anybody", services=(PLX,)), False),
    ],
)
def test_every_given_part_must_fit(match: Match, advertisement: AdvertisementData, *, fits: bool) -> None:
    assert matches(match, advertisement) is fits


async def test_an_empty_advertisement_is_not_a_sign_of_life() -> None:
    scanner, device = Scanner({}, Timings()), BLEDevice("C0:00:00:00:00:01", None, {})
    scanner._on_advertisement(device, said())
    assert scanner.heard == 0
    scanner._on_advertisement(device, said("somebody"))
    assert scanner.heard == 1


async def test_a_device_that_bluez_only_remembers_is_not_heard() -> None:
    scanner = Scanner({}, Timings())
    scanner._on_advertisement(BLEDevice("C0:00:00:00:00:01", None, {}), said("cuff")._replace(rssi=-127))
    assert scanner.heard == 0


async def test_strangers_are_not_remembered() -> None:
    scanner = Scanner({}, Timings())
    scanner.know("C0:00:00:00:00:01")
    for number in range(1000):
        scanner._on_advertisement(BLEDevice(f"C0:00:00:00:{number >> 8:02X}:{number & 0xFF:02X}", None, {}), said("x"))
    assert list(scanner._known) == ["C0:00:00:00:00:01"]
    assert scanner.rssi_dbm("C0:00:00:00:00:01") == -60
    assert scanner.fresh("C0:00:00:00:00:01")


async def test_waiting_ends_with_the_waiter() -> None:
    scanner = Scanner({}, Timings())
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(scanner.sighting("C0:00:00:00:00:01"), 5.0)
    assert scanner.awaited == ()
