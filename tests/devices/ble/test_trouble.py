"""Errors as data."""

import pytest
from bleak.exc import (
    BleakBluetoothNotAvailableError,
    BleakBluetoothNotAvailableReason,
    BleakDBusError,
    BleakDeviceNotFoundError,
    BleakError,
    BleakGATTProtocolError,
)

from hub_agent.devices.ble.trouble import WEATHER, BleError, Trouble, classify, failed, weather

BLUEZ = "org.bluez.Error."
DBUS = "org.freedesktop.DBus.Error."


@pytest.mark.parametrize(
    ("error", "trouble"),
    [
        (BleakBluetoothNotAvailableError("off", BleakBluetoothNotAvailableReason.POWERED_OFF), Trouble.ADAPTER_OFF),
        (BleakDBusError(BLUEZ + "NotReady", ["Resource Not Ready"]), Trouble.ADAPTER_OFF),
        (BleakDBusError(BLUEZ + "Failed", ["le-connection-adapter-not-powered"]), Trouble.ADAPTER_OFF),
        (BleakDeviceNotFoundError("x", "gone"), Trouble.MISSING),
        (BleakDBusError(DBUS + "UnknownObject", ["Method ... doesn't exist"]), Trouble.MISSING),
        (BleakError("device 'dev_C0_00_00_00_00_01' not found"), Trouble.MISSING),
        (BleakDBusError(BLUEZ + "InProgress", ["Operation already in progress"]), Trouble.BUSY),
        (BleakDBusError(BLUEZ + "Failed", ["Operation already in progress"]), Trouble.BUSY),
        (BleakDBusError(BLUEZ + "Failed", ["le-connection-busy"]), Trouble.BUSY),
        (BleakDBusError(BLUEZ + "Failed", ["le-connection-concurrent-connection-limit"]), Trouble.SLOTS),
        (BleakDBusError(BLUEZ + "AuthenticationFailed", ["Authentication Failed"]), Trouble.BOND_LOST),
        (BleakDBusError(BLUEZ + "NotPermitted", ["Not paired"]), Trouble.BOND_LOST),
        (BleakDBusError(BLUEZ + "NotPermitted", ["Read not permitted"]), Trouble.TRANSIENT),
        (BleakDBusError(BLUEZ + "Failed", ["br-connection-key-missing"]), Trouble.BOND_LOST),
        (BleakDBusError(BLUEZ + "Failed", ["br-connection-canceled"]), Trouble.BOND_DOUBTFUL),
        (BleakDBusError(BLUEZ + "Failed", ["le-connection-abort-by-local"]), Trouble.TRANSIENT),
        (BleakDBusError(BLUEZ + "Failed", []), Trouble.TRANSIENT),
        (BleakDBusError(DBUS + "ServiceUnknown", ["not provided"]), Trouble.SERVICE),
        (BleakDBusError(DBUS + "Spawn.ChildExited", ["exited with status 1"]), Trouble.SERVICE),
        (BleakGATTProtocolError(0x05), Trouble.BOND_LOST),
        (BleakGATTProtocolError(0x0F), Trouble.BOND_LOST),
        (BleakGATTProtocolError(0x0E), Trouble.TRANSIENT),
        (BleakGATTProtocolError(0x80), Trouble.REFUSED),
        (BleakGATTProtocolError(0x01), Trouble.STALE),
        (BleakGATTProtocolError(0x0A), Trouble.STALE),
        (TimeoutError(), Trouble.TIMEOUT),
        (BrokenPipeError(32, "Broken pipe"), Trouble.SERVICE),
        (EOFError(), Trouble.SERVICE),
        (AssertionError(), Trouble.TRANSIENT),
        (KeyError("/org/bluez/hci0/dev_C0"), Trouble.TRANSIENT),
        (BleakError("Not connected"), Trouble.TRANSIENT),
    ],
    ids=repr,
)
def test_each_error_has_its_trouble(error: Exception, trouble: Trouble) -> None:
    assert isinstance(error, WEATHER)
    assert classify(error) is trouble


@pytest.mark.parametrize("trouble", Trouble)
def test_an_error_names_place_and_trouble(trouble: Trouble) -> None:
    error = failed(trouble, "cuff: connect")
    assert str(error).startswith(f"cuff: connect: {trouble.value}")
    assert error.retry in {"later", "slowly"}


async def test_the_text_of_the_cause_does_not_get_out() -> None:
    with pytest.raises(BleError) as caught:
        async with weather("cuff: connect"):
            raise BleakError("device 'dev_C0_00_00_00_00_01' not found")
    assert caught.value.__cause__ is None
    assert "dev_" not in str(caught.value)


async def test_a_bug_is_not_weather() -> None:
    with pytest.raises(ZeroDivisionError):
        async with weather("cuff: connect"):
            raise ZeroDivisionError
