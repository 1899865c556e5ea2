"""The Berry BLE driver, which reads both formats."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from hub_agent.model import Quality, Reading
from hub_drivers.berry.driver import DRIVER, STREAM

Readings = Callable[..., list[Reading]]


def frame(status: int = 0, spo2: int = 97, rate: int = 72, pi: int = 35, battery: int = 90, freq: int = 1) -> bytes:
    body = bytes((0xFF, 0xAA, 7, status, spo2, 96, rate, 73, 0xA6, 0, pi, 34, 50, 1, 0, 0, 0, battery, freq))
    return body + bytes((sum(body) & 0xFF,))


def test_values(emitted: Readings) -> None:
    (reading,) = emitted(DRIVER.session({}), [frame()], STREAM)
    assert [each.value for each in reading.measurements] == [97, 72, Decimal("3.5"), 90]


def test_as_many_frames_a_second_as_it_says(emitted: Readings) -> None:
    assert len(emitted(DRIVER.session({}), [frame(freq=50) * 101], STREAM)) == 3
    assert len(emitted(DRIVER.session({}), [frame(freq=1) * 3], STREAM)) == 3


@pytest.mark.parametrize(
    ("status", "battery", "quality"),
    [
        (1, 90, Quality.SENSOR_OFF),
        (2, 90, Quality.SENSOR_OFF),
        (4, 90, Quality.SEARCHING),
        (8, 90, Quality.GOOD),
        (0, 5, Quality.LOW_BATTERY),
    ],
)
def test_status(status: int, battery: int, quality: Quality, emitted: Readings) -> None:
    (reading,) = emitted(DRIVER.session({}), [frame(status, battery=battery)], STREAM)
    assert reading.quality == quality


def test_missing_is_absent(emitted: Readings) -> None:
    (reading,) = emitted(DRIVER.session({}), [frame(spo2=127, rate=255, pi=0)], STREAM)
    assert [each.value for each in reading.measurements] == [None, None, None, 90]


def test_reads_bci_frames_too(emitted: Readings) -> None:
    (reading,) = emitted(DRIVER.session({}), [bytes.fromhex("8832084861") * 100], STREAM)
    assert [each.value for each in reading.measurements] == [97, 72]
