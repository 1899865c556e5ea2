"""A heart rate strap: 1 Hz, RR intervals, skin contact, no bond.

Owns: the Heart Rate Service (0x180D). Never: remembers anything.
"""

import asyncio
from typing import ClassVar

from hub_agent.simulate import encoders
from hub_agent.simulate.ble_devices.gatt import Properties
from hub_agent.simulate.ble_devices.parts import Fault
from hub_agent.simulate.ble_devices.peripheral import Peripheral


class HeartRateStrap(Peripheral):
    """Sends as long as somebody listens; without skin contact it says so and reports rate 0."""

    name: ClassVar = "HRM strap"
    advertised: ClassVar = "180D"

    def build(self) -> None:
        """Heart rate, body location (1: chest), battery."""
        self.add(
            "180D",
            self.characteristic("2A37", Properties.NOTIFY),
            self.characteristic("2A38", Properties.READ, value=b"\x01"),
        )
        self.add_battery()

    async def live(self) -> None:
        """Send once a second the beats of that second."""
        while True:
            await asyncio.sleep(1.0)
            now = self.vitals()
            if self.fault is Fault.NAN:
                value = encoders.heart_rate(None)
            else:
                beats = max(1, round(now.pulse / 60))
                value = encoders.heart_rate(now.pulse, now.rr_ms[-beats:])
            await self.notify("2A37", value)
