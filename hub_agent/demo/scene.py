"""The scene of the demo: two virtual patients and four devices, the hub's configuration, and what goes wrong.

Owns: who measures whom, and the script. Never: runs the agent.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from hub_agent.demo.broker import HOST
from hub_agent.simulate import ble_devices
from hub_agent.simulate.pace import Pace
from hub_agent.simulate.physiology import Episode, Patient
from hub_agent.simulate.radio.air import Air
from hub_agent.simulate.serial_devices import VirtualSerial

HUB_ID: Final = "hub-demo"

FIRST_EPISODE: Final = Episode(at_s=8.0, spo2=84.0, over_s=4.0, for_s=8.0)
LATER_EPISODES: Final = tuple(Episode(at_s=at_s, spo2=82.0, over_s=6.0, for_s=10.0) for at_s in range(42, 36_000, 90))
"""A desaturation within the first 20 s, and again and again."""

MEASURE_EVERY_S: Final = 12.0
"""How often somebody in the scene takes a blood pressure and a temperature."""

_CONFIG: Final = """
[hub]
id = "{hub_id}"
state_dir = "state"
runtime_dir = "run"

[broker]
host = "{host}"
port = {port}
protocol = "{protocol}"
insecure = true
tls = "off"

[noc]
trust = "noc/noc-public.json"

[identity]
key = "identity.pem"

[[limits]]
measure = "spo2"
low = 90
hysteresis = 1
priority = "high"

[[limits]]
measure = "pulse"
low = 40
high = 130
priority = "medium"

[[devices]]
name = "oximeter"
driver = "gatt-pulse-oximeter"
address = "F0:00:00:00:00:01"
cadence_s = 1

[[devices]]
name = "strap"
driver = "gatt-heart-rate"
address = "F0:00:00:00:00:02"
cadence_s = 1

[[devices]]
name = "cuff"
driver = "{cuff_driver}"
address = "F0:00:00:00:00:03"

[[devices]]
name = "bedside"
driver = "masimo-ascii"
port = "bedside"
cadence_s = 1
"""


def configuration(port: int, protocol: str, cuff_driver: str = "gatt-blood-pressure") -> str:
    """Write the hub's configuration file; paths in it are relative to its directory."""
    return _CONFIG.format(hub_id=HUB_ID, host=HOST, port=port, protocol=protocol, cuff_driver=cuff_driver)


@dataclass(frozen=True, slots=True)
class Scene:
    """The virtual devices.

    Attributes:
        air: the radio they share.
        ble: those on it, by the hub's alias.
        serial: those on a line, by the hub's alias.
    """

    air: Air
    ble: dict[str, ble_devices.Peripheral]
    serial: dict[str, VirtualSerial]

    def emitted(self) -> int:
        """Count the readings that the devices really delivered."""
        return sum(one.emitted for one in self.ble.values()) + sum(one.emitted for one in self.serial.values())

    async def confirmed(self) -> None:
        """Wait until no device has a value under way that it does not count yet, or for 5 s."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(5.0):
                while any(one.indicating for one in self.ble.values()):  # noqa: ASYNC110 - asked once, at the end
                    await asyncio.sleep(0.01)

    def measure(self) -> None:
        """Let somebody take a blood pressure."""
        cuff = self.ble["cuff"]
        if isinstance(cuff, ble_devices.Momentary):
            cuff.measure()


def build(directory: Path, pace: Pace, began: datetime) -> Scene:
    """Make patients and devices; the first patient's oxygen falls, the second is well."""
    air = Air()
    ill = Patient(1, (FIRST_EPISODE, *LATER_EPISODES))
    well = Patient(2)

    def clock() -> ble_devices.DeviceClock:
        return ble_devices.DeviceClock(began, pace.now_s)

    return Scene(
        air,
        {
            "oximeter": ble_devices.PulseOximeter(air, "F0:00:00:00:00:01", ill, pace.now_s, clock=clock()),
            "strap": ble_devices.HeartRateStrap(air, "F0:00:00:00:00:02", ill, pace.now_s, clock=clock()),
            "cuff": ble_devices.Cuff(air, "F0:00:00:00:00:03", ill, pace.now_s, clock=clock()),
        },
        {"bedside": VirtualSerial("masimo", directory / "bedside", well, began, pace)},
    )


def names() -> Sequence[str]:
    """Give the aliases, in the order of the screen."""
    return ("oximeter", "strap", "cuff", "bedside")
