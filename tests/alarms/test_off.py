from decimal import Decimal

from hub_agent.alarms.limits import Limit, Priority
from hub_agent.alarms.off import Off
from hub_agent.nomenclature import HEART_RATE, SPO2

GENERAL = Limit(SPO2, "%", Decimal(90), None, priority=Priority.HIGH)
OWN = Limit(SPO2, "%", Decimal(85), None, device="cuff", priority=Priority.HIGH)


def test_off_for_one_device_spares_that_device_alone() -> None:
    off = Off()
    off.begin(SPO2, "oximeter", 10)
    general, spared = off.apply([GENERAL])
    assert general == GENERAL
    assert (spared.device, spared.enabled, spared.priority) == ("oximeter", False, Priority.HIGH)


def test_off_for_a_device_with_a_limit_of_its_own_switches_that_one_off() -> None:
    off = Off()
    off.begin(SPO2, "cuff", 10)
    limits = {limit.device: limit.enabled for limit in off.apply([GENERAL, OWN])}
    assert limits == {None: True, "cuff": False}


def test_on_for_all_ends_what_is_off_for_one() -> None:
    off = Off()
    off.begin(SPO2, "oximeter", 10)
    off.begin(SPO2, None, 10)
    off.begin(HEART_RATE, "oximeter", 10)
    assert off.of_all(SPO2)
    assert off.end(SPO2, None)
    assert off.apply([GENERAL]) == (GENERAL,)
    assert not off.end(SPO2, "oximeter")
    assert off.end(HEART_RATE, "oximeter")


def test_off_for_all_switches_everything_off_until_it_is_over() -> None:
    off = Off()
    off.begin(SPO2, None, 10)
    assert [limit.enabled for limit in off.apply([GENERAL, OWN])] == [False, False]
    assert not off.expire(9)
    assert off.expire(10)
    assert off.apply([GENERAL, OWN]) == (GENERAL, OWN)
