"""Virtual BLE devices: GATT peripherals with the bytes and the habits of real ones."""

from typing import Final, NamedTuple

from hub_agent.simulate.ble_devices.actor import BleActor
from hub_agent.simulate.ble_devices.meter import GlucoseMeter
from hub_agent.simulate.ble_devices.momentary import Cuff, Momentary, Scale, Thermometer
from hub_agent.simulate.ble_devices.o2ring import O2Ring
from hub_agent.simulate.ble_devices.oximeter import NoninOximeter, PulseOximeter
from hub_agent.simulate.ble_devices.parts import DeviceClock
from hub_agent.simulate.ble_devices.peripheral import Peripheral
from hub_agent.simulate.ble_devices.strap import HeartRateStrap


class Model(NamedTuple):
    """A kind of virtual device: what it is, for people, and what makes one."""

    title: str
    make: type[Peripheral]


MODELS: Final[dict[str, Model]] = {
    "pulse-oximeter": Model("oximeter of the Bluetooth profile, bonded, with a memory", PulseOximeter),
    "nonin-ble": Model("Nonin 3230", NoninOximeter),
    "o2ring": Model("Viatom O2Ring", O2Ring),
    "heart-rate-strap": Model("heart-rate strap of the Bluetooth profile", HeartRateStrap),
    "blood-pressure-cuff": Model("cuff of the Bluetooth profile, A&D's habits, bonded", Cuff),
    "thermometer": Model("thermometer of the Bluetooth profile, A&D's habits", Thermometer),
    "weight-scale": Model("scale of the Bluetooth profile, A&D's habits", Scale),
    "glucose-meter": Model("glucose meter of the Bluetooth profile, bonded", GlucoseMeter),
}
"""What ``hub-agent simulate`` offers on the air."""

__all__ = [
    "MODELS",
    "BleActor",
    "Cuff",
    "DeviceClock",
    "GlucoseMeter",
    "HeartRateStrap",
    "Model",
    "Momentary",
    "NoninOximeter",
    "O2Ring",
    "Peripheral",
    "PulseOximeter",
    "Scale",
    "Thermometer",
]
