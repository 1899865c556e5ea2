"""Pulse oximeters: the SIG profile (continuous, spot-check, memory) and Nonin's own service.

Owns: the Pulse Oximeter Service (0x1822) and Nonin's oximetry service.
Never: sends before the hub subscribed.
"""

import asyncio
from typing import ClassVar, Final

from hub_agent.simulate import encoders
from hub_agent.simulate.ble_devices.gatt import Properties
from hub_agent.simulate.ble_devices.parts import Fault
from hub_agent.simulate.ble_devices.peripheral import Peripheral
from hub_agent.simulate.ble_devices.records import CONTROL_POINT, Memory, Record

_CONTINUOUS: Final = "2A5F"
_SPOT: Final = "2A5E"

# PLX Features (0x2A60): measurement status, sensor status, stored spot-checks, time stamp and amplitude are supported;
# then which status bits are.
_FEATURES: Final = bytes.fromhex("4F00 2003 000200")


class PulseOximeter(Peripheral):
    """Bonded. Continuous at 1 Hz; spot-checks go out at once, or into memory while nobody is connected."""

    name: ClassVar = "PLX oximeter"
    advertised: ClassVar = "1822"
    bonded: ClassVar = True

    def build(self) -> None:
        """Measurements, features, memory, clock, battery, serial number."""
        self.memory = Memory()
        self._sequence = 0
        self.add(
            "1822",
            self.characteristic(_SPOT, Properties.INDICATE),
            self.characteristic(_CONTINUOUS, Properties.NOTIFY),
            self.characteristic("2A60", Properties.READ, value=_FEATURES),
            self.characteristic(CONTROL_POINT, Properties.WRITE | Properties.INDICATE, written=self._on_request),
        )
        self.add_battery()
        self.add_information()

    async def live(self) -> None:
        """Send once a second."""
        while True:
            await asyncio.sleep(1.0)
            now = self.vitals()
            if self.fault is Fault.NAN:
                value = encoders.plx_continuous(None, None, None)
            else:
                value = encoders.plx_continuous(now.spo2, now.pulse, now.perfusion)
            await self.notify(_CONTINUOUS, value)

    async def spot_check(self) -> None:
        """Take a spot-check: indicate it, or keep it in memory until it is asked for."""
        now, at = self.vitals(), self.clock.local()
        if self.subscribed(_SPOT) and await self.indicate(
            _SPOT, encoders.plx_spot(now.spo2, now.pulse, at, stored=False)
        ):
            return
        self._sequence += 1
        self.memory.records.append(Record(self._sequence, encoders.plx_spot(now.spo2, now.pulse, at, stored=True)))

    def _on_request(self, request: bytes) -> None:
        async def carry_out() -> None:
            answer = self.memory.answer(request)
            for record in answer.records:
                if not await self.indicate(_SPOT, record.value, readings=int(not record.delivered)):
                    return
                record.delivered = True
            await self.indicate(CONTROL_POINT, answer.response, readings=0)

        self.later(carry_out)


NONIN_SERVICE: Final = "46A970E0-0D5F-11E2-8B5E-0002A5D5C51B"
NONIN_OXIMETRY: Final = "0AAD7EA0-0D60-11E2-8E3C-0002A5D5C51B"
NONIN_CONTROL: Final = "1447AF80-0D60-11E2-88B6-0002A5D5C51B"
_NONIN_DONE: Final = b"bNMI"


class NoninOximeter(Peripheral):
    """A Nonin 3230: no bond needed, 1 Hz, and it switches itself off when the hub writes "measurement complete"."""

    name: ClassVar = "Nonin3230"
    advertised: ClassVar = NONIN_SERVICE

    def build(self) -> None:
        """Continuous oximetry and the control point."""
        self._counter = 0
        self.add(
            NONIN_SERVICE,
            self.characteristic(NONIN_OXIMETRY, Properties.NOTIFY),
            self.characteristic(NONIN_CONTROL, Properties.WRITE, written=self._on_control),
        )

    @property
    def volts(self) -> float:
        """The battery: two AAA cells, from 3.0 V down to 2.0 V."""
        return 2.0 + self.battery / 100

    async def live(self) -> None:
        """Send once a second."""
        while True:
            await asyncio.sleep(1.0)
            self._counter += 1
            now = self.vitals()
            if self.fault is Fault.NAN:
                value = encoders.nonin_nco(None, None, None, self._counter, self.volts)
            else:
                value = encoders.nonin_nco(now.spo2, now.pulse, now.perfusion, self._counter, self.volts)
            await self.notify(NONIN_OXIMETRY, value)

    def _on_control(self, value: bytes) -> None:
        if value == _NONIN_DONE:
            self.later(self.vanish)
