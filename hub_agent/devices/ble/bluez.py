"""BlueZ over D-Bus, where bleak does not reach: adapter power, bonds, the pairing agent, restarts.

Owns: its own D-Bus connection, the agent's registration, and the news of bluetoothd and the adapter.
Never: scans or connects; bleak does.

Sources: BlueZ 5.66 doc/adapter-api.txt, device-api.txt, agent-api.txt; systemd's org.freedesktop.systemd1(5).
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from typing import Any, Final

from bleak.backends.bluezdbus.version import BlueZFeatures
from bleak.exc import BleakDBusError
from dbus_fast import BusType, Message, MessageType, Variant
from dbus_fast.aio import MessageBus

from hub_agent.devices.ble.agent import Agent
from hub_agent.devices.ble.host import AskPasskey, Change

_BLUEZ: Final = "org.bluez"
_ADAPTER: Final = "org.bluez.Adapter1"
_DEVICE: Final = "org.bluez.Device1"
_PROPERTIES: Final = "org.freedesktop.DBus.Properties"
_DBUS: Final = "org.freedesktop.DBus"
_AGENT_PATH: Final = "/org/hub_agent/agent"
_GONE: Final = {
    "org.freedesktop.DBus.Error.UnknownObject",
    "org.freedesktop.DBus.Error.UnknownMethod",
    "org.freedesktop.DBus.Error.InvalidArgs",  # a device object that lost its interface
    "org.bluez.Error.DoesNotExist",
}
"""How BlueZ says that it does not know a device."""
_REGISTERED: Final = "org.bluez.Error.AlreadyExists"


class BlueZ:
    """The real Bluetooth stack, as ``hub_agent.devices.ble.Host``.

    Args:
        adapter: the adapter's name.
        may_restart: whether this process may restart bluetoothd through systemd.
    """

    def __init__(self, adapter: str = "hci0", *, may_restart: bool = False) -> None:
        self._adapter = adapter
        self._path = f"/org/bluez/{adapter}"
        self._may_restart = may_restart
        self._agent = Agent()
        self._bus: MessageBus | None = None
        self._changed: Change | None = None
        # Before its first connect bleak 3.1 runs `bluetoothctl --version`, to refuse BlueZ below 5.55 (Debian 12 has
        # 5.66). If that connect is given up meanwhile, every later one waits for the answer while this process lives.
        BlueZFeatures.checked_bluez_version = True

    # --- Host --------------------------------------------------------------------------------------------------------

    @property
    def scanner_args(self) -> Mapping[str, Any]:
        """Keyword arguments for bleak's scanner."""
        return {"bluez": {"adapter": self._adapter}}

    @property
    def client_args(self) -> Mapping[str, Any]:
        """Keyword arguments for bleak's client: none, a device that was heard knows its adapter."""
        return {}

    @asynccontextmanager
    async def watch(self, changed: Change) -> AsyncIterator[None]:
        """Report changes of bluetoothd and the adapter while the context is open."""
        self._changed = changed
        try:
            yield
        finally:
            self._changed = None
            self._hang_up()

    async def ready(self) -> None:
        """Be on the bus, have the agent registered and the adapter powered.

        Raises:
            BleakDBusError, OSError: not there.
        """
        await self._connected()
        await self._register_agent()
        if not await self._get(self._path, _ADAPTER, "Powered"):
            await self._power(on=True)

    async def release(self, address: str) -> None:
        """End a link that BlueZ still holds for somebody who is gone (github.com/bluez/bluez issue 89)."""
        if await self._device_property(address, "Connected"):
            await self._call(self._device(address), _DEVICE, "Disconnect")

    async def bonded(self, address: str) -> bool:
        """Tell whether BlueZ has keys for this address."""
        return await self._device_property(address, "Paired")

    async def forget(self, address: str) -> None:
        """Remove the device and its keys."""
        try:
            await self._call(self._path, _ADAPTER, "RemoveDevice", "o", [self._device(address)])
        except BleakDBusError as error:
            if error.dbus_error not in _GONE:
                raise

    def pairing(self, address: str, ask: AskPasskey | None) -> AbstractContextManager[None]:
        """Allow pairing with this address meanwhile."""
        return self._agent.expect(address, ask)

    async def power_cycle(self) -> None:
        """Switch the adapter off and on."""
        await self._power(on=False)
        await self._power(on=True)

    async def restart(self) -> bool:
        """Let systemd restart bluetoothd; False where that is not allowed."""
        if self._may_restart:
            await self._call(
                "/org/freedesktop/systemd1",
                "org.freedesktop.systemd1.Manager",
                "RestartUnit",
                "ss",
                ["bluetooth.service", "replace"],
                destination="org.freedesktop.systemd1",
            )
        return self._may_restart

    # --- the bus -----------------------------------------------------------------------------------------------------

    async def _connected(self) -> MessageBus:
        if self._bus is not None and self._bus.connected:
            return self._bus
        self._hang_up()
        bus = MessageBus(bus_type=BusType.SYSTEM)
        try:
            await bus.connect()
            bus.export(_AGENT_PATH, self._agent)
            bus.add_message_handler(self._on_message)
            self._bus = bus
            for rule in (
                f"type='signal',sender='{_DBUS}',member='NameOwnerChanged',arg0='{_BLUEZ}'",
                f"type='signal',sender='{_BLUEZ}',member='PropertiesChanged',path='{self._path}'",
            ):
                await self._call("/org/freedesktop/DBus", _DBUS, "AddMatch", "s", [rule], destination=_DBUS)
        except BaseException:
            self._bus = None
            bus.disconnect()
            raise
        return bus

    def _hang_up(self) -> None:
        """Close the bus; BlueZ forgets an agent whose connection went."""
        bus, self._bus = self._bus, None
        if bus is not None:
            bus.unexport(_AGENT_PATH)
            bus.disconnect()

    def _on_message(self, message: Message) -> None:
        if message.message_type is not MessageType.SIGNAL or self._changed is None:
            return
        if message.member == "NameOwnerChanged":
            self._changed("bluetooth_back" if message.body[2] else "bluetooth_gone")
        elif message.member == "PropertiesChanged" and message.path == self._path and message.body[0] == _ADAPTER:
            powered = message.body[1].get("Powered")
            if powered is not None:
                self._changed("adapter_on" if powered.value else "adapter_off")

    async def _register_agent(self) -> None:
        """Register and be the default; harmless when BlueZ knows it already."""
        manager = "org.bluez.AgentManager1"
        try:
            await self._call("/org/bluez", manager, "RegisterAgent", "os", [_AGENT_PATH, "KeyboardDisplay"])
        except BleakDBusError as error:
            if error.dbus_error != _REGISTERED:
                raise
        await self._call("/org/bluez", manager, "RequestDefaultAgent", "o", [_AGENT_PATH])

    # --- calls -------------------------------------------------------------------------------------------------------

    def _device(self, address: str) -> str:
        return f"{self._path}/dev_{address.upper().replace(':', '_')}"

    async def _device_property(self, address: str, name: str) -> bool:
        """Read a property of a device; False for a device that BlueZ does not know."""
        try:
            return bool(await self._get(self._device(address), _DEVICE, name))
        except BleakDBusError as error:
            if error.dbus_error not in _GONE:
                raise
            return False

    async def _power(self, *, on: bool) -> None:
        await self._call(self._path, _PROPERTIES, "Set", "ssv", [_ADAPTER, "Powered", Variant("b", on)])

    async def _get(self, path: str, interface: str, name: str) -> object:
        (value,) = await self._call(path, _PROPERTIES, "Get", "ss", [interface, name])
        return value.value

    async def _call(
        self,
        path: str,
        interface: str,
        member: str,
        signature: str = "",
        body: Sequence[object] = (),
        *,
        destination: str = _BLUEZ,
    ) -> Sequence[Any]:
        """Call a method.

        Raises:
            BleakDBusError: the answer is an error.
            OSError: the bus is not there.
        """
        bus = await self._connected()
        reply = await bus.call(
            Message(
                destination=destination,
                path=path,
                interface=interface,
                member=member,
                signature=signature,
                body=list(body),
            )
        )
        if reply.message_type is MessageType.ERROR:
            raise BleakDBusError(reply.error_name or "", reply.body)
        return reply.body
