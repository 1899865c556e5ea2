"""The drivers of the BCI format, against an encoder written from the protocol."""

from collections.abc import Callable

import pytest

from hub_agent.model import Quality, Reading, ReadingClass
from hub_drivers.bci.driver import BERRY, CONTEC

Readings = Callable[..., list[Reading]]


def frame(spo2: int = 97, rate: int = 72, b0: int = 0x08, b2: int = 0, pleth: int = 0) -> bytes:
    return bytes((0x80 | b0, pleth, b2 | (rate & 0x80) >> 1, rate & 0x7F, spo2))


def values(reading: Reading) -> list[object]:
    return [each.value for each in reading.measurements]


def test_one_a_second(emitted: Readings) -> None:
    assert len(emitted(CONTEC.session({}), [frame() * 121])) == 3
    assert len(emitted(BERRY.session({}), [frame() * 201])) == 3


@pytest.mark.parametrize("rate", [30, 127, 128, 200, 254])
def test_all_eight_bits_of_the_rate(rate: int, emitted: Readings) -> None:
    (reading,) = emitted(CONTEC.session({}), [frame(rate=rate)])
    assert values(reading) == [97, rate]


@pytest.mark.parametrize(
    ("b0", "b2", "contec", "berry"),
    [
        (0x08, 0x00, Quality.GOOD, Quality.GOOD),
        (0x01, 0x00, Quality.WEAK_SIGNAL, Quality.WEAK_SIGNAL),
        (0x18, 0x00, Quality.SENSOR_OFF, Quality.SEARCHING),
        (0x28, 0x00, Quality.GOOD, Quality.SENSOR_OFF),
        (0x08, 0x10, Quality.SENSOR_FAULT, Quality.SENSOR_OFF),
        (0x08, 0x20, Quality.SEARCHING, Quality.SEARCHING),
        (0x48, 0x0F, Quality.GOOD, Quality.GOOD),
    ],
)
def test_makers_differ_in_their_bits(b0: int, b2: int, contec: Quality, berry: Quality, emitted: Readings) -> None:
    for driver, quality in ((CONTEC, contec), (BERRY, berry)):
        (reading,) = emitted(driver.session({}), [frame(b0=b0, b2=b2)])
        assert reading.quality == quality
        usable = quality in {Quality.GOOD, Quality.WEAK_SIGNAL}
        assert values(reading) == ([97, 72] if usable else [None, None])


def test_missing_is_absent(emitted: Readings) -> None:
    (reading,) = emitted(CONTEC.session({}), [frame(127, 255)])
    assert values(reading) == [None, None]
    assert reading.quality == Quality.SEARCHING


def test_pleth_on_request(emitted: Readings) -> None:
    readings = emitted(CONTEC.session({"waveform": True}), [b"".join(frame(pleth=at) for at in range(60))])
    (block,) = [reading for reading in readings if reading.cls is ReadingClass.WAVEFORM]
    assert block.samples[0].data == tuple(range(60))


def test_resynchronises_within_a_frame(emitted: Readings) -> None:
    assert len(emitted(BERRY.session({}), [frame()[:3] + frame() * 100])) == 1
