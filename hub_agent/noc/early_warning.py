"""A hub's NEWS2 from its chart and what people say of the patient.

Owns: which charted reading is which input of the score, and how a score is shown.
Never: scores (``alarms.news2`` does), imputes, or keeps a score: it is an answer to a question, not an alarm.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from hub_agent.alarms import measures
from hub_agent.alarms.news2 import Consciousness, News2, Observed, Parameter, score
from hub_agent.alarms.units import convert
from hub_agent.clock import SystemClock
from hub_agent.errors import ConfigError
from hub_agent.model import UNUSABLE, Code, Unit
from hub_agent.noc.store import Store

LOOK_BACK_S: Final = 4 * 3600
"""An input that is older than this is missing, no longer stale."""

_INPUTS: Final[Mapping[Code, tuple[Parameter, Unit]]] = {
    code: (parameter, unit)
    for parameter, unit, names in (
        (Parameter.RESPIRATION, "/min", ("respiration",)),
        (Parameter.SPO2, "%", ("spo2",)),
        (Parameter.SYSTOLIC, "mm[Hg]", ("systolic",)),
        (Parameter.PULSE, "/min", ("pulse", "heart-rate")),
        (Parameter.TEMPERATURE, "Cel", ("temperature",)),
    )
    for name in names
    for code in measures.codes(name)
}
_UNITS: Final = dict(_INPUTS.values())


class Found(NamedTuple):
    """What a chart holds of the inputs.

    Attributes:
        inputs: those that were found, in the units of the score, with their times in seconds since 1970.
        undated: others, of which there are only values that nobody can date yet: the hub's clock was not set.
    """

    inputs: dict[Parameter, Observed]
    undated: frozenset[Parameter]


def observed(rows: Iterable[tuple[int | None, int, bool, str]]) -> Found:
    """Take the newest usable value of each input.

    Args:
        rows: as :meth:`hub_agent.noc.chart.Chart.newest` gives them. What comes from a device's memory, or is of a
            quality that no limit is judged on, is passed over.
    """
    found: dict[Parameter, Observed] = {}
    undated: set[Parameter] = set()
    for received_ms, quality, stored, text in rows:
        if stored or quality & int(UNUSABLE):
            continue
        for code, unit, value, *_ in json.loads(text, parse_float=Decimal, parse_int=Decimal):
            wanted = _INPUTS.get(Code(int(code)))
            if wanted is None or value is None:
                continue
            parameter, of_score = wanted
            if received_ms is None:
                undated.add(parameter)
            elif parameter not in found or found[parameter].at_s < received_ms / 1000:
                found[parameter] = Observed(convert(value, unit, of_score), received_ms / 1000)
    return Found(found, frozenset(undated - found.keys()))


def ask(
    path: Path,
    hub: str,
    consciousness: Consciousness | None,
    oxygen: bool | None,  # noqa: FBT001 - one of the two things that people say
    *,
    window_s: float,
    scale: Literal[1, 2],
) -> dict[str, Any]:
    """Score a hub's patient now.

    Args:
        path: the NOC's database.
        hub: which.
        consciousness: as seen just now; None: nobody looked.
        oxygen: whether it is being given; None: nobody said.
        window_s: how old an input may be.
        scale: of SpO2.

    Raises:
        ConfigError: no such hub.
        StorageError: the database cannot be read.
    """
    now_s = SystemClock().stamp().wall_ns / 1e9
    with Store(path) as store, store.look():
        if hub not in {seen.name for seen in store.hubs.seen()}:
            raise ConfigError(f"{hub} is not registered", hint="`hub-noc hub list` shows those that are")
        inputs, undated = observed(store.chart.newest(hub, round((now_s - LOOK_BACK_S) * 1000)))
    if consciousness is not None:
        inputs[Parameter.CONSCIOUSNESS] = Observed(consciousness, now_s)
    if oxygen is not None:
        inputs[Parameter.OXYGEN] = Observed(oxygen, now_s)
    return answer(score(inputs, at_s=now_s, window_s=window_s, scale=scale), inputs, undated, now_s)


def answer(
    scored: News2, inputs: Mapping[Parameter, Observed], undated: Collection[Parameter], at_s: float
) -> dict[str, Any]:
    """Spell a score for programs: each input that it lacks is ``missing``, ``stale`` or ``undated``."""
    return {
        "total": scored.total,
        "risk": scored.risk,
        "inputs": {
            one.value: {
                "value": said.value if isinstance(said.value, str | bool) else float(said.value),
                "unit": _UNITS.get(one, ""),
                "age_s": round(at_s - said.at_s, 1),
                "points": scored.points.get(one),
            }
            for one, said in inputs.items()
        },
        "missing": [one for one in scored.missing if one not in undated],
        "stale": list(scored.stale),
        "undated": [one for one in scored.missing if one in undated],
    }


def lines(hub: str, said: Mapping[str, Any]) -> Iterator[str]:
    """Spell the same for people."""
    if said["total"] is None:
        reasons = [f"{name} is missing" for name in said["missing"]] + [f"{name} is too old" for name in said["stale"]]
        reasons += [f"{name} has no time, for the hub's clock was not set" for name in said["undated"]]
        yield f"{hub}: no NEWS2: {', '.join(reasons)}"
    else:
        yield f"{hub}: NEWS2 {said['total']}, clinical risk {said['risk']}"
    for name, one in said["inputs"].items():
        points = "too old" if one["points"] is None else f"{one['points']} points"
        value = {True: "yes", False: "no"}.get(one["value"]) if isinstance(one["value"], bool) else one["value"]
        shown = f"{value} {one['unit']}".strip()
        yield f"  {name:14} {shown:12} {one['age_s']:6.0f} s ago  {points}"
