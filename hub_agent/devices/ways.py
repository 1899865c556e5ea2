"""The ways to the devices of one hub: its radio and its serial ports.

Owns: which kind of way a configured device takes, and the one radio that they share.
Never: runs a device, opens a radio that no device needs, or imports the library of a link that no device has.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hub_agent.clock import Clock
from hub_agent.config import Config, Device
from hub_agent.devices.link import Connector
from hub_agent.devices.ports import PortMatch
from hub_agent.driver import BleLink, Driver, SerialLink
from hub_agent.errors import ConfigError

if TYPE_CHECKING:
    from hub_agent.devices.ble.host import AskPasskey, Host
    from hub_agent.devices.ble.radio import Radio
    from hub_agent.devices.ble.serial_numbers import LocalState

OnEvent = Callable[[str, Mapping[str, Any]], None]
MakeHost = Callable[[], "Host"]


def port_match(device: Device, link: SerialLink) -> PortMatch:
    """Say how a serial device's port is recognised.

    Raises:
        ConfigError: the configuration names no port, and the driver knows no chip.
    """
    if device.port is not None:
        return PortMatch(path=device.port)
    if device.usb is not None:
        vendor, product, *serial = device.usb.split(":", 2)
        return PortMatch(usb=((int(vendor, 16), int(product, 16)),), serial_number=serial[0] if serial else None)
    if device.address is not None:
        raise ConfigError(f"device {device.name} is on a serial line", hint="give port or usb instead of address")
    return PortMatch(usb=link.usb)


class DeviceWays:
    """Gives each configured device its connector.

    Args:
        clock: stamps what arrives.
        radio: the radio; None when no device needs one.
        ask: gets the six digits that a device shows; None where nobody reads them, and such a device is not paired.
    """

    def __init__(self, clock: Clock, radio: "Radio | None", ask: "AskPasskey | None" = None) -> None:
        self._clock = clock
        self._radio = radio
        self._ask = ask

    def connector(self, device: Device, driver: Driver) -> Connector:
        """Give the way to a device.

        Raises:
            ConfigError: the configuration names no way, or one that the driver does not take.
        """
        link = driver.link
        match link:
            case BleLink():
                if device.address is None or self._radio is None:
                    raise ConfigError(
                        f"device {device.name}: driver {driver.name} is reached by BLE",
                        hint="give its address; `hub-agent devices scan` shows it",
                    )
                if device.pairing is not None:
                    link = replace(link, pairing=device.pairing)
                return self._radio.connector(device.name, device.address, link, ask=self._ask)
            case SerialLink():
                from hub_agent.devices.serial_port import SerialConnector  # noqa: PLC0415 - a home may have none

                return SerialConnector(link, port_match(device, link), self._clock)

    async def run(self) -> None:
        """Keep the radio scanning; returns at once when there is none."""
        if self._radio is not None:
            await self._radio.run()


def bluez() -> "Host":
    """Make the machine's own Bluetooth stack; its libraries are loaded only now."""
    from hub_agent.devices.ble.bluez import BlueZ  # noqa: PLC0415 - a home may have none

    return BlueZ()


def opener(make_host: MakeHost) -> Callable[[Config, Clock, OnEvent, "LocalState"], Any]:
    """Make what ``app.running`` opens its ways with; ``make_host`` is asked for a Bluetooth stack only when needed."""

    @asynccontextmanager
    async def open_ways(
        config: Config, clock: Clock, on_event: OnEvent, local: "LocalState"
    ) -> AsyncIterator[DeviceWays]:
        if any(device.address is not None for device in config.devices):
            from hub_agent.devices.ble.radio import Radio  # noqa: PLC0415 - a home may have none
            from hub_agent.devices.ble.serial_numbers import SerialNumbers  # noqa: PLC0415

            numbers = await SerialNumbers.load(local, {device.name for device in config.devices})
            async with Radio(make_host(), clock, on_event, serial_numbers=numbers).open() as radio:
                yield DeviceWays(clock, radio)
        else:
            yield DeviceWays(clock, None)

    return open_ways
