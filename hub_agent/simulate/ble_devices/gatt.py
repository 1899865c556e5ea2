"""The GATT server of a virtual device, on Bumble.

Owns: services, characteristics, who is subscribed, advertising data and pairing.
Never: sends, counts or measures.
"""

from collections.abc import Callable, Iterable
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
from bumble.pairing import PairingConfig

from hub_agent.simulate.ble_devices.parts import Screen, advertisement
from hub_agent.simulate.radio.air import Air

Properties = Characteristic.Properties
Written = Callable[[bytes], None]

ADVERTISING_MS: Final = 100.0


class Server:
    """What a device shows of itself on the air.

    Args:
        air: where it is.
        address: its static random address.
        passkey: the six digits it shows when it pairs; None pairs without.

    Attributes:
        pairings: how often it was paired with.
        pairable: whether it is in pairing mode.
    """

    name: ClassVar[str]
    advertised: ClassVar[str]
    bonded: ClassVar[bool] = False

    def __init__(self, air: Air, address: str, *, passkey: int | None = None) -> None:
        self.air = air
        self.address = address
        self.pairings = 0
        self.pairable = True
        self._passkey = passkey
        self._characteristics: dict[str, Characteristic[bytes]] = {}
        self._subscribed: set[str] = set()
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

    # --- for subclasses -----------------------------------------------------------------------------------------------

    def build(self) -> None:
        """Add the services."""
        raise NotImplementedError

    def on_connected(self) -> None:
        """Take note that there is a link."""

    def on_subscribed(self, channel: str) -> None:
        """Take note that the hub subscribed to ``channel``."""

    def on_disconnected(self) -> None:
        """Take note that the link ended."""

    def add(self, service: str, *characteristics: Characteristic[bytes]) -> None:
        """Add a service; on a bonded device subscribing needs encryption."""
        self.device.add_service(Service(UUID(service), list(characteristics)))
        self._close()
        if self.bonded or self._passkey is not None:
            self._protect(characteristics)

    def _close(self) -> None:
        """Bumble 0.0.236 lets a peer overwrite anything, its own table included; no real device does."""
        for attribute in self.device.gatt_server.attributes:
            if not attribute.permissions & Attribute.Permissions.WRITEABLE:
                attribute.permissions |= Attribute.Permissions.WRITE_REQUIRES_AUTHORIZATION

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

    # --- the link -----------------------------------------------------------------------------------------------------

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
        self.on_disconnected()

    def _on_subscription(self, channel: str, wanted: bool) -> None:  # noqa: FBT001 - Bumble's event
        if wanted:
            self._subscribed.add(channel)
            self.on_subscribed(channel)
        else:
            self._subscribed.discard(channel)

    def _pairing_config(self, _connection: Connection) -> PairingConfig:
        return PairingConfig(
            sc=True,
            mitm=self._passkey is not None,
            bonding=True,
            delegate=Screen(self._passkey, accepts=self.pairable),
        )
