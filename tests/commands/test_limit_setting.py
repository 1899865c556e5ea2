from decimal import Decimal

import pytest

from hub_agent.alarms.limits import Limit, Priority
from hub_agent.commands import limits_policy
from hub_agent.commands.claims import LimitSetting, LimitsSet
from hub_agent.commands.limit_setting import setting_of
from hub_agent.model import Code, Unit
from hub_agent.nomenclature import GLUCOSE_CAPILLARY_PLASMA, SYSTOLIC, TEMPERATURE, quantity


def configured(
    measure: Code, unit: Unit, *, low: str | None = None, high: str | None = None, delay_s: float = 0.0
) -> Limit:
    low_value, high_value = None if low is None else Decimal(low), None if high is None else Decimal(high)
    return Limit(measure, unit, low_value, high_value, delay_s=delay_s, hysteresis=Decimal(1), priority=Priority.HIGH)


def needs_two(before: Limit, **after: object) -> bool:
    setting: LimitSetting = setting_of(before).model_copy(update=after)
    return limits_policy.needs_two(LimitsSet(revision=2, limits=(setting,)), (setting_of(before),))


def test_a_limit_is_spelt_in_the_first_unit_of_its_measure() -> None:
    setting = setting_of(configured(GLUCOSE_CAPILLARY_PLASMA, "mmol/L", low="4", high="20"))
    assert quantity(GLUCOSE_CAPILLARY_PLASMA).units[0] == "mg/dL"
    assert (setting.low, setting.high, setting.hysteresis) == (
        Decimal("72.0624"),
        Decimal("360.312"),
        Decimal("18.0156"),
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (configured(TEMPERATURE, "[degF]", high="102.2"), {"high": Decimal(41)}),  # 39 Cel
        (configured(GLUCOSE_CAPILLARY_PLASMA, "mmol/L", low="4"), {"low": Decimal(54)}),
        (configured(SYSTOLIC, "kPa", low="12"), {"low": Decimal(80)}),  # 90 mm[Hg]
        (configured(TEMPERATURE, "Cel", high="39", delay_s=3.5), {"delay_s": 4}),
    ],
    ids=["fahrenheit", "millimoles", "kilopascals", "a-part-of-a-second"],
)
def test_a_limit_that_the_configuration_gives_in_another_unit_is_loosened_by_two_people_only(
    before: Limit, after: dict[str, object]
) -> None:
    assert needs_two(before, **after)
    assert not needs_two(before)
