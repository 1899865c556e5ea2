"""Hard bounds, names and units."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub_agent.alarms import bounds, measures
from hub_agent.alarms.limits import Limit, Priority
from hub_agent.alarms.units import convert, scale
from hub_agent.errors import ConfigError
from hub_agent.nomenclature import (
    GLUCOSE_CONTROL,
    QUANTITIES,
    SPO2,
    TEMPERATURE,
    TEMPERATURE_FINGER,
    WEIGHT,
)


def test_a_limit_that_watches_nothing_is_refused() -> None:
    faults = bounds.faults(Limit(SPO2, "%", Decimal(0), None))
    assert faults == (("low", "must lie between 80 and 98 %"),)


@pytest.mark.parametrize("low", [Decimal(80), Decimal(98)])
def test_the_bounds_themselves_are_allowed(low: Decimal) -> None:
    assert bounds.faults(Limit(SPO2, "%", low, None)) == ()


def test_bounds_hold_in_every_unit() -> None:
    assert bounds.faults(Limit(TEMPERATURE, "[degF]", Decimal(95), Decimal(102))) == ()
    assert [fault.key for fault in bounds.faults(Limit(TEMPERATURE, "[degF]", Decimal(35), Decimal(102)))] == ["low"]


@pytest.mark.parametrize(
    ("limit", "key", "reason"),
    [
        (Limit(WEIGHT, "kg", Decimal(50), None), "measure", "no limit can be set on weight"),
        (Limit(GLUCOSE_CONTROL, "mg/dL", Decimal(50), None), "measure", "no limit can be set on"),
        (Limit(SPO2, "/min", Decimal(90), None), "unit", "is measured in %"),
        (Limit(SPO2, "%", Decimal(90), None, hysteresis=Decimal(15)), "hysteresis", "would never end"),
        (Limit(SPO2, "%", Decimal(90), None, delay_s=61), "delay_s", "at most 60"),
    ],
)
def test_what_leaves_the_bounds_is_named(limit: Limit, key: str, reason: str) -> None:
    (fault,) = bounds.faults(limit)
    assert fault.key == key
    assert reason in fault.reason


def test_two_limits_of_one_key_cannot_be_in_force_together() -> None:
    one = Limit(SPO2, "%", Decimal(90), None)
    with pytest.raises(ConfigError, match="same measure, device and priority"):
        bounds.checked([one, Limit(SPO2, "%", Decimal(88), None)])
    graver = Limit(SPO2, "%", Decimal(85), None, priority=Priority.HIGH)
    assert bounds.checked([one, graver]) == (one, graver)
    with pytest.raises(ConfigError, match="MDC_PULS_OXIM_SAT_O2: low must lie"):
        bounds.checked([Limit(SPO2, "%", Decimal(1), None)])


def test_every_short_name_has_bounds_in_a_unit_of_its_quantities() -> None:
    for codes in measures.ALIASES.values():
        for code in codes:
            row = bounds.BOUNDS[code]
            assert row.unit == QUANTITIES[code].units[0]
            assert row.low[0] < row.low[1] <= row.high[1]
            assert row.low[0] <= row.high[0] < row.high[1]


def test_names() -> None:
    assert measures.codes("spo2") == (SPO2,) == measures.codes("MDC_PULS_OXIM_SAT_O2")
    assert TEMPERATURE_FINGER not in measures.codes("temperature")
    assert {"spo2", "MDC_TEMP_BODY"} <= set(measures.names())
    with pytest.raises(KeyError):
        measures.codes("sp02")


@pytest.mark.parametrize(
    ("value", "unit", "to", "expected"),
    [
        ("37.0", "Cel", "[degF]", "98.6"),
        ("98.6", "[degF]", "Cel", "37"),
        ("120", "mm[Hg]", "kPa", "15.9986864898"),
        ("70", "kg", "[lb_av]", "154.323583529"),
        ("5.5", "mmol/L", "mg/dL", "99.0858"),
        ("36.40", "Cel", "Cel", "36.40"),
        ("71", "[in_i]", "m", "1.8034"),
    ],
)
def test_units(value: str, unit: str, to: str, expected: str) -> None:
    assert convert(Decimal(value), unit, to).quantize(Decimal(expected)) == Decimal(expected)


def test_units_of_different_things_do_not_convert() -> None:
    with pytest.raises(ConfigError):
        convert(Decimal(1), "kg", "Cel")
    assert scale(Decimal(1), "Cel", "[degF]") == Decimal("1.8")


PAIRS = [
    (one, other)
    for code in bounds.BOUNDS  # only what can have a limit is ever compared
    for one in QUANTITIES[code].units
    for other in QUANTITIES[code].units
    if one != other
]


@given(st.sampled_from(PAIRS), st.decimals(min_value=1, max_value=500, places=2))
def test_every_pair_of_units_of_a_quantity_converts_there_and_back(pair: tuple[str, str], value: Decimal) -> None:
    one, other = pair
    assert abs(convert(convert(value, one, other), other, one) - value) < Decimal("1e-20")
