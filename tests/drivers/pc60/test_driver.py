"""The PC-60 drivers."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from hub_agent.model import Quality, Reading, ReadingClass
from hub_drivers.codec.checksum import crc8_maxim
from hub_drivers.pc60.driver import BLE, LINE, STREAM

Readings = Callable[..., list[Reading]]


def frame(kind: int, *payload: int) -> bytes:
    body = bytes((0xAA, 0x55, 0x0F, len(payload) + 2, kind, *payload))
    return body + bytes((crc8_maxim(body),))


def test_the_same_frames_on_both_links(emitted: Readings) -> None:
    data = frame(1, 96, 62, 0, 80, 0, 0xC0)
    assert emitted(BLE.session({}), [data], STREAM) == emitted(LINE.session({}), [data])


def test_values(emitted: Readings) -> None:
    (reading,) = emitted(LINE.session({}), [frame(1, 96, 0x2C, 1, 80, 0, 0xC0)])
    assert [each.value for each in reading.measurements] == [96, 300, Decimal("8.0")]


@pytest.mark.parametrize(("b5", "quality"), [(2, Quality.SENSOR_OFF), (4, Quality.SEARCHING)])
def test_no_finger_and_search(b5: int, quality: Quality, emitted: Readings) -> None:
    (reading,) = emitted(LINE.session({}), [frame(1, 0, 0, 0, 0, b5, 0)])
    assert reading.quality == quality
    assert all(each.value is None for each in reading.measurements)


def test_pleth_on_request_without_its_beat_bit(emitted: Readings) -> None:
    readings = emitted(BLE.session({"waveform": True}), [frame(2, 10, 20, 0x80 | 30, 40, 50) * 10], STREAM)
    (block,) = readings
    assert block.cls is ReadingClass.WAVEFORM
    assert block.samples[0].data == (10, 20, 30, 40, 50) * 10


def test_other_frames_say_nothing(emitted: Readings) -> None:
    assert emitted(LINE.session({}), [frame(0x21, 2, 0, 0, 0), bytes.fromhex("aa55f0028119")]) == []
