"""What the demo counts: from what the devices gave to what the NOC charted.

Owns: the sums of the last line. Never: believes the agent's word where the NOC's can be had.
"""

from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from hub_agent.nomenclature import BATTERY

_LAST: Final = 6


@dataclass(slots=True)
class Tally:
    """What `hub-noc collect` printed.

    Attributes:
        charted: readings, as the NOC charted them; battery levels are not among what devices count as readings.
        duplicates: readings charted more than once.
        values: device → its newest values, as text.
        charted_at_s: device → when the demo saw its newest reading.
        alarms: how often an alarm began.
        news: the newest alarm events, as text, newest first.
    """

    charted: int = 0
    duplicates: int = 0
    values: dict[str, str] = field(default_factory=dict)
    charted_at_s: dict[str, float] = field(default_factory=dict)
    alarms: int = 0
    news: deque[str] = field(default_factory=lambda: deque(maxlen=_LAST))
    _seen: Counter[tuple[Any, ...]] = field(default_factory=Counter)
    _started: set[str] = field(default_factory=set)

    def take(self, line: Mapping[str, Any], now_s: float) -> None:
        """Count one line of the NOC."""
        if line["type"] == "reading":
            self._reading(line, now_s)
        elif line["type"] == "event" and line["kind"] == "alarm":
            self._alarm(line["fields"])

    def _reading(self, line: Mapping[str, Any], now_s: float) -> None:
        measurements = line["measurements"]
        if measurements and all(one["mdc"] == BATTERY for one in measurements):
            return
        self.charted += 1
        # What a reading is, whatever batch it came in: the same twice is a duplicate, and no clock makes it another.
        key = (line["device"], line["received_at"], str(measurements), line.get("record"), line.get("device_time"))
        self._seen[key] += 1
        if self._seen[key] > 1:
            self.duplicates += 1
        device = line["device"]
        self.charted_at_s[device] = now_s
        self.values[device] = ", ".join(_spelled(measurements))

    def _alarm(self, fields: Mapping[str, Any]) -> None:
        if fields["presence"] == "on" and fields["id"] not in self._started:
            self._started.add(fields["id"])
            self.alarms += 1
        value = "" if fields["value"] is None else f" {fields['value']} {fields['unit']}"
        self.news.appendleft(
            f"{fields['priority']:6} {fields['condition']:14} {fields['device'] or 'hub':9}{value} {fields['presence']}"
        )


def _spelled(measurements: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Spell a reading's values; a blood pressure as on paper, systolic/diastolic (mean)."""
    values = {one["refid"]: one for one in measurements if "value" in one}
    whole = values.keys() >= set(_PRESSURES)
    if whole:
        systolic, diastolic, mean = (f"{values[name]['value']:.4g}" for name in _PRESSURES)
        yield f"BP {systolic}/{diastolic} ({mean}) {values[_PRESSURES[0]]['ucum']}"
    yield from (_spell(one) for one in measurements if not (whole and one["refid"] in _PRESSURES))


def _spell(one: Mapping[str, Any]) -> str:
    name = (one["refid"] or str(one["mdc"])).removeprefix("MDC_")
    short = _SHORT.get(name, name.lower())
    # As many digits as people read; the wire carries what the device meant.
    return f"{short} {one['value']:.4g} {one['ucum']}" if "value" in one else f"{short} ({one['absent']})"


_PRESSURES: Final = ("MDC_PRESS_BLD_NONINV_SYS", "MDC_PRESS_BLD_NONINV_DIA", "MDC_PRESS_BLD_NONINV_MEAN")
_SHORT: Final = {
    "PULS_OXIM_SAT_O2": "SpO₂",
    "PULS_OXIM_PULS_RATE": "pulse",
    "PULS_OXIM_PERF_REL": "PI",
    "ECG_HEART_RATE": "HR",
    "ECG_TIME_PD_RR_GL": "RR",
    "PRESS_BLD_NONINV_SYS": "sys",
    "PRESS_BLD_NONINV_DIA": "dia",
    "PRESS_BLD_NONINV_MEAN": "mean",
    "PULS_RATE_NON_INV": "pulse",
    "TEMP_BODY": "temp",
}
