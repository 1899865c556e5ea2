"""A glucose meter: bonded, quiet, with a memory that is read by record access.

Owns: the Glucose Service (0x1808).
Never: sends a measurement unasked, except one taken while the hub listens.
"""

from typing import ClassVar, Final

from hub_agent.simulate import encoders
from hub_agent.simulate.ble_devices.gatt import Properties
from hub_agent.simulate.ble_devices.parts import Fault
from hub_agent.simulate.ble_devices.peripheral import Peripheral
from hub_agent.simulate.ble_devices.records import CONTROL_POINT, Memory, Record

_MEASUREMENT: Final = "2A18"


class GlucoseMeter(Peripheral):
    """Numbers its records; answers requests by sequence number."""

    name: ClassVar = "meter+00000001"
    advertised: ClassVar = "1808"
    bonded: ClassVar = True

    def build(self) -> None:
        """Measurement, features, memory, battery."""
        self.memory = Memory()
        self._sequence = 0
        self.add(
            "1808",
            self.characteristic(_MEASUREMENT, Properties.NOTIFY),
            self.characteristic("2A51", Properties.READ, value=bytes(2)),
            self.characteristic(CONTROL_POINT, Properties.WRITE | Properties.INDICATE, written=self._on_request),
        )
        self.add_battery()

    async def measure(self) -> None:
        """Take a drop of blood: stored always, and sent at once when the hub listens."""
        self._sequence += 1
        level = None if self.fault is Fault.NAN else self.vitals().glucose
        record = Record(self._sequence, encoders.glucose(self._sequence, self.clock.local(), level))
        self.memory.records.append(record)
        if self.subscribed(_MEASUREMENT):
            await self._send(record)

    async def _send(self, record: Record) -> None:
        first, record.delivered = not record.delivered, True
        await self.notify(_MEASUREMENT, record.value, readings=int(first))

    def _on_request(self, request: bytes) -> None:
        async def carry_out() -> None:
            answer = self.memory.answer(request)
            for record in answer.records:
                await self._send(record)
            await self.indicate(CONTROL_POINT, answer.response, readings=0)

        self.later(carry_out)
