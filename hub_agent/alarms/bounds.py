"""How far any limit may be set: the hard bounds that no configuration file and no command can leave.

Owns: one table of bounds for each quantity that can have a limit.
Never: sets a limit; a programme's own, narrower defaults belong to its signed profile.

A limit outside would watch nothing (SpO2 low 0) or would never be quiet. The outer ends are no clinical advice: they
stand where published tables already see the gravest band. SpO2 low: the desaturation limit of 80 % in the Mindray TM80
manual, p. 64, below NEWS2 scale 2's gravest band (83 %). Pulse: Mindray BeneVision automatic limits stay within 40 and
240 /min; 30 leaves room for athletes. Respiration 6 and 40 /min round the same maker's 6 and 30. Pressures and
temperatures: one band beyond NEWS2's gravest (RCP 2017, chart 1). Glucose: round hypoglycaemia level 2 (54 mg/dL).
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Final, NamedTuple

from hub_agent.alarms.limits import Limit, LimitKey
from hub_agent.alarms.measures import ALIASES
from hub_agent.alarms.units import convert
from hub_agent.errors import ConfigError
from hub_agent.model import Code, Unit
from hub_agent.nomenclature import QUANTITIES

MAX_DELAY_S: Final = 60.0
"""The longest condition delay that may be set."""


class Bounds(NamedTuple):
    """Where a low and a high limit may lie, ends included, in ``unit``."""

    unit: Unit
    low: tuple[Decimal, Decimal]
    high: tuple[Decimal, Decimal]


def _bounds(unit: Unit, low_min: str, low_max: str, high_min: str, high_max: str) -> Bounds:
    return Bounds(unit, (Decimal(low_min), Decimal(low_max)), (Decimal(high_min), Decimal(high_max)))


_TABLE: Final = {
    "spo2": _bounds("%", "80", "98", "90", "100"),
    "pulse": _bounds("/min", "30", "100", "80", "240"),
    "heart-rate": _bounds("/min", "30", "100", "80", "240"),
    "respiration": _bounds("/min", "6", "20", "16", "40"),
    "systolic": _bounds("mm[Hg]", "70", "140", "110", "230"),
    "diastolic": _bounds("mm[Hg]", "30", "90", "60", "140"),
    "mean-pressure": _bounds("mm[Hg]", "45", "110", "80", "170"),
    "temperature": _bounds("Cel", "34.0", "37.0", "37.0", "41.0"),
    "glucose": _bounds("mg/dL", "45", "120", "100", "450"),
}

BOUNDS: Final[Mapping[Code, Bounds]] = MappingProxyType(
    {code: bounds for name, bounds in _TABLE.items() for code in ALIASES[name]}
)
"""Bounds by MDC code; a quantity that is not here cannot have a limit."""


class Fault(NamedTuple):
    """One thing about a limit that leaves the bounds, and the option that does."""

    key: str
    reason: str


def faults(limit: Limit) -> tuple[Fault, ...]:
    """Name everything about a limit that leaves the bounds; empty when nothing does."""
    quantity = QUANTITIES.get(limit.measure)
    bounds = BOUNDS.get(limit.measure)
    if quantity is None or bounds is None:
        what = f"MDC code {limit.measure}" if quantity is None else quantity.text
        return (Fault("measure", f"no limit can be set on {what}"),)
    if limit.unit not in quantity.units:
        return (Fault("unit", f"{quantity.text} is measured in {' or '.join(quantity.units)}"),)
    found = []
    for key, value, (least, most) in (("low", limit.low, bounds.low), ("high", limit.high, bounds.high)):
        if value is not None and not least <= convert(value, limit.unit, bounds.unit) <= most:
            found.append(Fault(key, f"must lie between {least} and {most} {bounds.unit}"))
    if not found and not _ends(limit, bounds):
        found.append(Fault("hysteresis", "is so wide that the alarm would never end"))
    if limit.delay_s > MAX_DELAY_S:
        found.append(Fault("delay_s", f"must be at most {MAX_DELAY_S:g}"))
    return tuple(found)


def _ends(limit: Limit, bounds: Bounds) -> bool:
    """Tell whether values that a living person has can end both alarms of a limit."""
    low = limit.low is None or convert(limit.low + limit.hysteresis, limit.unit, bounds.unit) <= bounds.high[1]
    high = limit.high is None or convert(limit.high - limit.hysteresis, limit.unit, bounds.unit) >= bounds.low[0]
    return low and high


def checked(limits: Iterable[Limit]) -> tuple[Limit, ...]:
    """Give limits that may be in force together.

    Raises:
        ConfigError: one leaves the hard bounds, or two have the same measure, device and priority.
    """
    keys: set[LimitKey] = set()
    every = tuple(limits)
    for limit in every:
        for fault in faults(limit):
            name = QUANTITIES[limit.measure].refid if limit.measure in QUANTITIES else f"MDC code {limit.measure}"
            raise ConfigError(f"limit on {name}: {fault.key} {fault.reason}", hint="the hard bounds hold for all")
        if limit.key in keys:
            raise ConfigError("two limits have the same measure, device and priority", hint="join the two")
        keys.add(limit.key)
    return every
