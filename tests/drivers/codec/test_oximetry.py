"""The rules of every oximeter."""

from decimal import Decimal

import pytest

from hub_agent.model import Absent, Quality
from hub_drivers.codec.number import hundredths, tenths, whole
from hub_drivers.codec.oximetry import flag_implausible, oximetry, perfusion


def test_values_stay_exact() -> None:
    reading = oximetry(97, 300, more=(perfusion(Decimal("0.55")),))
    assert [str(each.value) for each in reading.measurements] == ["97", "300", "0.55"]
    assert reading.quality == Quality.GOOD


@pytest.mark.parametrize(
    ("quality", "why"),
    [
        (Quality.SENSOR_OFF, Absent.NOT_PERFORMED),
        (Quality.SENSOR_FAULT, Absent.ERROR),
        (Quality.INVALID | Quality.SENSOR_OFF, Absent.ERROR),
        (Quality.SEARCHING, Absent.UNKNOWN),
    ],
)
def test_no_signal_leaves_no_value(quality: Quality, why: Absent) -> None:
    reading = oximetry(97, 72, quality, more=(perfusion(Decimal(3), quality),))
    assert [(each.value, each.absent) for each in reading.measurements] == [(None, why)] * 3


@pytest.mark.parametrize("nothing", [None, 0])
def test_zero_is_none_and_both_missing_is_a_search(nothing: int | None) -> None:
    reading = oximetry(nothing, nothing)
    assert [each.value for each in reading.measurements] == [None, None]
    assert reading.quality == Quality.SEARCHING


def test_perfusion_without_saturation_and_pulse_is_none_either() -> None:
    reading = oximetry(None, 0, more=(perfusion(Decimal("0.00")), perfusion(None)))
    assert {(each.value, each.absent) for each in reading.measurements} == {(None, Absent.UNKNOWN)}
    assert reading.quality == Quality.SEARCHING


def test_memory_does_not_search() -> None:
    reading = oximetry(None, None, Quality.CLOCK_NOT_SET, stored=True)
    assert {(each.value, each.absent) for each in reading.measurements} == {(None, Absent.UNKNOWN)}
    assert reading.quality == Quality.CLOCK_NOT_SET


def test_one_missing_is_no_search() -> None:
    reading = oximetry(97, None)
    assert [each.value for each in reading.measurements] == [97, None]
    assert reading.quality == Quality.GOOD


@pytest.mark.parametrize(("spo2", "rate"), [(101, 72), (97, 9), (97, 401), (97, 65535), (9999, 72)])
def test_impossible_values_are_kept_and_flagged(spo2: int, rate: int) -> None:
    reading = oximetry(spo2, rate)
    assert reading.quality == Quality.IMPLAUSIBLE
    assert [each.value for each in reading.measurements] == [spo2, rate]
    assert flag_implausible({"spo2": spo2, "pulse_rate": rate})["implausible"] is True


def test_plausible_fields_are_left_alone() -> None:
    assert flag_implausible({"spo2": 0, "pulse_rate": 0}) == {"spo2": 0, "pulse_rate": 0}


def test_numbers_keep_their_places() -> None:
    assert [str(whole(700)), str(tenths(120)), str(tenths(300)), str(hundredths(5))] == ["700", "12.0", "30.0", "0.05"]
