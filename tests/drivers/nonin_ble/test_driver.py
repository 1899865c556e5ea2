"""The driver of Nonin's own BLE service."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from hub_agent.driver import Moment, Write
from hub_agent.model import Quality, Reading
from hub_drivers.formats import FORMATS
from hub_drivers.nonin_ble.driver import CONTROL, DRIVER, OXIMETRY

Readings = Callable[..., list[Reading]]


def value(status: int = 0x10, spo2: int = 97, rate: int = 300, pai: int = 512) -> bytes:
    return bytes((10, status, 30)) + pai.to_bytes(2) + (7).to_bytes(2) + bytes((spo2,)) + rate.to_bytes(2)


def test_values(emitted: Readings) -> None:
    (reading,) = emitted(DRIVER.session({}), [value()], OXIMETRY)
    assert [each.value for each in reading.measurements] == [97, 300, Decimal("5.12")]


@pytest.mark.parametrize(
    ("status", "quality"),
    [
        (0x10, Quality.GOOD),
        (0x14, Quality.GOOD),
        (0x12, Quality.WEAK_SIGNAL),
        (0x18, Quality.SEARCHING),
        (0x30, Quality.LOW_BATTERY),
        (0x00, Quality.SENSOR_OFF),
    ],
)
def test_status(status: int, quality: Quality, emitted: Readings) -> None:
    (reading,) = emitted(DRIVER.session({}), [value(status)], OXIMETRY)
    assert reading.quality == quality


def test_missing_is_absent(emitted: Readings) -> None:
    (reading,) = emitted(DRIVER.session({}), [value(spo2=127, rate=511)], OXIMETRY)
    assert [each.value for each in reading.measurements[:2]] == [None, None]


def test_fields() -> None:
    assert FORMATS["ble.nonin_nco"](value(0x72, 127, 511)) == {
        "status": ["weak_signal", "sensor_connected", "low_battery", "encrypted"],
        "battery_v": 3,
        "pai_percent": Decimal("5.12"),
        "counter": 7,
        "spo2": None,
        "pulse_rate": None,
    }


def test_completes_on_command() -> None:
    assert list(DRIVER.session({}).command("complete", Moment(0.0, None))) == [Write(CONTROL, b"bNMI")]
