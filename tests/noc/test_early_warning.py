"""NEWS2 from the chart: the newest usable value of each input, what is missing or too old by name."""

import json
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from hub_agent import nomenclature as mdc
from hub_agent.alarms.news2 import Observed, Parameter, Risk, score
from hub_agent.errors import ConfigError
from hub_agent.model import Code, Measurement, Quality, Reading, ReadingClass, ReceivedReading, Unit
from hub_agent.noc.cli import app
from hub_agent.noc.early_warning import answer, ask, lines, observed
from hub_agent.noc.rows import rows_of
from tests.noc.conftest import Bench, Hub
from tests.noc.ends import CLOCK

NOW_S = 1_800_000_000.0
Row = tuple[int | None, int, bool, str]


def row(age_s: float, *measurements: tuple[Code, Unit, str], quality: int = 0, stored: bool = False) -> Row:
    """A row of the chart, spelled as the NOC spells it."""
    reading = Reading(ReadingClass.EPISODIC, tuple(Measurement(c, u, Decimal(v)) for c, u, v in measurements))
    (columns, _), *_ = rows_of([ReceivedReading("any", reading, CLOCK.stamp())]).readings
    text = next(part for part in columns if isinstance(part, str) and part.startswith("[["))
    return round((NOW_S - age_s) * 1000), quality, stored, text


SET = [
    row(5, (mdc.SPO2, "%", "95"), (mdc.PULSE_RATE_OXIMETER, "/min", "95")),
    row(60, (mdc.SYSTOLIC, "kPa", "14.0"), (mdc.PULSE_RATE_NIBP, "/min", "88")),
    row(90, (mdc.TEMPERATURE_EAR, "[degF]", "101.3")),
    row(120, (mdc.RESPIRATION_RATE, "/min", "22")),
]


def scored(rows: Sequence[Row], window_s: float = 900) -> tuple[int | None, Risk | None]:
    inputs = observed(rows).inputs | {
        Parameter.CONSCIOUSNESS: Observed("A", NOW_S),
        Parameter.OXYGEN: Observed(False, NOW_S),
    }
    found = score(inputs, at_s=NOW_S, window_s=window_s, scale=1)
    return found.total, found.risk


def test_the_newest_of_each_input_in_the_score_s_units() -> None:
    found = observed(SET).inputs
    assert {one: (round(said.value, 1), NOW_S - said.at_s) for one, said in found.items()} == {  # type: ignore[arg-type]
        Parameter.SPO2: (95, 5),
        Parameter.PULSE: (95, 5),  # not the cuff's, which is older
        Parameter.SYSTOLIC: (Decimal("105.0"), 60),
        Parameter.TEMPERATURE: (Decimal("38.5"), 90),
        Parameter.RESPIRATION: (22, 120),
    }
    assert scored(SET) == (6, Risk.MEDIUM)  # 1 + 1 + 1 + 1 + 2


@given(st.permutations(SET))
def test_the_order_of_rows_changes_nothing(rows: list[Row]) -> None:
    assert observed(rows) == observed(SET)


@pytest.mark.parametrize(
    "worse",
    [
        row(1, (mdc.SPO2, "%", "80"), stored=True),
        row(1, (mdc.SPO2, "%", "80"), quality=int(Quality.SENSOR_OFF)),
        (None, *row(1, (mdc.SPO2, "%", "80"))[1:]),
        (round(NOW_S * 1000), 0, False, '[[150456,"%",null,"error"]]'),
    ],
)
def test_what_no_limit_would_be_judged_on_is_passed_over(worse: Row) -> None:
    assert observed([worse, *SET]) == observed(SET)


def test_what_is_too_old_gives_no_total_and_is_named() -> None:
    inputs = observed(SET).inputs
    found = score(inputs, at_s=NOW_S, window_s=100, scale=1)
    said = list(lines("hub-1", answer(found, inputs, (), NOW_S)))
    assert said[0] == "hub-1: no NEWS2: oxygen is missing, consciousness is missing, respiration is too old"
    assert any(line.split() == ["respiration", "22.0", "/min", "120", "s", "ago", "too", "old"] for line in said)


def test_what_nobody_can_date_is_no_input_and_told_from_what_is_missing() -> None:
    undated = [(None, *one[1:]) for one in SET[2:]]  # temperature and respiration
    inputs, without_time = observed([*undated, *SET[:2]])
    assert without_time == {Parameter.TEMPERATURE, Parameter.RESPIRATION}
    said = answer(score(inputs, at_s=NOW_S, window_s=900, scale=1), inputs, without_time, NOW_S)
    assert (said["missing"], said["undated"]) == (["oxygen", "consciousness"], ["respiration", "temperature"])
    (first, *_) = lines("hub-1", said)
    assert "consciousness is missing" in first
    assert "respiration has no time, for the hub's clock was not set" in first
    assert observed([*undated, *SET]) == observed(SET)  # where another value has a time, that one counts


def test_the_command_reads_the_chart(bench: Bench, hub: Hub, tmp_path: Path) -> None:
    reading = Reading(ReadingClass.CONTINUOUS, (Measurement(mdc.SPO2, "%", Decimal(91)),))
    stamp = CLOCK.stamp()
    bench.intake.take([hub.keys(), hub.batch([ReceivedReading("oximeter", reading, stamp)])], stamp.wall_ns // 10**6)
    bench.store.close()
    runner = CliRunner()
    path = next(tmp_path.glob("*.db"))
    done = runner.invoke(app, ["news2", "hub-1", "--store", str(path), "--consciousness", "V", "--oxygen", "--json"])
    said = json.loads(done.stdout)
    assert (said["total"], said["risk"]) == (None, None)
    assert said["missing"] == ["respiration", "systolic", "pulse", "temperature"]
    assert said["undated"] == []
    assert {name: one["points"] for name, one in said["inputs"].items()} == {
        "spo2": 3,
        "consciousness": 3,
        "oxygen": 2,
    }
    assert said["inputs"]["spo2"]["age_s"] < 60
    with pytest.raises(ConfigError, match="not registered"):
        ask(path, "hub-9", None, None, window_s=900, scale=1)
