"""What went wrong on the radio, as data.

Owns: the table from the errors of bleak, BlueZ and D-Bus to the few kinds of trouble that call for different acts.
Never: acts. Never lets an error's own text out: bleak writes addresses into it.

The D-Bus names and texts are those of BlueZ 5.66 (doc/*-api.txt, src/error.h) and of bleak 3.1; what a lost bond looks
like was measured against both.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import ClassVar, Final, NamedTuple

from bleak.exc import (
    BleakBluetoothNotAvailableError,
    BleakDBusError,
    BleakDeviceNotFoundError,
    BleakError,
    BleakGATTProtocolError,
    BleakGATTProtocolErrorCode,
)

from hub_agent.errors import DeviceRefusedError, LinkError, Retry


class Trouble(StrEnum):
    """Kinds of trouble, by what helps."""

    TRANSIENT = "transient"
    """The air; try again."""
    TIMEOUT = "timeout"
    """No answer in time; try again."""
    LOST = "lost"
    """The link was up and is gone."""
    BUSY = "busy"
    """The adapter does something else; the same call again, a little later."""
    MISSING = "missing"
    """The service does not know the device (any more): hear it first."""
    SLOTS = "slots"
    """No room for another link on this adapter."""
    BOND_LOST = "bond_lost"
    """One side has no key: remove the bond, pair again."""
    BOND_DOUBTFUL = "bond_doubtful"
    """What BlueZ also says when a peer has lost its key; certain only when it repeats."""
    PAIRING_REFUSED = "pairing_refused"
    """The device will not pair: not in pairing mode, wrong passkey, or bonded elsewhere."""
    ADAPTER_OFF = "adapter_off"
    """No powered adapter."""
    SERVICE = "service"
    """The D-Bus connection or bluetoothd is gone."""
    REFUSED = "refused"
    """The device answered, and said no."""
    UNSUITABLE = "unsuitable"
    """The device has none of the characteristics that the driver needs."""
    STALE = "stale"
    """The device knows no such attribute, though BlueZ remembers it: its table has changed."""
    STRANGER = "stranger"
    """Somebody at the address of the device, with another serial number."""


class BleError(LinkError):
    """A link that failed, with the kind of trouble."""

    def __init__(self, trouble: Trouble, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.trouble = trouble


class SlowBleError(BleError):
    """Trouble that hammering makes worse."""

    retry: ClassVar[Retry] = "slowly"


class RefusedBleError(SlowBleError, DeviceRefusedError):
    """The device answered, and said no."""


_SAID_NO: Final = {Trouble.REFUSED, Trouble.STALE}
_SLOW: Final = {Trouble.SLOTS, Trouble.PAIRING_REFUSED, Trouble.REFUSED, Trouble.UNSUITABLE, Trouble.STRANGER}

WEATHER: Final[tuple[type[Exception], ...]] = (
    BleakError,
    TimeoutError,
    OSError,  # a broken D-Bus socket
    EOFError,  # the same, while reading
    AssertionError,  # bleak asserts that its bus is there; it is not when the link went during a call
    KeyError,  # bleak's picture of BlueZ's objects, when one went during a call
)
"""What a bleak call may raise when nobody is at fault."""

_HINTS: Final = {
    Trouble.SLOTS: "the adapter holds no more links; add an adapter or remove a device",
    Trouble.PAIRING_REFUSED: "put the device in pairing mode",
    Trouble.ADAPTER_OFF: "no powered Bluetooth adapter; see `hub-agent doctor`",
    Trouble.SERVICE: "bluetoothd does not answer; see `hub-agent doctor`",
    Trouble.UNSUITABLE: "the driver does not fit this device",
    Trouble.STRANGER: 'another serial number than before; see docs/operations.md, "Who a device is"',
}


class _Rule(NamedTuple):
    """An error of ``kind`` whose D-Bus name begins with ``name`` and whose text holds ``text`` is ``trouble``."""

    kind: type[Exception]
    name: str
    text: str
    trouble: Trouble


_BLUEZ: Final = "org.bluez.Error."
_DBUS: Final = "org.freedesktop.DBus.Error."
_RULES: Final = (
    _Rule(BleakBluetoothNotAvailableError, "", "", Trouble.ADAPTER_OFF),
    _Rule(BleakDeviceNotFoundError, "", "", Trouble.MISSING),
    _Rule(BleakDBusError, _DBUS + "UnknownObject", "", Trouble.MISSING),
    _Rule(BleakDBusError, _BLUEZ + "DoesNotExist", "", Trouble.MISSING),
    _Rule(BleakDBusError, _BLUEZ + "InProgress", "", Trouble.BUSY),
    _Rule(BleakDBusError, "", "-connection-busy", Trouble.BUSY),
    _Rule(BleakDBusError, "", "already in progress", Trouble.BUSY),
    _Rule(BleakDBusError, _BLUEZ + "NotReady", "", Trouble.ADAPTER_OFF),
    _Rule(BleakDBusError, "", "adapter-not-powered", Trouble.ADAPTER_OFF),
    _Rule(BleakDBusError, "", "concurrent-connection-limit", Trouble.SLOTS),
    _Rule(BleakDBusError, "", "memory-allocation", Trouble.SLOTS),
    _Rule(BleakDBusError, "", "key-missing", Trouble.BOND_LOST),
    _Rule(BleakDBusError, _BLUEZ + "AuthenticationFailed", "", Trouble.BOND_LOST),
    _Rule(BleakDBusError, _BLUEZ + "AuthenticationRejected", "", Trouble.BOND_LOST),
    _Rule(BleakDBusError, _BLUEZ + "AuthenticationTimeout", "", Trouble.BOND_DOUBTFUL),
    _Rule(BleakDBusError, _BLUEZ + "AuthenticationCanceled", "", Trouble.BOND_DOUBTFUL),
    _Rule(BleakDBusError, _BLUEZ + "NotPermitted", "not paired", Trouble.BOND_LOST),
    _Rule(BleakDBusError, "", "-connection-canceled", Trouble.BOND_DOUBTFUL),
    _Rule(BleakDBusError, _DBUS + "ServiceUnknown", "", Trouble.SERVICE),
    _Rule(BleakDBusError, _DBUS + "NameHasNoOwner", "", Trouble.SERVICE),
    _Rule(BleakDBusError, _DBUS + "Spawn.", "", Trouble.SERVICE),
    _Rule(BleakDBusError, _DBUS + "NoReply", "", Trouble.SERVICE),
    _Rule(BleakDBusError, _DBUS + "Disconnected", "", Trouble.SERVICE),
    _Rule(BleakDBusError, "", "", Trouble.TRANSIENT),
    _Rule(BleakError, "", "' not found", Trouble.MISSING),
    _Rule(TimeoutError, "", "", Trouble.TIMEOUT),
    _Rule(OSError, "", "", Trouble.SERVICE),
    _Rule(EOFError, "", "", Trouble.SERVICE),
)
_CODES: Final = {
    BleakGATTProtocolErrorCode.INSUFFICIENT_AUTHENTICATION: Trouble.BOND_LOST,
    BleakGATTProtocolErrorCode.INSUFFICIENT_ENCRYPTION: Trouble.BOND_LOST,
    BleakGATTProtocolErrorCode.INSUFFICIENT_ENCRYPTION_KEY_SIZE: Trouble.BOND_LOST,
    BleakGATTProtocolErrorCode.INVALID_HANDLE: Trouble.STALE,
    BleakGATTProtocolErrorCode.ATTRIBUTE_NOT_FOUND: Trouble.STALE,
    BleakGATTProtocolErrorCode.UNLIKELY_ERROR: Trouble.TRANSIENT,  # BlueZ's word for "the link went meanwhile"
}


def classify(error: Exception) -> Trouble:
    """Name the trouble behind an error of ``WEATHER``."""
    if isinstance(error, BleakGATTProtocolError):
        return _CODES.get(error.code, Trouble.REFUSED)
    name = error.dbus_error if isinstance(error, BleakDBusError) else ""
    text = " ".join(str(part) for part in error.args).lower()
    for rule in _RULES:
        if isinstance(error, rule.kind) and name.startswith(rule.name) and rule.text in text:
            return rule.trouble
    return Trouble.TRANSIENT


def failed(trouble: Trouble, place: str) -> BleError:
    """Make the error to raise: ``place`` says whose and which call, without an identity."""
    kind: type[BleError] = SlowBleError if trouble in _SLOW else BleError
    if trouble in _SAID_NO:
        kind = RefusedBleError
    return kind(trouble, f"{place}: {trouble.value}", hint=_HINTS.get(trouble, ""))


@asynccontextmanager
async def weather(place: str) -> AsyncIterator[None]:
    """Turn whatever a bleak or D-Bus call raises into a :class:`BleError` that names no device.

    Raises:
        BleError: the call failed. The cause is cut off, because its text holds addresses.
    """
    try:
        yield
    except WEATHER as error:
        raise failed(classify(error), place) from None
