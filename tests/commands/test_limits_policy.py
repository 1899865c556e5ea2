from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub_agent.alarms.limits import Limit
from hub_agent.alarms.limits import Priority as ConditionPriority
from hub_agent.commands import limits_policy
from hub_agent.commands.claims import LimitSetting, LimitsOff, LimitsOn, LimitsSet, NoArgs
from hub_agent.commands.limit_setting import setting_of
from hub_agent.commands.refusal import Refusal
from hub_agent.errors import CommandError
from hub_agent.nomenclature import GLUCOSE_CAPILLARY_PLASMA

SPO2 = "MDC_PULS_OXIM_SAT_O2"
HEART = "MDC_ECG_HEART_RATE"
BASE: dict[str, Any] = {
    "measure": SPO2,
    "device": None,
    "low": "80",
    "high": "100",
    "delay_s": 10,
    "hysteresis": "1",
    "priority": "high",
    "latching": True,
    "enabled": True,
}


def limit(**changes: object) -> LimitSetting:
    return LimitSetting.model_validate(BASE | changes)


def document(*limits: LimitSetting, revision: int = 2) -> LimitsSet:
    return LimitsSet(revision=revision, limits=limits)


@pytest.mark.parametrize(
    ("unit", "low", "delay_s", "after", "later_s", "two"),
    [
        ("mmol/L", "4", 0, "73", 0, False),  # 4 mmol/L are 72.06 mg/dL
        ("mmol/L", "4", 0, "72", 0, True),
        ("mg/dL", "72", 9.6, "72", 9, False),
        ("mg/dL", "72", 9.6, "72", 10, True),
    ],
)
def test_a_limit_of_the_file_is_compared_in_the_unit_and_to_the_second_of_commands(
    unit: str, low: str, delay_s: float, after: str, later_s: int, *, two: bool
) -> None:
    made = Limit(GLUCOSE_CAPILLARY_PLASMA, unit, Decimal(low), None, delay_s=delay_s, priority=ConditionPriority.HIGH)
    mine = setting_of(made)
    changed = mine.model_copy(update={"low": Decimal(after), "delay_s": later_s})
    assert limits_policy.needs_two(document(changed), [mine]) is two


@pytest.mark.parametrize(
    "after",
    [
        (),
        (limit(enabled=False),),
        (limit(low=None),),
        (limit(high=None),),
        (limit(priority="medium"),),
        (limit(device="oximeter"),),
        (limit(measure=HEART, low="40"),),
        (limit(), limit(measure=HEART, low="40", enabled=False)),
        (limit(low="79.9"),),
        (limit(high="100.1"),),
        (limit(delay_s=11),),
        (limit(), limit(device="oximeter", low="60")),
        (limit(), limit(device="oximeter", high=None)),
        (limit(), limit(device="oximeter", enabled=False)),
    ],
    ids=[
        "left-out",
        "disabled",
        "no-low",
        "no-high",
        "lower-priority",
        "one-device",
        "other",
        "a-new-one-disabled",
        "lower-low",
        "higher-high",
        "later",
        "replaced-by-a-looser-own-one",
        "replaced-by-an-own-one-without-high",
        "replaced-by-a-disabled-own-one",
    ],
)
def test_taking_a_high_priority_alarm_away_needs_two(after: tuple[LimitSetting, ...]) -> None:
    assert limits_policy.needs_two(document(*after), [limit()])


@pytest.mark.parametrize(
    "after",
    [
        (limit(),),
        (limit(low="85", high="99", delay_s=5, hysteresis="2", latching=False),),
        (limit(), limit(device="oximeter", low="85")),
        (limit(), limit(priority="medium", low="90", enabled=False)),
        (limit(), limit(measure=HEART, low="40")),
    ],
    ids=["same", "tightened", "tightened-for-one-device", "a-lesser-one-disabled", "one-more"],
)
def test_what_keeps_it_needs_one(after: tuple[LimitSetting, ...]) -> None:
    assert not limits_policy.needs_two(document(*after), [limit()])


def test_dropping_an_own_limit_needs_two_only_where_the_general_one_is_looser() -> None:
    general, own = limit(low="85"), limit(device="oximeter", low="88")
    assert limits_policy.needs_two(document(general), [general, own])
    assert not limits_policy.needs_two(document(own), [own, limit(enabled=False)])
    assert not limits_policy.needs_two(document(general), [general, limit(device="oximeter", low="80")])


def test_taking_lesser_alarms_away_needs_one() -> None:
    assert not limits_policy.needs_two(document(), [limit(priority="medium"), limit(enabled=False)])


@pytest.mark.parametrize(
    ("in_force", "device", "two"),
    [
        (limit(), None, True),
        (limit(), "oximeter", True),
        (limit(device="oximeter"), None, True),
        (limit(device="oximeter"), "oximeter", True),
        (limit(device="oximeter"), "other", False),
        (limit(priority="low"), None, False),
        (limit(enabled=False), None, False),
        (limit(measure=HEART, low="40"), None, False),
    ],
)
def test_switching_off_needs_two_where_it_silences_high(
    in_force: LimitSetting, device: str | None, *, two: bool
) -> None:
    assert limits_policy.needs_two(LimitsOff(measure=SPO2, device=device, for_s=600), [in_force]) is two


def test_other_ops_need_one() -> None:
    assert not limits_policy.needs_two(NoArgs(), [limit()])
    assert not limits_policy.needs_two(LimitsOn(measure=SPO2, device=None), [limit()])


@given(revision=st.integers(1, 20), in_force=st.integers(0, 20))
def test_only_a_newer_document_is_taken(revision: int, in_force: int) -> None:
    args = document(limit(), revision=revision)
    if revision > in_force:
        limits_policy.check(args, [], in_force)
    else:
        with pytest.raises(CommandError) as refusal:
            limits_policy.check(args, [], in_force)
        assert refusal.value.code == Refusal.STALE_REVISION


def test_each_limit_of_a_document_is_held_against_the_bounds() -> None:
    with pytest.raises(CommandError) as refusal:
        limits_policy.check(document(limit(), limit(priority="low", low="0")), [], 0)
    assert refusal.value.code == Refusal.OUT_OF_BOUNDS


@pytest.mark.parametrize(
    "args", [LimitsOff(measure=HEART, device=None, for_s=60), LimitsOn(measure=HEART, device=None)]
)
def test_there_must_be_a_limit_to_switch(args: LimitsOff | LimitsOn) -> None:
    with pytest.raises(CommandError) as refusal:
        limits_policy.check(args, [limit()], 0)
    assert refusal.value.code == Refusal.STATE_FORBIDS
    limits_policy.check(args, [limit(measure=HEART, low="40")], 0)
