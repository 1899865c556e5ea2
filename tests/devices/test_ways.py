"""Which way a configured device takes."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, cast

import pytest

from hub_agent.clock import SystemClock
from hub_agent.config import Config
from hub_agent.config.models import Device
from hub_agent.devices.ble.connector import BleConnector
from hub_agent.devices.ble.host import Host
from hub_agent.devices.ports import PortMatch
from hub_agent.devices.serial_port import SerialConnector
from hub_agent.devices.ways import DeviceWays, opener
from hub_agent.driver import BleLink, Driver, Match, SerialLink, decode_only
from hub_agent.errors import ConfigError
from tests.configs import config_of

_ADDRESS = "F0:00:00:00:00:01"
_BLE = Driver("b", "b", BleLink(("x",), Match()), frozenset(), decode_only({}))
_LINE = Driver("s", "s", SerialLink(9600), frozenset(), decode_only({}))
_OWN_CHIP = Driver("c", "c", SerialLink(9600, usb=((0x1234, 0xABCD),)), frozenset(), decode_only({}))


def _device(**fields: object) -> Device:
    return Device.model_validate({"name": "x", "driver": "d"} | fields)


def _serial(device: Device, driver: Driver) -> PortMatch:
    connector = DeviceWays(SystemClock(), None).connector(device, driver)
    assert isinstance(connector, SerialConnector)
    return connector._match


def test_a_serial_device_is_found_by_what_the_configuration_says() -> None:
    assert _serial(_device(port="/dev/ttyAMA0"), _LINE) == PortMatch(path=Path("/dev/ttyAMA0"))
    assert _serial(_device(usb="0403:6001"), _LINE) == PortMatch(usb=((0x0403, 0x6001),))
    assert _serial(_device(usb="0403:6001:A1"), _LINE) == PortMatch(usb=((0x0403, 0x6001),), serial_number="A1")


def test_a_device_with_a_chip_of_its_own_needs_no_word() -> None:
    assert _serial(_device(), _OWN_CHIP) == PortMatch(usb=((0x1234, 0xABCD),))


@pytest.mark.parametrize(
    ("device", "driver", "hint"),
    [
        (_device(), _LINE, "give a port or usb"),
        (_device(address=_ADDRESS), _LINE, "give port or usb instead of address"),
        (_device(port="/dev/ttyAMA0"), _BLE, "devices scan"),
        (_device(), _BLE, "devices scan"),
    ],
)
def test_a_way_that_the_driver_does_not_take_is_a_mistake(device: Device, driver: Driver, hint: str) -> None:
    with pytest.raises(ConfigError, match=hint):
        DeviceWays(SystemClock(), None).connector(device, driver)


def _no_stack() -> Host:
    raise AssertionError("nobody needs a radio")


def _ignore(_code: str, _fields: Mapping[str, Any]) -> None:
    pass


class _Stack:
    """As much of a Bluetooth stack as opening a radio takes."""

    scanner_args: Final[Mapping[str, Any]] = {}

    @asynccontextmanager
    async def watch(self, _changed: object) -> AsyncIterator[None]:
        yield


class _Nothing:
    """A fresh hub's local state."""

    async def state(self, _name: str) -> bytes | None:
        return None

    async def save(self, _name: str, _value: bytes) -> None:
        raise AssertionError("there is nothing to keep")


async def test_a_hub_without_ble_devices_never_asks_for_a_stack(tmp_path: Path) -> None:
    async with opener(_no_stack)(config_of(tmp_path), SystemClock(), _ignore, _Nothing()) as ways:
        await ways.run()  # returns at once


async def test_ble_devices_share_one_radio_and_pair_as_configured(tmp_path: Path) -> None:
    made: list[_Stack] = []

    def stack() -> Host:
        made.append(_Stack())
        return cast("Host", made[-1])

    device = f'[[devices]]\nname = "x"\ndriver = "gatt-heart-rate"\naddress = "{_ADDRESS}"\npairing = "passkey"\n'
    config: Config = config_of(tmp_path, device)
    async with opener(stack)(config, SystemClock(), _ignore, _Nothing()) as ways:
        connectors = [ways.connector(config.devices[0], _BLE) for _ in range(2)]
    assert len(made) == 1
    assert all(isinstance(connector, BleConnector) for connector in connectors)
    assert {connector._link.pairing for connector in connectors} == {"passkey"}
    assert {id(connector._shared) for connector in connectors} == {id(connectors[0]._shared)}
