"""What all virtual BLE devices share: a radio, a battery, a clock, and ways to misbehave.

Owns: the life of a device, the count of what it delivered, and the faults.
Never: knows a format; each device encodes what it says.

``emitted`` counts readings that really reached the hub's radio: a notification counts once it crossed the air to a
subscribed hub (one held back while the device is out of range counts when it is delivered after all, and never if the
link ends first), an indication once the hub confirmed it, a record from memory only the first time it is delivered.
Bytes spoilt by ``garbage`` and battery levels do not count. One counted reading is one that a conforming driver emits.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime
from typing import ClassVar

from bumble import hci
from bumble.keys import KeyStore

from hub_agent.simulate.ble_devices.gatt import Properties, Server
from hub_agent.simulate.ble_devices.parts import DeviceClock, Fault, spoil
from hub_agent.simulate.radio.air import Air
from hub_agent.simulate.radio.faithful import faithful
from hub_agent.simulate.vitals import Vitals, VitalsSource

Job = Callable[[], Awaitable[None]]


class Peripheral(Server):
    """A virtual device. ``await power_on()``, then let a TaskGroup run ``run()``.

    Args:
        air: where it is.
        address: its static random address.
        patient: whose vital signs it measures.
        now_s: seconds since the scene began.
        clock: its wall clock; None makes one that starts at 2020-01-01, as after a change of batteries.
        passkey: the six digits it shows when it pairs; None pairs without.
    """

    always_on: ClassVar[bool] = True
    """Advertises whenever it is not connected; others wake for a while."""

    def __init__(
        self,
        air: Air,
        address: str,
        patient: VitalsSource,
        now_s: Callable[[], float],
        *,
        clock: DeviceClock | None = None,
        passkey: int | None = None,
    ) -> None:
        self.patient = patient
        self.now_s = now_s
        self.clock = clock or DeviceClock(datetime(2020, 1, 1), now_s)  # noqa: DTZ001 - devices know no time zone
        self.battery = 100
        self.serial_number = f"{address[-2:]}-0001"
        self.fault = Fault.NONE
        self.emitted = 0
        self.indicating = False
        """Whether the hub may have a value that it has not confirmed yet: whoever stops the device now miscounts it."""
        self._in_flight = 0
        self._jobs: asyncio.Queue[Job] = asyncio.Queue()
        super().__init__(air, address, passkey=passkey)

    # --- for subclasses ----------------------------------------------------------------------------------------------

    async def live(self) -> None:
        """Do what the device does by itself, for ever; most measure and send."""
        await asyncio.Event().wait()

    def vitals(self) -> Vitals:
        """The patient's state now."""
        return self.patient.vitals(self.now_s())

    def add_battery(self) -> None:
        """Add the Battery Service (0x180F)."""
        self.add("180F", self.characteristic("2A19", Properties.READ | Properties.NOTIFY, read=self._battery_level))

    def add_information(self) -> None:
        """Add Device Information (0x180A) with the serial number."""
        self.add("180A", self.characteristic("2A25", Properties.READ, read=self._serial_number))

    def on_disconnected(self) -> None:
        """What the link held is lost with it."""
        self._in_flight = 0

    def _battery_level(self) -> bytes:
        return bytes([self.battery])

    def _serial_number(self) -> bytes:
        return self.serial_number.encode()

    def later(self, job: Job) -> None:
        """Do something after the current ATT transaction: a write's answer goes out before what it causes."""
        self._jobs.put_nowait(job)

    # --- life --------------------------------------------------------------------------------------------------------

    async def power_on(self) -> None:
        """Start the radio."""
        await faithful(self.device.power_on())
        if self.always_on:
            await faithful(self.device.start_advertising(auto_restart=True))

    async def run(self) -> None:
        """Live, for ever."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.live())
            tasks.create_task(self._work())

    async def _work(self) -> None:
        while True:
            job = await self._jobs.get()
            await job()

    # --- sending -----------------------------------------------------------------------------------------------------

    async def notify(self, channel: str, value: bytes, *, readings: int = 1) -> None:
        """Notify a subscribed hub and count ``readings``; a silent device says nothing, a broken one nonsense."""
        if self.fault is Fault.SILENT or not self.subscribed(channel):
            return
        if self.fault is Fault.GARBAGE:
            value, readings = spoil(value), 0
        if self.air.away(self.controller):
            self._in_flight += readings
        elif self.air.linked(self.controller):
            self.emitted += readings
        await faithful(self.device.notify_subscribers(self._characteristics[channel], value))

    async def indicate(self, channel: str, value: bytes, *, readings: int = 1) -> bool:
        """Indicate to a subscribed hub; True and counted once it confirmed."""
        if self.fault is Fault.SILENT or not self.subscribed(channel):
            return False
        if self.fault is Fault.GARBAGE:
            value, readings = spoil(value), 0
        self.indicating = True
        try:
            for connection in tuple(self.device.connections.values()):
                await connection.cancel_on_disconnection(
                    self.device.indicate_subscriber(connection, self._characteristics[channel], value)
                )
        except asyncio.CancelledError:
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise
            return False  # Bumble cancels what waits on a link that ended
        finally:
            self.indicating = False
        if not self.subscribed(channel):
            return False
        self.emitted += readings
        return True

    async def drop(self) -> None:
        """End the link politely, as devices do that have said all."""
        for connection in tuple(self.device.connections.values()):
            with suppress(TimeoutError):  # a link that ended meanwhile never answers
                async with asyncio.timeout(self.air.supervision_s):
                    await faithful(connection.disconnect(hci.HCI_ErrorCode.REMOTE_USER_TERMINATED_CONNECTION_ERROR))

    # --- misbehaving -------------------------------------------------------------------------------------------------

    def silent(self) -> None:
        """Stay connected and say nothing."""
        self.fault = Fault.SILENT

    def nan(self) -> None:
        """Measure nothing: off the body, searching."""
        self.fault = Fault.NAN

    def garbage(self) -> None:
        """Send bytes that are no frame."""
        self.fault = Fault.GARBAGE

    def well(self) -> None:
        """Behave again."""
        self.fault = Fault.NONE

    def out_of_range(self) -> None:
        """Leave; the link ends after the supervision time-out."""
        self.air.leave(self.controller)

    def in_range(self) -> None:
        """Come back; what a surviving link held is delivered now."""
        self.emitted += self._in_flight
        self._in_flight = 0
        self.air.enter(self.controller)

    async def vanish(self) -> None:
        """Lose power: no word on the link, no advertising, until ``power_on``."""
        await faithful(self.device.stop_advertising())
        self.air.drop(self.controller)

    async def lose_bond(self) -> None:
        """Forget the bond, as after a change of batteries, and drop the link."""
        store = self.device.keystore
        if isinstance(store, KeyStore):
            await store.delete_all()
        await self.drop()

    def refuse_pairing(self) -> None:
        """Leave pairing mode."""
        self.pairable = False

    def set_battery(self, percent: int) -> None:
        """Drain or charge the battery."""
        self.battery = percent
