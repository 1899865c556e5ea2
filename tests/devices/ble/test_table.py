"""New firmware moves characteristics, and the Bluetooth service remembers where they were."""

from collections.abc import Callable
from typing import Any

import pytest

from hub_agent.devices.ble import BleConnector, BleError
from hub_agent.driver import BleLink, Match, sig_uuid
from hub_agent.simulate.ble_devices import HeartRateStrap, PulseOximeter
from hub_agent.simulate.ble_devices.gatt import Properties

OnAir = Callable[..., Any]

STRAP = BleLink(notify=(sig_uuid(0x2A37),), match=Match(), read=(sig_uuid(0x2A19),))
OXIMETER = BleLink(notify=(sig_uuid(0x2A5F),), match=Match(), pairing="bond")
DIGITS = BleLink(notify=(sig_uuid(0x2A5F),), match=Match(), pairing="passkey")
MORE = 16
"""Characteristics of the service that the new firmware has no more: all others move far down."""


async def use(connector: BleConnector) -> None:
    """Connect, subscribe, take a notification, let go."""
    async with connector.connect() as connection:
        await connection.subscribe()
        while (await connection.receive()).channel == sig_uuid(0x2A19):
            pass


async def failures(connector: BleConnector) -> int:
    """Use the device, again and again; give how often that failed."""
    for count in range(5):
        try:
            await use(connector)
        except BleError:
            continue
        return count
    pytest.fail("it never came back")


class Flashed:
    """A device without a Database Hash, whose firmware can change."""

    device: Any
    add: Any
    characteristic: Any
    build: Callable[[], None]

    def flash(self, *, more: int, measures: bool = True) -> None:
        """Lay out the table anew, with so many characteristics before those that matter."""
        server = self.device.gatt_server
        for table in (server.attributes, server.services, server.attributes_by_handle):
            table.clear()
        self.device.add_default_services(add_gatt_service=False)
        if more:
            self.add("FFF0", *(self.characteristic(f"FF{n:02X}", Properties.READ, value=b"0") for n in range(more)))
        if measures:
            self.build()


class Strap(Flashed, HeartRateStrap):
    """A chest strap without a bond."""


class Oximeter(Flashed, PulseOximeter):
    """A bonded oximeter."""


@pytest.mark.usefixtures("fast_bench")
async def test_a_table_that_moved_is_read_again(on_air: OnAir) -> None:
    async with on_air() as bench:
        strap = await bench.put(Strap)
        strap.flash(more=MORE)
        connector = bench.connector(strap, STRAP)
        await use(connector)
        strap.flash(more=0)
        assert await failures(connector) == 1
        assert bench.codes().count("table_outdated") == 1
        assert await failures(connector) == 0


async def test_what_new_firmware_has_more_is_found(on_air: OnAir) -> None:
    async with on_air() as bench:
        strap = await bench.put(Strap)
        strap.flash(more=MORE, measures=False)
        connector = bench.connector(strap, STRAP)
        with pytest.raises(BleError, match="unsuitable"):
            await use(connector)
        strap.flash(more=0)
        assert await failures(connector) == 0
        assert bench.codes().count("table_outdated") == 1


async def test_a_driver_that_does_not_fit_looks_again_only_once(on_air: OnAir) -> None:
    async with on_air() as bench:
        strap = await bench.put(HeartRateStrap)
        connector = bench.connector(strap, BleLink(notify=(sig_uuid(0x2A5F),), match=Match()))
        for _ in range(4):
            with pytest.raises(BleError, match="unsuitable"):
                await use(connector)
        assert bench.codes().count("table_outdated") == 1


@pytest.mark.usefixtures("fast_bench")
async def test_a_bond_goes_with_its_table_where_it_can_be_made_again(on_air: OnAir) -> None:
    async with on_air() as bench:
        oximeter = await bench.put(Oximeter)
        oximeter.flash(more=MORE)
        connector = bench.connector(oximeter, OXIMETER)
        await use(connector)
        oximeter.flash(more=0)
        assert await failures(connector) == 1
        assert oximeter.pairings == 2
        codes = [code for code in bench.codes() if code != "adapter_on"]
        assert codes == ["bond_made", "table_outdated", "bond_made"]


@pytest.mark.usefixtures("fast_bench")
async def test_a_bond_that_took_somebody_to_read_digits_is_kept(on_air: OnAir) -> None:
    async with on_air() as bench:
        oximeter = await bench.put(Oximeter, passkey=123456)
        oximeter.flash(more=MORE)

        async def ask() -> int:
            return 123456

        connector = bench.radio.connector("device-1", oximeter.address, DIGITS, ask=ask)
        await use(connector)
        oximeter.flash(more=0)
        for _ in range(3):
            with pytest.raises(BleError):
                await use(connector)
        assert oximeter.pairings == 1
        assert "table_outdated" not in bench.codes()
