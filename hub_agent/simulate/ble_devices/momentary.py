"""Devices that are used for a moment: cuff, thermometer, scale, with the habits of A&D's.

Owns: waking for seconds, sending what is stored, going back to sleep.
Never: keeps a link longer than it has something to say.

The habits (andengineering/AndroidSampleCode: BleReceivedService.java, for UA-651BLE, UT-201BLE, UC-352BLE): the device
advertises for a while after a measurement; it wants its time written before indications are enabled, shows an error and
ends the link otherwise; then it indicates every stored reading, forgets each that was confirmed, and drops the link.
"""

import asyncio
from abc import abstractmethod
from typing import ClassVar, Final

from hub_agent.simulate import encoders
from hub_agent.simulate.ble_devices.gatt import Properties
from hub_agent.simulate.ble_devices.parts import Fault, parse_date_time
from hub_agent.simulate.ble_devices.peripheral import Peripheral
from hub_agent.simulate.radio.faithful import faithful

_DATE_TIME: Final = "2A08"
_MEMORY: Final = 100
"""Readings that fit; the oldest goes first."""


class Momentary(Peripheral):
    """Measures on request, wakes, delivers, sleeps."""

    always_on: ClassVar = False
    wants_time: ClassVar = True
    measurement: ClassVar[str]
    window_s: ClassVar = 30.0
    """How long it advertises after a measurement."""
    patience_s: ClassVar = 10.0
    """How long it stays connected with a hub that does not do its part."""

    def build(self) -> None:
        """Measurement, clock, battery, serial number."""
        self.stored: list[bytes] = []
        self.errors = 0
        self._woken = asyncio.Event()
        self._progress = asyncio.Event()
        self._time_written = False
        self.add(
            self.advertised,
            self.characteristic(self.measurement, Properties.INDICATE),
            self.characteristic(_DATE_TIME, Properties.READ | Properties.WRITE, written=self._on_time, read=self._time),
        )
        self.add_battery()
        self.add_information()

    @abstractmethod
    def encode(self) -> bytes:
        """Write down a measurement taken now."""

    # --- what a person does ------------------------------------------------------------------------------------------

    def measure(self) -> None:
        """Take a measurement: it is stored, and the device wakes."""
        self.stored = [*self.stored, self.encode()][-_MEMORY:]
        self.wake()

    def wake(self) -> None:
        """Press the button: advertise for a while."""
        self._woken.set()

    # --- what the device does ----------------------------------------------------------------------------------------

    async def live(self) -> None:
        """Sleep, wake, deliver, for ever."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            await faithful(self.device.start_advertising(auto_restart=False))
            try:
                async with asyncio.timeout(self.window_s):
                    while not self.connected:
                        await self._next_progress()
            except TimeoutError:
                pass
            else:
                await self._deliver()
            await faithful(self.device.stop_advertising())

    async def _next_progress(self) -> None:
        self._progress.clear()
        await self._progress.wait()

    async def _deliver(self) -> None:
        """Wait for the hub to do its part, then send everything and hang up."""
        try:
            async with asyncio.timeout(self.patience_s):
                while self.connected and not self._may_send():
                    await self._next_progress()
        except TimeoutError:
            self.errors += 1  # the display shows an error
        while self.connected and self._may_send() and self.stored:
            if not await self.indicate(self.measurement, self.stored[0]):
                break
            self.stored.pop(0)
        await self.drop()

    def _may_send(self) -> bool:
        return self.subscribed(self.measurement) and (self._time_written or not self.wants_time)

    def on_connected(self) -> None:
        """A step forward."""
        self._progress.set()

    def on_subscribed(self, channel: str) -> None:
        """A step forward."""
        del channel
        self._progress.set()

    def on_disconnected(self) -> None:
        """Forget that the time was written on this link."""
        super().on_disconnected()
        self._time_written = False
        self._progress.set()

    def _on_time(self, value: bytes) -> None:
        self.clock.set(parse_date_time(value))
        self._time_written = True
        self._progress.set()

    def _time(self) -> bytes:
        return encoders.date_time(self.clock.local())


class Cuff(Momentary):
    """A blood-pressure monitor (0x1810), bonded."""

    name: ClassVar = "A&D_UA-651BLE"
    advertised: ClassVar = "1810"
    measurement: ClassVar = "2A35"
    bonded: ClassVar = True

    def encode(self) -> bytes:
        """Systolic, diastolic, mean and pulse; a loose cuff measures nothing."""
        now = self.vitals()
        pressures = None if self.fault is Fault.NAN else (now.systolic, now.diastolic, now.mean)
        pulse = None if self.fault is Fault.NAN else now.pulse
        return encoders.blood_pressure(pressures, pulse, self.clock.local())


class Thermometer(Momentary):
    """A thermometer (0x1809)."""

    name: ClassVar = "A&D_UT201BLE"
    advertised: ClassVar = "1809"
    measurement: ClassVar = "2A1C"

    def encode(self) -> bytes:
        """Body temperature."""
        value = None if self.fault is Fault.NAN else self.vitals().temperature
        return encoders.temperature(value, self.clock.local())


class Scale(Momentary):
    """A weight scale (0x181D)."""

    name: ClassVar = "A&D_UC-352BLE"
    advertised: ClassVar = "181D"
    measurement: ClassVar = "2A9D"

    def encode(self) -> bytes:
        """Body weight."""
        value = None if self.fault is Fault.NAN else self.vitals().weight
        return encoders.weight(value, self.clock.local())
