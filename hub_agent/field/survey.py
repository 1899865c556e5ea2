"""Looks for devices: who advertises, and what is plugged in.

Owns: matching what is found against the drivers there are.
Never: connects to anything.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hub_agent.clock import Clock
from hub_agent.devices.ble.scanner import Sighting
from hub_agent.devices.ports import DEV, SYSFS, Port, list_ports
from hub_agent.driver import BleLink, Driver, SerialLink
from hub_agent.field.reach import RADIO_REMEDY, MakeHost, radio_running

Drivers = Mapping[str, Driver]


@dataclass(frozen=True, slots=True)
class Found:
    """What a survey found.

    Attributes:
        ble: who advertised, loudest first, with the drivers that match.
        serial: USB serial ports, each with the drivers that know the chip as their device's own.
        radio: why there is no radio; empty when there is one.
    """

    ble: tuple[Sighting, ...]
    serial: tuple[tuple[Port, tuple[str, ...]], ...]
    radio: str = ""

    def missing(self) -> Iterator[str]:
        """Say what was not found, and what to do."""
        if self.radio:
            yield f"No radio ({self.radio}): {RADIO_REMEDY}"
        elif not self.ble:
            yield "Nobody was heard: switch the device on, near the hub, and scan while it is in use."
        if not self.serial:
            yield "No USB serial adapter is plugged in."

    def plain(self) -> dict[str, Any]:
        """Spell it for programs."""
        ble = [
            {"address": one.address, "name": one.name, "rssi_dbm": one.rssi_dbm, "drivers": list(one.drivers)}
            for one in self.ble
        ]
        serial = [
            {"port": str(port.device), "usb": usb_id(port), "serial": port.serial_number, "drivers": list(drivers)}
            for port, drivers in self.serial
        ]
        return {"ble": ble, "serial": serial, "radio": self.radio or "ok"}


def usb_id(port: Port) -> str:
    """Spell a port's USB identity as configuration files do; empty for a port of the board."""
    return "" if port.usb is None else f"{port.usb[0]:04x}:{port.usb[1]:04x}"


async def survey(
    seconds: float, drivers: Drivers, make_host: MakeHost, clock: Clock, *, sysfs: Path = SYSFS, dev: Path = DEV
) -> Found:
    """Listen for so long, and look at the ports."""
    trouble = ""

    def on_event(code: str, fields: Mapping[str, Any]) -> None:
        nonlocal trouble
        if code == "radio_down":
            trouble = str(fields["reason"])
        elif code == "radio_up":
            trouble = ""

    matches = {driver.name: driver.link.match for driver in drivers.values() if isinstance(driver.link, BleLink)}
    async with radio_running(make_host, clock, on_event) as radio:
        heard = await radio.survey(seconds, matches)
    return Found(heard, ports(drivers, sysfs=sysfs, dev=dev), trouble)


def ports(drivers: Drivers, *, sysfs: Path = SYSFS, dev: Path = DEV) -> tuple[tuple[Port, tuple[str, ...]], ...]:
    """List the USB serial ports with the drivers that fit."""
    chips = {driver.name: driver.link.usb for driver in drivers.values() if isinstance(driver.link, SerialLink)}
    return tuple(
        (port, tuple(sorted(name for name, usb in chips.items() if port.usb in usb)))
        for port in list_ports(sysfs=sysfs, dev=dev)
    )
