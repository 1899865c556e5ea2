"""Virtual BLE devices: GATT peripherals with the bytes and the habits of real ones."""

from hub_agent.simulate.ble_devices.meter import GlucoseMeter
from hub_agent.simulate.ble_devices.momentary import Cuff, Momentary, Scale, Thermometer
from hub_agent.simulate.ble_devices.o2ring import O2Ring
from hub_agent.simulate.ble_devices.oximeter import NoninOximeter, PulseOximeter
from hub_agent.simulate.ble_devices.parts import DeviceClock
from hub_agent.simulate.ble_devices.peripheral import Peripheral
from hub_agent.simulate.ble_devices.strap import HeartRateStrap

__all__ = [
    "Cuff",
    "DeviceClock",
    "GlucoseMeter",
    "HeartRateStrap",
    "Momentary",
    "NoninOximeter",
    "O2Ring",
    "Peripheral",
    "PulseOximeter",
    "Scale",
    "Thermometer",
]
