"""The rules that hold for every family's readings."""

from decimal import Decimal

import pytest

from hub_agent import nomenclature as mdc
from hub_agent.model import Absent, Measurement, Quality, ReadingClass
from hub_drivers.codec.plausibility import BOUNDS, assess, gated, unless_zero

EPISODIC = ReadingClass.EPISODIC


def _spo2(value: str) -> Measurement:
    return Measurement(mdc.SPO2, "%", Decimal(value))


@pytest.mark.parametrize("value", ["20", "97.5", "100"])
def test_within_the_bounds(value: str) -> None:
    assert assess(EPISODIC, (_spo2(value),)).quality is Quality.GOOD


@pytest.mark.parametrize("value", ["19.9", "100.1", "-3"])
def test_beyond_the_bounds_is_quarantined_with_its_value(value: str) -> None:
    reading = assess(EPISODIC, (_spo2(value), Measurement(mdc.PULSE_RATE_OXIMETER, "/min", Decimal(60))))
    assert reading.quality is Quality.IMPLAUSIBLE
    assert reading.measurements[0].value == Decimal(value)
    assert gated({"spo2": 1}, reading) == {"spo2": 1, "implausible": True}


def test_every_bound_belongs_to_a_unit_of_its_quantity() -> None:
    for (code, unit), (low, high) in BOUNDS.items():
        assert unit in mdc.quantity(code).units
        assert low < high


def test_an_invalid_reading_has_no_values_but_its_battery() -> None:
    reading = assess(EPISODIC, (_spo2("97"), Measurement(mdc.BATTERY, "%", Decimal(50))), Quality.INVALID)
    assert [each.absent for each in reading.measurements] == [Absent.ERROR, None]


def test_an_invalid_reading_keeps_the_reason_it_has() -> None:
    missing = Measurement(mdc.SPO2, "%", None, Absent.NOT_A_NUMBER)
    assert assess(EPISODIC, (missing,), Quality.INVALID).measurements == (missing,)


@pytest.mark.parametrize("absent", [Absent.POSITIVE_INFINITY, Absent.NEGATIVE_INFINITY])
def test_an_infinity_is_out_of_range(absent: Absent) -> None:
    reading = assess(EPISODIC, (Measurement(mdc.SPO2, "%", None, absent),))
    assert reading.quality is Quality.OUT_OF_RANGE


def test_a_zero_is_nothing_measured() -> None:
    assert unless_zero(_spo2("0.0")) == Measurement(mdc.SPO2, "%", None, Absent.UNKNOWN)
    assert unless_zero(_spo2("0.1")) == _spo2("0.1")
