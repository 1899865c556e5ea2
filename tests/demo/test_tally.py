"""What the demo's screen says of the NOC's lines."""

from collections.abc import Mapping
from typing import Any

from hub_agent.demo.tally import Tally


def _reading(*measurements: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "reading", "device": "cuff", "received_at": "now", "measurements": [*measurements]}


def _one(refid: str, value: float, ucum: str) -> dict[str, Any]:
    return {"mdc": 1, "refid": refid, "value": value, "ucum": ucum}


def _alarm(number: int) -> dict[str, Any]:
    fields = {"priority": "low", "condition": "low_battery", "device": "cuff", "value": None, "presence": "on"}
    return {"type": "event", "kind": "alarm", "fields": {**fields, "id": str(number)}}


def test_a_blood_pressure_stands_as_on_paper_and_a_part_of_one_by_its_name() -> None:
    tally = Tally()
    parts = [
        _one(f"MDC_PRESS_BLD_NONINV_{name}", value, "mm[Hg]")
        for name, value in (("SYS", 121), ("DIA", 77), ("MEAN", 91.7))
    ]
    tally.take(_reading(*parts, _one("MDC_PULS_RATE_NON_INV", 78, "/min")), 1.0)
    assert tally.values["cuff"] == "BP 121/77 (91.7) mm[Hg], pulse 78 /min"
    tally.take(_reading(parts[0], {**parts[1], "value": 1} | {"refid": "MDC_TEMP_BODY", "ucum": "Cel"}), 2.0)
    assert tally.values["cuff"] == "sys 121 mm[Hg], temp 1 Cel"


def test_the_newest_alarm_event_stands_first_and_old_ones_go() -> None:
    tally = Tally()
    for number in range(9):
        tally.take(_alarm(number), 0.0)
    tally.take(_alarm(9) | {"fields": {**_alarm(9)["fields"], "presence": "off"}}, 0.0)
    assert len(tally.news) == 6
    assert tally.news[0].split() == ["low", "low_battery", "cuff", "off"]
    assert tally.alarms == 9
