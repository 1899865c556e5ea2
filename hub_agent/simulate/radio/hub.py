"""The hub's own virtual radio: a Bumble central with the habits of BlueZ.

Owns: the Bumble device, what it has seen, its power, and the faults a test or a scene may ask for.
Never: is imported outside ``hub_agent.simulate`` and tests; the daemon knows bleak only.

BlueZ's habits that matter to whoever drives it (measured on BlueZ 5.66, kernel 6.12): a device exists only after it was
seen, and no longer after a failed connect; a bonded device is encrypted at once; one that lost its bond shows up as
``br-connection-canceled``; and a table of services, once read, is believed until the device is forgotten.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final, Literal

from bleak.exc import (
    BleakBluetoothNotAvailableError,
    BleakBluetoothNotAvailableReason,
    BleakDBusError,
    BleakError,
)
from bumble import core, hci
from bumble.device import Advertisement, Device, DeviceConfiguration
from bumble.device import Connection as BumbleConnection
from bumble.gatt_client import ServiceProxy
from bumble.pairing import PairingConfig, PairingDelegate

from hub_agent.simulate.radio.air import Air, HubController
from hub_agent.simulate.radio.faithful import faithful

HUB_ADDRESS: Final = "C0:00:00:00:00:AA"
SLOTS: Final = 16
"""Simultaneous links; small adapters have 7 to 10."""

AskPasskey = Callable[[], Awaitable[int]]
Cure = Literal["rescan", "power_cycle", "restart"]


def plain(address: hci.Address) -> str:
    """Write an address as BlueZ does, without Bumble's ``/P`` mark."""
    return str(address)[:17]


class Hub:
    """A central on the air.

    Attributes:
        device: Bumble's device.
        seen: addresses that exist for bleak, as a BlueZ object path would.
        tables: address → services that it had, of devices that have no Database Hash to tell of a change.
        slots: how many links the adapter can hold.
        faults: errors that the next connects raise instead of connecting, oldest first.
        numb: what it takes before the adapter hears anybody again; None while it hears.
        hung: whether the service answers nobody who wants to end a connect.
        hidden: addresses that the service keeps to itself until it scans afresh.
        connecting: one LE create-connection at a time, as on a real controller.
    """

    def __init__(self, air: Air, address: str = HUB_ADDRESS, slots: int = SLOTS) -> None:
        self._controller = HubController("hub", link=air)
        self.device = Device.from_config_with_hci(
            DeviceConfiguration(name="hub", address=hci.Address(address)), self._controller, self._controller
        )
        self.device.pairing_config_factory = self._pairing_config
        self.device.on(Device.EVENT_ADVERTISEMENT, self._on_advertisement)
        self.seen: dict[str, hci.Address] = {}
        self.tables: dict[str, list[ServiceProxy]] = {}
        self.slots = slots
        self.faults: deque[BleakError] = deque()
        self.connecting = asyncio.Lock()
        self.powered = False
        self.numb: Cure | None = None
        self.hung = False
        self.hidden: set[str] = set()
        self._listeners: list[Callable[[Advertisement], None]] = []
        self._expected: dict[str, AskPasskey | None] = {}

    # --- power -------------------------------------------------------------------------------------------------------

    async def power_on(self) -> None:
        """Switch the adapter on."""
        if not self.powered:
            await faithful(self.device.power_on())
            self.powered = True

    async def power_off(self) -> None:
        """Switch the adapter off: every link ends without a word to the peer, which sees a supervision time-out."""
        self.powered = False
        with suppress(hci.HCI_Error, core.CommandTimeoutError):  # whoever was cancelled may have left a command open
            await faithful(self.device.stop_scanning())
        self._controller.link.drop(self._controller)

    def check_power(self) -> None:
        """Raise as bleak does when there is no powered adapter."""
        if not self.powered:
            raise BleakBluetoothNotAvailableError(
                "No powered Bluetooth adapters found.", BleakBluetoothNotAvailableReason.POWERED_OFF
            )

    # --- scanning ----------------------------------------------------------------------------------------------------

    async def listen(self, listener: Callable[[Advertisement], None], *, active: bool) -> None:
        """Hand every advertisement to ``listener``."""
        self.check_power()
        if not self._listeners:
            if self.numb == "rescan":
                self.numb = None
            self.hidden.clear()
            await faithful(self.device.start_scanning(active=active, filter_duplicates=False))
        self._listeners.append(listener)

    async def unlisten(self, listener: Callable[[Advertisement], None]) -> None:
        """Undo ``listen``."""
        if listener in self._listeners:
            self._listeners.remove(listener)
            if not self._listeners and self.powered:
                await faithful(self.device.stop_scanning())

    def _on_advertisement(self, advertisement: Advertisement) -> None:
        if self.numb is not None or not self.powered or plain(advertisement.address) in self.hidden:
            return
        self.seen[plain(advertisement.address)] = advertisement.address
        for listener in tuple(self._listeners):
            listener(advertisement)

    # --- connecting --------------------------------------------------------------------------------------------------

    async def connect(self, address: str) -> BumbleConnection:
        """Open a link to a device that was seen.

        Raises:
            BleakError: not seen, no slot, a fault that was asked for, or refused by the controller.
        """
        self.check_power()
        if self.faults:
            raise self.faults.popleft()
        if address not in self.seen:
            raise BleakError(f"device 'dev_{address.replace(':', '_')}' not found")
        if len(self._controller.le_connections) >= self.slots:
            raise BleakDBusError("org.bluez.Error.Failed", ["le-connection-concurrent-connection-limit"])
        async with self.connecting:
            try:
                return await faithful(self.device.connect(self.seen[address], timeout=None))
            except asyncio.CancelledError:
                # Bumble's own cancel_connection() does nothing once the connect was cancelled.
                with suppress(hci.HCI_Error):
                    await self.device.send_sync_command(hci.HCI_LE_Create_Connection_Cancel_Command())
                self.seen.pop(address, None)
                if self.hung:
                    await asyncio.Event().wait()  # as bleak does, whose Disconnect nobody answers
                raise

    # --- bonds -------------------------------------------------------------------------------------------------------

    async def bonded(self, address: str) -> bool:
        """Tell whether there is a bond with this address."""
        store = self.device.keystore
        return store is not None and any(name[:17] == address for name, _ in await store.get_all())

    async def forget(self, address: str) -> None:
        """Remove the bond and the object, as BlueZ's RemoveDevice does."""
        self.seen.pop(address, None)
        self.tables.pop(address, None)
        if (store := self.device.keystore) is not None:
            for name, _ in await store.get_all():
                if name[:17] == address:
                    await store.delete(name)

    @contextmanager
    def expect(self, address: str, ask: AskPasskey | None) -> Iterator[None]:
        """Allow pairing with this address meanwhile."""
        self._expected[address] = ask
        try:
            yield
        finally:
            del self._expected[address]

    def expects(self, address: str) -> bool:
        """Tell whether pairing with this address was asked for."""
        return address in self._expected

    def _pairing_config(self, connection: BumbleConnection) -> PairingConfig:
        ask = self._expected.get(plain(connection.peer_address))
        return PairingConfig(sc=True, mitm=ask is not None, bonding=True, delegate=_Answers(ask))


class _Answers(PairingDelegate):
    """Answers a pairing as the hub's agent does."""

    def __init__(self, ask: AskPasskey | None) -> None:
        super().__init__(PairingDelegate.NO_OUTPUT_NO_INPUT if ask is None else PairingDelegate.KEYBOARD_INPUT_ONLY)
        self._ask = ask

    async def get_number(self) -> int | None:
        return None if self._ask is None else await self._ask()
