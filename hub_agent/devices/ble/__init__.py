"""Bluetooth Low Energy: one radio for all devices, on bleak. The only place that imports it."""

from hub_agent.devices.ble.bluez import BlueZ
from hub_agent.devices.ble.connector import BleConnector
from hub_agent.devices.ble.host import AskPasskey, Host, OnEvent
from hub_agent.devices.ble.radio import Radio
from hub_agent.devices.ble.scanner import Sighting
from hub_agent.devices.ble.timings import Timings
from hub_agent.devices.ble.trouble import BleError, Trouble

__all__ = [
    "AskPasskey",
    "BleConnector",
    "BleError",
    "BlueZ",
    "Host",
    "OnEvent",
    "Radio",
    "Sighting",
    "Timings",
    "Trouble",
]
