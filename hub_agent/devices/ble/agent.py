"""The pairing agent: answers BlueZ's questions during a pairing.

Owns: whom the hub is pairing with, and the passkey it is told. Without an agent BlueZ refuses (``No agent available``),
and the call that needed the bond hangs.
Never: pairs by itself, or says yes to anybody the hub did not choose.

Source: BlueZ 5.66, doc/agent-api.txt.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from dbus_fast.annotations import DBusObjectPath, DBusStr, DBusUInt16, DBusUInt32
from dbus_fast.errors import DBusError
from dbus_fast.service import ServiceInterface, dbus_method

from hub_agent.devices.ble.host import AskPasskey
from hub_agent.errors import LinkError

_REJECTED: Final = "org.bluez.Error.Rejected"
_ADDRESS: Final = 17


def address_of(path: str) -> str:
    """Read the address off a BlueZ device path (``…/dev_AA_BB_CC_DD_EE_FF``)."""
    return path[-_ADDRESS:].replace("_", ":").upper()


class Agent(ServiceInterface):
    """``org.bluez.Agent1`` with the capability ``KeyboardDisplay``.

    With a device that has neither keys nor a display this still pairs without digits; with one that shows digits it can
    type them.
    """

    def __init__(self) -> None:
        super().__init__("org.bluez.Agent1")
        self._expected: dict[str, AskPasskey | None] = {}

    @contextmanager
    def expect(self, address: str, ask: AskPasskey | None) -> Iterator[None]:
        """Allow pairing with this address meanwhile."""
        self._expected[address] = ask
        try:
            yield
        finally:
            del self._expected[address]

    def _check(self, device: str) -> AskPasskey | None:
        """Find how to answer for a device.

        Raises:
            DBusError: nobody asked for a pairing with it.
        """
        address = address_of(device)
        if address not in self._expected:
            raise DBusError(_REJECTED, "no pairing was asked for")
        return self._expected[address]

    @dbus_method()
    def Release(self) -> None:  # noqa: N802 - the names are BlueZ's
        """Take note that BlueZ forgets this agent."""

    @dbus_method()
    async def RequestPasskey(self, device: DBusObjectPath) -> DBusUInt32:  # noqa: N802
        """Give the six digits that the device shows."""
        ask = self._check(device)
        if ask is None:
            raise DBusError(_REJECTED, "nobody can read a passkey")
        try:
            return await ask()
        except LinkError as error:
            raise DBusError(_REJECTED, "nobody read the passkey") from error

    @dbus_method()
    def RequestPinCode(self, device: DBusObjectPath) -> DBusStr:  # noqa: N802
        """Refuse the pairing of old Bluetooth, which no LE device asks for."""
        self._check(device)
        raise DBusError(_REJECTED, "no PIN codes")

    @dbus_method()
    def RequestConfirmation(self, device: DBusObjectPath, passkey: DBusUInt32) -> None:  # noqa: N802
        """Accept when this pairing was asked for: the hub has nobody to compare digits."""
        del passkey
        self._check(device)

    @dbus_method()
    def RequestAuthorization(self, device: DBusObjectPath) -> None:  # noqa: N802
        """Accept when this pairing was asked for."""
        self._check(device)

    @dbus_method()
    def AuthorizeService(self, device: DBusObjectPath, uuid: DBusStr) -> None:  # noqa: N802
        """Accept services of devices that the hub chose."""
        del uuid
        self._check(device)

    @dbus_method()
    def DisplayPasskey(self, device: DBusObjectPath, passkey: DBusUInt32, entered: DBusUInt16) -> None:  # noqa: N802
        """Show nothing: the hub has no display."""
        del device, passkey, entered

    @dbus_method()
    def DisplayPinCode(self, device: DBusObjectPath, pincode: DBusStr) -> None:  # noqa: N802
        """Show nothing: the hub has no display."""
        del device, pincode

    @dbus_method()
    def Cancel(self) -> None:  # noqa: N802
        """Take note that a question needs no answer any more."""
