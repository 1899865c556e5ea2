from collections.abc import Iterable
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub_agent import nomenclature
from hub_agent.commands import limits_bounds
from hub_agent.commands.claims import LimitSetting
from hub_agent.commands.limits_bounds import BOUNDS
from hub_agent.commands.refusal import Refusal
from hub_agent.errors import CommandError

SPO2 = "MDC_PULS_OXIM_SAT_O2"
tenths = st.integers(-1000, 4000).map(lambda number: Decimal(number).scaleb(-1))


def setting(measure: str, low: Decimal | str | None, high: Decimal | str | None, hysteresis: str = "0") -> LimitSetting:
    return LimitSetting(
        measure=measure,
        device=None,
        low=None if low is None else Decimal(low),
        high=None if high is None else Decimal(high),
        delay_s=0,
        hysteresis=Decimal(hysteresis),
        priority="medium",
        latching=False,
        enabled=True,
    )


def allowed(limit: LimitSetting) -> bool:
    try:
        limits_bounds.check(limit)
    except CommandError as refusal:
        assert refusal.code == Refusal.OUT_OF_BOUNDS  # noqa: PT017 - the other branch is an answer too
        return False
    return True


@pytest.mark.parametrize(
    ("low", "high", "good"),
    [
        ("70", None, True),
        ("69.9", None, False),
        ("0", None, False),
        ("-5", None, False),
        ("98", None, True),
        ("98.1", None, False),
        (None, "100", True),
        (None, "100.1", False),
        (None, "85", True),
        (None, "84", False),
        ("88", "92", True),
    ],
)
def test_saturation(low: str | None, high: str | None, good: bool) -> None:  # noqa: FBT001
    assert allowed(setting(SPO2, low, high)) is good


@given(measure=st.sampled_from(sorted(BOUNDS)), low=st.none() | tenths, high=st.none() | tenths, data=st.data())
def test_whatever_passes_is_within(
    measure: str, low: Decimal | None, high: Decimal | None, data: st.DataObject
) -> None:
    if low is None and high is None:
        low = data.draw(tenths)
    if low is not None and high is not None and low >= high:
        low = None
    bounds = BOUNDS[measure]
    within = (low is None or bounds.low.lowest <= low <= bounds.low.highest) and (
        high is None or bounds.high.lowest <= high <= bounds.high.highest
    )
    assert allowed(setting(measure, low, high)) is within


def test_hysteresis_is_bounded() -> None:
    assert allowed(setting(SPO2, "90", None, "3"))
    assert not allowed(setting(SPO2, "90", None, "3.1"))


def test_a_measure_without_bounds_can_have_no_limit() -> None:
    assert not allowed(setting("MDC_MASS_BODY_ACTUAL", None, "90"))


def _sides() -> Iterable[tuple[str, Decimal, Decimal]]:
    for measure, bounds in BOUNDS.items():
        yield measure, bounds.low.lowest, bounds.low.highest
        yield measure, bounds.high.lowest, bounds.high.highest


@pytest.mark.parametrize(("measure", "lowest", "highest"), list(_sides()))
def test_the_table_is_sound(measure: str, lowest: Decimal, highest: Decimal) -> None:
    assert nomenclature.by_refid(measure).units
    assert 0 < lowest < highest
    bounds = BOUNDS[measure]
    assert bounds.low.lowest < bounds.high.lowest
    assert bounds.low.highest < bounds.high.highest
    assert 0 < bounds.hysteresis < bounds.low.highest - bounds.low.lowest


NEWS2_RED = {
    "MDC_PULS_OXIM_SAT_O2": ("83", None),
    "MDC_RESP_RATE": ("8", "25"),
    "MDC_PRESS_BLD_NONINV_SYS": ("90", "220"),
    "MDC_PULS_OXIM_PULS_RATE": ("40", "131"),
    "MDC_TEMP_BODY": ("35.0", "39.1"),
}


@pytest.mark.parametrize("measure", sorted(NEWS2_RED))
def test_every_outermost_band_of_news2_can_be_a_limit(measure: str) -> None:
    low, high = NEWS2_RED[measure]
    assert allowed(setting(measure, low, high))
