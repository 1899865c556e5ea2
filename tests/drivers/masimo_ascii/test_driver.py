"""The Masimo driver."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

import pytest

from hub_agent.driver import Action, Emit
from hub_agent.model import DeviceTime, Quality, Reading
from hub_drivers.masimo_ascii.driver import DRIVER

Readings = Callable[..., list[Reading]]


def line(
    spo2: str = "098%", rate: str = "123", pi: str = "00.55", alarm: str = "000000", exc: str = "0000C00"
) -> bytes:
    return f"03/17/16 19:19:36 SN=------- SPO2={spo2} BPM={rate} PI={pi} ALARM={alarm} EXC={exc}\r\n".encode()


def test_values_with_the_devices_time(emitted: Readings) -> None:
    (reading,) = emitted(DRIVER.session({}), [line(exc="0000800")])
    assert [each.value for each in reading.measurements] == [98, 123, Decimal("0.55")]
    assert reading.measured == DeviceTime(datetime(2016, 3, 17, 19, 19, 36))
    assert reading.quality == Quality.GOOD


@pytest.mark.parametrize(
    ("exc", "quality"),
    [
        ("1", Quality.SENSOR_OFF),
        ("2", Quality.SENSOR_FAULT),
        ("4", Quality.LOW_PERFUSION),
        ("8", Quality.SEARCHING),
        ("10", Quality.ARTEFACT),
        ("20", Quality.SENSOR_OFF),
        ("40", Quality.ARTEFACT),
        ("80", Quality.SENSOR_FAULT),
        ("C00", Quality.WEAK_SIGNAL),
    ],
)
def test_exceptions(exc: str, quality: Quality, emitted: Readings) -> None:
    (reading,) = emitted(DRIVER.session({}), [line(exc=exc)])
    assert reading.quality == quality


def test_the_devices_alarm(emitted: Readings) -> None:
    (reading,) = emitted(DRIVER.session({}), [line(alarm="000012", exc="0")])
    assert reading.quality == Quality.DEVICE_ALARM


def test_dashes_are_no_value(emitted: Readings) -> None:
    (reading,) = emitted(DRIVER.session({}), [line("---%", "---", "--.--%", exc="0")])
    assert all(each.value is None for each in reading.measurements)


def test_keys_are_found_by_name(emitted: Readings) -> None:
    (reading,) = emitted(DRIVER.session({}), [b"03/17/16 19:19:36 EXC1=00 BPM=070 SPCO=--% SPO2=097% NEW=1\r\n"])
    assert [each.value for each in reading.measurements] == [97, 70, None]


def test_an_impossible_date_keeps_the_values(emitted: Readings) -> None:
    (reading,) = emitted(DRIVER.session({}), [line(exc="0").replace(b"03/17", b"13/99")])
    assert reading.measured is None
    assert reading.measurements[0].value == 98


def test_a_line_joined_in_the_middle_is_no_fault(play: Callable[..., list[Action]]) -> None:
    assert [type(action) for action in play(DRIVER.session({}), [line()[30:] + line()])] == [Emit]
