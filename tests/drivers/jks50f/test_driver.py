"""The JKS50F driver."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from hub_agent.driver import BleLink, sig_uuid
from hub_agent.errors import DecodeError
from hub_agent.model import Quality, Reading
from hub_drivers.formats import FORMATS
from hub_drivers.jks50f.driver import DRIVER, STREAM


def frame(finger: int = 0, spo2: int = 97, rate: int = 72, pi: int = 550) -> bytes:
    body = bytes((0xFF, 0x44, 0x01, finger, spo2, rate, pi & 0x7F, pi >> 7)) + bytes(60)
    return body + bytes(((sum(body) + 1) & 0xFF,))


def test_over_several_notifications(emitted: Callable[..., list[Reading]]) -> None:
    data = frame() + frame(spo2=96)
    chunks = [data[at : at + 20] for at in range(0, len(data), 20)]
    first, second = emitted(DRIVER.session({}), chunks, STREAM)
    assert [each.value for each in first.measurements] == [97, 72, Decimal("5.50")]
    assert second.measurements[0].value == 96


@pytest.mark.parametrize(
    ("data", "rate"),
    [(frame(rate=127), 127), (frame(spo2=127, rate=127), None), (frame(finger=1, rate=127), None)],
)
def test_a_true_rate_of_127_is_kept(data: bytes, rate: int | None) -> None:
    assert FORMATS["ble.jks50f"](data)["pulse_rate"] == rate


def test_perfusion_index_above_20_percent_is_not_believed() -> None:
    assert FORMATS["ble.jks50f"](frame(pi=2100))["pi"] is None
    assert FORMATS["ble.jks50f"](frame(pi=0))["pi"] == 0


def test_no_finger_leaves_no_value(emitted: Callable[..., list[Reading]]) -> None:
    (reading,) = emitted(DRIVER.session({}), [frame(finger=1)], STREAM)
    assert reading.quality == Quality.SENSOR_OFF
    assert all(each.value is None for each in reading.measurements)


@pytest.mark.parametrize("data", [frame()[:-1], frame()[:-1] + b"\x00", b"\xff\x44\x02" + frame()[3:]])
def test_wrong_frames(data: bytes) -> None:
    with pytest.raises(DecodeError):
        FORMATS["ble.jks50f"](data)


def test_is_known_by_name_and_service() -> None:
    assert isinstance(DRIVER.link, BleLink)
    assert "OXIMETER".startswith(DRIVER.link.match.names)
    assert sig_uuid(0xFFE0) in DRIVER.link.match.services
