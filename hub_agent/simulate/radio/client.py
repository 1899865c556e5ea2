"""bleak's client on the virtual hub.

Owns: the translation between bleak's abstract client and Bumble's procedures.
Never: decides anything; it raises what bleak's BlueZ backend raises in the same situation.

Use: ``BleakClient(device, backend=VirtualClient, hub=hub)``.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any, Final, TypeVar

from bleak.args import SizedBuffer
from bleak.assigned_numbers import CharacteristicPropertyName
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.client import BaseBleakClient, NotifyCallback
from bleak.backends.descriptor import BleakGATTDescriptor
from bleak.backends.device import BLEDevice
from bleak.backends.service import BleakGATTService, BleakGATTServiceCollection
from bleak.exc import BleakDBusError, BleakError, BleakGATTProtocolError, BleakGATTProtocolErrorCode
from bumble import att, core, hci
from bumble.device import Connection as BumbleConnection
from bumble.device import Peer
from bumble.gatt import GATT_DATABASE_HASH_CHARACTERISTIC
from bumble.gatt_client import CharacteristicProxy, ServiceProxy

from hub_agent.simulate.radio.faithful import faithful
from hub_agent.simulate.radio.hub import Hub
from hub_agent.simulate.radio.scanner import full_uuid

_PROPERTIES: Final[tuple[CharacteristicPropertyName, ...]] = (
    "broadcast",
    "read",
    "write-without-response",
    "write",
    "notify",
    "indicate",
    "authenticated-signed-writes",
    "extended-properties",
)
_WANTS_SECURITY: Final = {
    BleakGATTProtocolErrorCode.INSUFFICIENT_AUTHENTICATION,
    BleakGATTProtocolErrorCode.INSUFFICIENT_ENCRYPTION,
}
_MTU: Final = 517

T = TypeVar("T")


async def _discover(peer: Peer) -> list[ServiceProxy]:
    await peer.discover_all()  # type: ignore[no-untyped-call]  # Bumble's
    return list(peer.services)


async def _discover_descriptors(characteristic: CharacteristicProxy[bytes], peer: Peer) -> None:
    await peer.discover_descriptors(characteristic)
    characteristic.descriptors_discovered = True  # Bumble 0.0.236 would look again at each subscription


class VirtualClient(BaseBleakClient):
    """A client of ``hub`` for one device."""

    def __init__(
        self,
        address_or_ble_device: BLEDevice | str,
        *,
        disconnected_callback: Callable[[], None] | None,
        timeout: float,
        hub: Hub,
        **_: Any,  # noqa: ANN401 - options of other platforms
    ) -> None:
        super().__init__(address_or_ble_device, disconnected_callback=disconnected_callback, timeout=timeout)
        self._hub = hub
        self._connection: BumbleConnection | None = None
        self._peer: Peer | None = None
        self._gone = asyncio.Event()
        self._limits: set[asyncio.Timeout] = set()
        self._subscribed: dict[int, Callable[[bytes], None]] = {}

    @property
    def name(self) -> str:
        """The address, as BlueZ names what has no name."""
        return self.address.replace(":", "-")

    @property
    def mtu_size(self) -> int:
        """The negotiated size."""
        return 23 if self._connection is None else int(self._connection.att_mtu)

    @property
    def is_connected(self) -> bool:
        """Whether the link is up."""
        return self._connection is not None

    # --- the link ----------------------------------------------------------------------------------------------------

    async def connect(self, pair: bool, **_: Any) -> None:  # noqa: ANN401, FBT001 - bleak's signature
        """Connect, secure a bonded link at once, discover."""
        if self._connection is not None:
            raise BleakError("Client is already connected")
        async with asyncio.timeout(self._timeout):
            connection = await self._hub.connect(self.address)
            self._gone.clear()
            self._connection, self._peer = connection, Peer(connection)
            connection.on(connection.EVENT_DISCONNECTION, self._on_disconnection)
            try:
                if await self._hub.bonded(self.address):
                    await self._encrypt()
                elif pair:
                    await self._pair()
                await self._procedure(lambda peer: peer.request_mtu(_MTU))
                self.services = self._translate(await self._table())
            except BaseException:
                self._hub.seen.pop(self.address, None)
                await self.disconnect()
                raise

    async def _table(self) -> list[ServiceProxy]:
        """Discover the services, or believe what is remembered of them."""
        table = self._hub.tables.get(self.address)
        if table is None:
            table = await self._procedure(_discover)
            found = [each for one in table for each in one.characteristics]
            if not any(each.uuid == GATT_DATABASE_HASH_CHARACTERISTIC for each in found):
                for each in found:
                    await self._procedure(partial(_discover_descriptors, each))
                self._hub.tables[self.address] = table
        return table

    def _on_disconnection(self, _reason: int) -> None:
        self._connection = self._peer = None
        self._subscribed.clear()
        self.services = None
        self._gone.set()
        for limit in self._limits:
            if not limit.expired():
                limit.reschedule(asyncio.get_running_loop().time())
        if self._disconnected_callback is not None:
            self._disconnected_callback()

    async def disconnect(self) -> None:
        """End the link."""
        if self._connection is not None:
            with suppress(hci.HCI_Error, core.BaseBumbleError):
                await faithful(self._connection.disconnect())
            await self._gone.wait()

    async def _procedure(self, procedure: Callable[[Peer], Awaitable[T]]) -> T:
        """Run a Bumble procedure no longer than the link lives, and raise what bleak's users know.

        When the link goes, Bumble cancels some procedures, so that a stray CancelledError would come out, and lets
        others wait for ever.
        """
        peer, task = self._peer, asyncio.current_task()
        if peer is None or task is None:
            raise BleakError("Not connected")
        try:
            async with asyncio.timeout(None) as limit:
                self._limits.add(limit)
                try:
                    return await faithful(procedure(peer))
                except asyncio.CancelledError:
                    if task.cancelling():
                        raise
                    raise BleakError("disconnected") from None
                finally:
                    self._limits.discard(limit)
        except TimeoutError:
            if self._peer is peer:
                raise
            raise BleakError("disconnected") from None
        except att.ATT_Error as error:
            raise BleakGATTProtocolError(error.error_code) from error
        except (core.ProtocolError, core.InvalidOperationError, core.InvalidStateError) as error:
            raise BleakError(str(error)) from error

    # --- security ----------------------------------------------------------------------------------------------------

    async def _encrypt(self) -> None:
        """Encrypt with the bond; a peer without it ends as on BlueZ, with a cancelled connection."""
        try:
            await self._procedure(lambda peer: peer.connection.encrypt())
        except (BleakError, hci.HCI_Error):
            await self.disconnect()
            raise BleakDBusError("org.bluez.Error.Failed", ["br-connection-canceled"]) from None

    async def _pair(self) -> None:
        if not self._hub.expects(self.address):
            raise BleakDBusError("org.bluez.Error.AuthenticationRejected", ["Authentication Rejected"])
        try:
            await self._procedure(lambda peer: peer.connection.pair())
        except (BleakError, hci.HCI_Error):
            raise BleakDBusError("org.bluez.Error.AuthenticationFailed", ["Authentication Failed"]) from None

    async def pair(self, *_: Any, **__: Any) -> None:  # noqa: ANN401 - bleak's signature
        """Bond, unless bonded."""
        if not await self._hub.bonded(self.address):
            await self._pair()

    async def unpair(self) -> None:
        """Forget the bond and the device."""
        await self._hub.forget(self.address)
        await self.disconnect()

    # --- GATT --------------------------------------------------------------------------------------------------------

    async def _request(self, request: Callable[[Peer], Awaitable[T]]) -> T:
        """Make an ATT request; refused for want of security, pair and ask once more, as BlueZ does."""
        try:
            return await self._procedure(request)
        except BleakGATTProtocolError as error:
            connection = self._connection
            if error.code not in _WANTS_SECURITY or connection is None or connection.is_encrypted:
                raise
        await self._pair()
        return await self._procedure(request)

    async def read_gatt_char(self, characteristic: BleakGATTCharacteristic, **_: Any) -> bytearray:  # noqa: ANN401
        """Read a value."""
        return bytearray(await self._request(lambda peer: peer.gatt_client.read_value(characteristic.handle)))

    async def read_gatt_descriptor(self, descriptor: BleakGATTDescriptor, **_: Any) -> bytearray:  # noqa: ANN401
        """Read a descriptor."""
        return bytearray(await self._request(lambda peer: peer.gatt_client.read_value(descriptor.handle)))

    async def write_gatt_char(
        self,
        characteristic: BleakGATTCharacteristic,
        data: SizedBuffer,
        response: bool,  # noqa: FBT001 - bleak's signature
    ) -> None:
        """Write a value."""
        await self._write(characteristic.handle, bytes(data), response=response)

    async def write_gatt_descriptor(self, descriptor: BleakGATTDescriptor, data: SizedBuffer) -> None:
        """Write a descriptor."""
        await self._write(descriptor.handle, bytes(data), response=True)

    async def _write(self, handle: int, data: bytes, *, response: bool) -> None:
        await self._request(lambda peer: peer.gatt_client.write_value(handle, data, with_response=response))

    async def start_notify(
        self,
        characteristic: BleakGATTCharacteristic,
        callback: NotifyCallback,
        **_: Any,  # noqa: ANN401 - options of other platforms
    ) -> None:
        """Subscribe; notifications are preferred to indications where there are both."""
        if characteristic.handle in self._subscribed:
            raise BleakError("Characteristic notifications already started")

        def hand_on(value: bytes) -> None:
            callback(bytearray(value))

        self._subscribed[characteristic.handle] = hand_on
        try:
            await self._request(lambda peer: peer.gatt_client.subscribe(characteristic.obj, hand_on))
        except BaseException:
            self._subscribed.pop(characteristic.handle, None)
            raise

    async def stop_notify(self, characteristic: BleakGATTCharacteristic) -> None:
        """Unsubscribe."""
        hand_on = self._subscribed.pop(characteristic.handle, None)
        if hand_on is not None:
            await self._procedure(lambda peer: peer.gatt_client.unsubscribe(characteristic.obj, hand_on))

    def _translate(self, found: list[Any]) -> BleakGATTServiceCollection:
        """Say Bumble's discovered services in bleak's words."""
        services = BleakGATTServiceCollection()
        for group in found:
            service = BleakGATTService(group, group.handle, full_uuid(group.uuid))
            services.add_service(service)
            for part in group.characteristics:
                names = [name for bit, name in enumerate(_PROPERTIES) if int(part.properties) >> bit & 1]
                characteristic = BleakGATTCharacteristic(
                    part, part.handle, full_uuid(part.uuid), names, lambda: self.mtu_size - 3, service
                )
                services.add_characteristic(characteristic)
                for each in part.descriptors:
                    services.add_descriptor(
                        BleakGATTDescriptor(each, each.handle, full_uuid(each.type), characteristic)
                    )
        return services
