from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from hub_agent.commands.claims import LimitSetting, LimitsOff, LimitsSet, NoArgs
from hub_agent.commands.ops import OPS

BASE: dict[str, Any] = {
    "measure": "MDC_TEMP_BODY",
    "device": "thermometer-1",
    "low": "35.00",
    "high": None,
    "delay_s": 0,
    "hysteresis": "0.2",
    "priority": "medium",
    "latching": False,
    "enabled": True,
}


def test_decimals_arrive_as_written() -> None:
    setting = LimitSetting.model_validate(BASE)
    assert str(setting.low) == "35.00"
    assert str(setting.hysteresis) == "0.2"


@given(value=st.decimals(-9999, 9999, places=3))
def test_each_decimal_survives(value: Decimal) -> None:
    assert LimitSetting.model_validate(BASE | {"low": str(value)}).low == value


@pytest.mark.parametrize(
    "low", [35, 35.5, True, "", " 35", "35 ", "3e1", "NaN", "Infinity", "+35", "٣٥", "99999", "1.2345"]
)
def test_what_is_no_decimal_string_is_refused(low: object) -> None:
    with pytest.raises(ValidationError):
        LimitSetting.model_validate(BASE | {"low": low})


@pytest.mark.parametrize(
    "change",
    [
        {"measure": "MDC_NOTHING"},
        {"measure": 150456},
        {"device": "Two Words"},
        {"device": ""},
        {"low": None},
        {"high": "35.00"},
        {"high": "34"},
        {"delay_s": -1},
        {"delay_s": 61},
        {"delay_s": "5"},
        {"delay_s": True},
        {"hysteresis": "-0.1"},
        {"priority": "none"},
        {"latching": 1},
        {"enabled": "yes"},
        {"comment": "x"},
    ],
)
def test_a_setting_out_of_shape_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        LimitSetting.model_validate(BASE | change)


@pytest.mark.parametrize("missing", sorted(BASE))
def test_nothing_is_left_to_a_default(missing: str) -> None:
    with pytest.raises(ValidationError):
        LimitSetting.model_validate({name: value for name, value in BASE.items() if name != missing})


def test_one_limit_for_each_measure_device_and_priority() -> None:
    twice = {"revision": 1, "limits": [BASE, BASE | {"low": "34"}]}
    with pytest.raises(ValidationError):
        LimitsSet.model_validate(twice)
    both = {"revision": 1, "limits": [BASE, BASE | {"low": "34", "priority": "high"}]}
    assert len(LimitsSet.model_validate(both).limits) == 2


@pytest.mark.parametrize("for_s", [59, 4 * 3600 + 1, None, "600"])
def test_off_is_bounded(for_s: object) -> None:
    with pytest.raises(ValidationError):
        LimitsOff.model_validate({"measure": "MDC_TEMP_BODY", "device": None, "for_s": for_s})


def test_no_arguments_are_none() -> None:
    assert NoArgs.model_validate({}) == NoArgs()
    with pytest.raises(ValidationError):
        NoArgs.model_validate({"force": True})


def test_arguments_are_values() -> None:
    args = LimitsSet.model_validate({"revision": 1, "limits": [BASE]})
    assert hash(args) == hash(LimitsSet.model_validate({"revision": 1, "limits": [BASE]}))
    with pytest.raises(ValidationError):
        args.revision = 2


def test_every_op_is_somebodys_and_lives_a_day_at_most() -> None:
    assert all(op.roles and 0 < op.lifetime_s <= 86_400 for op in OPS.values())
