"""What all virtual BLE devices share: a radio, a battery, a clock, and ways to misbehave.

Owns: the GATT server, advertising, bonds, the count of what was delivered, and the faults.
Never: knows a format; each device encodes what it says.

``emitted`` counts readings that really reached the hub's radio: a notification counts once it crossed the air to a
subscribed hub (one held back while the device is out of range counts when it is delivered after all, and never if the
link ends first), an indication once the hub confirmed it, a record from memory only the first time it is delivered.
Bytes spoilt by ``garbage`` and battery levels do not count. One counted reading is one that a conforming driver emits.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from typing import ClassVar, Final

from bumble import hci
from bumble.att import Attribute
from bumble.controller import Controller
from bumble.core import UUID
from bumble.device import Connection, Device, DeviceConfiguration
from bumble.gatt import (
    GATT_CLIENT_CHARACTERISTIC_CONFIGURATION_DESCRIPTOR,
    Characteristic,
    CharacteristicValue,
    Service,
)
from bumble.keys import KeyStore
from bumble.pairing import PairingConfig

from hub_agent.simulate.ble_devices.parts import DeviceClock, Fault, Screen, advertisement, spoil
from hub_agent.simulate.radio.air import Air
from hub_agent.simulate.radio.faithful import faithful
from hub_agent.simulate.vitals import Vitals, VitalsSource

Properties = Characteristic.Properties
Job = Callable[[], Awaitable[None]]
Written = Callable[[bytes], None]

ADVERTISING_MS: Final = 100.0


class Peripheral:
    """A virtual device. ``await power_on()``, then let a TaskGroup run ``run()``.

    Args:
        air: where it is.
        address: its static random address.
        patient: whose vital signs it measures.
        now_s: seconds since the scene began.
        clock: its wall clock; None makes one that starts at 2020-01-01, as after a change of batteries.
        passkey: the six digits it shows when it pairs; None pairs without.
    """

    name: ClassVar[str]
    advertised: ClassVar[str]
    bonded: ClassVar[bool] = False
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
        self.air = air
        self.address = address
        self.patient = patient
        self.now_s = now_s
        self.clock = clock or DeviceClock(datetime(2020, 1, 1), now_s)  # noqa: DTZ001 - devices know no time zone
        self.battery = 100
        self.fault = Fault.NONE
        self.emitted = 0
        self.pairings = 0
        self._passkey = passkey
        self._pairable = True
        self._in_flight = 0
        self._characteristics: dict[str, Characteristic[bytes]] = {}
        self._subscribed: set[str] = set()
        self._jobs: asyncio.Queue[Job] = asyncio.Queue()
        self.controller = Controller(self.name, link=air)
        self.device = Device.from_config_with_hci(
            DeviceConfiguration(
                name=self.name,
                address=hci.Address(address),
                advertising_interval_min=ADVERTISING_MS,
                advertising_interval_max=ADVERTISING_MS,
            ),
            self.controller,
            self.controller,
        )
        self.device.pairing_config_factory = self._pairing_config
        self.device.on(Device.EVENT_CONNECTION, self._on_connection)
        self.device.advertising_data = advertisement(self.name, self.advertised)
        self.build()

    # --- for subclasses ----------------------------------------------------------------------------------------------

    def build(self) -> None:
        """Add the services."""
        raise NotImplementedError

    async def live(self) -> None:
        """Do what the device does by itself, for ever; most measure and send."""
        await asyncio.Event().wait()

    def on_connected(self) -> None:
        """Take note that there is a link."""

    def on_subscribed(self, channel: str) -> None:
        """Take note that the hub subscribed to ``channel``."""

    def on_disconnected(self) -> None:
        """Take note that the link ended."""

    def vitals(self) -> Vitals:
        """The patient's state now."""
        return self.patient.vitals(self.now_s())

    def add(self, service: str, *characteristics: Characteristic[bytes]) -> None:
        """Add a service; on a bonded device subscribing needs encryption."""
        self.device.add_service(Service(UUID(service), list(characteristics)))
        if self.bonded or self._passkey is not None:
            self._protect(characteristics)

    def _protect(self, characteristics: Iterable[Characteristic[bytes]]) -> None:
        """Bumble makes subscription descriptors open; real bonded devices do not."""
        needed = (
            Attribute.Permissions.WRITE_REQUIRES_ENCRYPTION
            if self._passkey is None
            else Attribute.Permissions.WRITE_REQUIRES_AUTHENTICATION
        )
        spans = [(each.handle, each.end_group_handle) for each in characteristics]
        for attribute in self.device.gatt_server.attributes:
            if attribute.type == GATT_CLIENT_CHARACTERISTIC_CONFIGURATION_DESCRIPTOR and any(
                first < attribute.handle <= last for first, last in spans
            ):
                attribute.permissions |= needed

    def characteristic(
        self,
        uuid: str,
        properties: Properties,
        *,
        value: bytes = b"",
        written: Written | None = None,
        read: Callable[[], bytes] | None = None,
    ) -> Characteristic[bytes]:
        """Make a characteristic; ``written`` takes what the hub writes, ``read`` gives a value that changes."""
        permissions = Attribute.Permissions(0)
        if properties & Properties.READ:
            permissions |= Attribute.Permissions.READABLE
        if properties & (Properties.WRITE | Properties.WRITE_WITHOUT_RESPONSE):
            permissions |= Attribute.Permissions.WRITEABLE
        content: bytes | CharacteristicValue[bytes] = value
        if written is not None or read is not None:
            content = CharacteristicValue(
                read=None if read is None else lambda _: read(),
                write=None if written is None else lambda _, data: written(bytes(data)),
            )
        made: Characteristic[bytes] = Characteristic(UUID(uuid), properties, permissions, content)
        made.on(made.EVENT_SUBSCRIPTION, lambda _, notify, indicate: self._on_subscription(uuid, notify or indicate))
        self._characteristics[uuid] = made
        return made

    def add_battery(self) -> None:
        """Add the Battery Service (0x180F)."""
        self.add("180F", self.characteristic("2A19", Properties.READ | Properties.NOTIFY, read=self._battery_level))

    def _battery_level(self) -> bytes:
        return bytes([self.battery])

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

    @property
    def connected(self) -> bool:
        """Whether the device believes it has a link."""
        return bool(self.device.connections)

    def subscribed(self, channel: str) -> bool:
        """Tell whether the hub subscribed to ``channel`` on this link."""
        return channel in self._subscribed

    def _on_connection(self, connection: Connection) -> None:
        connection.on(Connection.EVENT_PAIRING, self._on_pairing)
        connection.on(Connection.EVENT_DISCONNECTION, self._on_disconnection)
        self.on_connected()

    def _on_pairing(self, _keys: object) -> None:
        self.pairings += 1

    def _on_disconnection(self, _reason: int) -> None:
        self._subscribed.clear()
        self._in_flight = 0
        self.on_disconnected()

    def _on_subscription(self, channel: str, wanted: bool) -> None:  # noqa: FBT001 - Bumble's event
        if wanted:
            self._subscribed.add(channel)
            self.on_subscribed(channel)
        else:
            self._subscribed.discard(channel)

    # --- sending -----------------------------------------------------------------------------------------------------

    async def notify(self, channel: str, value: bytes, *, readings: int = 1) -> None:
        """Notify a subscribed hub and count ``readings``; a silent device says nothing, a broken one nonsense."""
        if self.fault is Fault.SILENT or not self.subscribed(channel):
            return
        if self.fault is Fault.GARBAGE:
            value, readings = spoil(value), 0
        if self.air.away(self.controller):
            self._in_flight += readings
        else:
            self.emitted += readings
        await faithful(self.device.notify_subscribers(self._characteristics[channel], value))

    async def indicate(self, channel: str, value: bytes, *, readings: int = 1) -> bool:
        """Indicate to a subscribed hub; True and counted once it confirmed."""
        if self.fault is Fault.SILENT or not self.subscribed(channel):
            return False
        if self.fault is Fault.GARBAGE:
            value, readings = spoil(value), 0
        try:
            for connection in tuple(self.device.connections.values()):
                await connection.cancel_on_disconnection(
                    self.device.indicate_subscriber(connection, self._characteristics[channel], value)
                )
        except asyncio.CancelledError:
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise
            return False  # Bumble cancels what waits on a link that ended
        if not self.subscribed(channel):
            return False
        self.emitted += readings
        return True

    async def drop(self) -> None:
        """End the link politely, as devices do that have said all."""
        for connection in tuple(self.device.connections.values()):
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
        self._pairable = False

    def set_battery(self, percent: int) -> None:
        """Drain or charge the battery."""
        self.battery = percent

    # --- inside ------------------------------------------------------------------------------------------------------

    def _pairing_config(self, _connection: Connection) -> PairingConfig:
        return PairingConfig(
            sc=True,
            mitm=self._passkey is not None,
            bonding=True,
            delegate=Screen(self._passkey, accepts=self._pairable),
        )
