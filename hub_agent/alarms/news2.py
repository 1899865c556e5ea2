"""The National Early Warning Score 2, computed from a time-coherent set and nothing else.

Owns: the bands of NEWS2, the aggregate score, the clinical risk that follows.
Never: imputes what is missing, chooses the SpO2 scale, or raises an alarm. Not for patients under 16 or pregnant.

Source: Royal College of Physicians, National Early Warning Score (NEWS) 2, 2017: chart 1 (scoring system) and chart 4
(clinical response). Scale 2 is for prescribed saturations of 88 to 92 % only: a clinician's decision, so an argument.
Consciousness and oxygen therapy are entered by people, with their time, like every other input.
"""

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Literal, NamedTuple


class Parameter(StrEnum):
    """The seven inputs."""

    RESPIRATION = "respiration"
    SPO2 = "spo2"
    OXYGEN = "oxygen"
    SYSTOLIC = "systolic"
    PULSE = "pulse"
    CONSCIOUSNESS = "consciousness"
    TEMPERATURE = "temperature"


class Risk(StrEnum):
    """Clinical risk by the aggregate score (chart 2), with the response that chart 4 asks for."""

    LOW = "low"
    LOW_MEDIUM = "low-medium"
    """3 in any single parameter: urgent ward-based response."""
    MEDIUM = "medium"
    """5 or 6: the key threshold for an urgent response."""
    HIGH = "high"
    """7 or more: emergency response."""


Consciousness = Literal["A", "C", "V", "P", "U"]
"""Alert, new Confusion, Voice, Pain, Unresponsive."""

Value = Decimal | Consciousness | bool
"""A decimal in /min, %, mm[Hg] or Cel; a ``Consciousness``; or whether oxygen is being given."""


class Observed(NamedTuple):
    """One input with the time it was taken.

    Attributes:
        value: what was seen.
        at_s: seconds on the clock that ``score`` is given the time of.
    """

    value: Value
    at_s: float


class News2(NamedTuple):
    """A score, or why there is none.

    Attributes:
        total: 0 to 20; None unless all seven inputs are there and fresh.
        points: of each input that is there and fresh.
        missing: inputs that are not there.
        stale: inputs that are too old for a common score.
        risk: clinical risk; None without a total.
    """

    total: int | None
    points: Mapping[Parameter, int]
    missing: tuple[Parameter, ...]
    stale: tuple[Parameter, ...]
    risk: Risk | None


Bands = Sequence[tuple[int, int]]
"""(highest value, points), ascending: the first band whose highest value is not passed counts; beyond: ``_TOP``."""

_BANDS: Final[Mapping[Parameter, Bands]] = MappingProxyType(
    {
        Parameter.RESPIRATION: ((8, 3), (11, 1), (20, 0), (24, 2)),
        Parameter.SPO2: ((91, 3), (93, 2), (95, 1)),
        Parameter.SYSTOLIC: ((90, 3), (100, 2), (110, 1), (219, 0)),
        Parameter.PULSE: ((40, 3), (50, 1), (90, 0), (110, 1), (130, 2)),
        Parameter.TEMPERATURE: ((350, 3), (360, 1), (380, 0), (390, 1)),  # tenths of a degree
    }
)
_TOP: Final[Mapping[Parameter, int]] = MappingProxyType(
    {
        Parameter.RESPIRATION: 3,
        Parameter.SPO2: 0,
        Parameter.SYSTOLIC: 3,
        Parameter.PULSE: 3,
        Parameter.TEMPERATURE: 2,
    }
)
_SCALE_2_LOW: Final[Bands] = ((83, 3), (85, 2), (87, 1), (92, 0))
_SCALE_2_OXYGEN: Final[Bands] = (*_SCALE_2_LOW, (94, 1), (96, 2))


def _band(bands: Bands, top: int, value: int) -> int:
    return next((points for highest, points in bands if value <= highest), top)


def _whole(value: Decimal) -> int:
    return int(value.to_integral_value(ROUND_HALF_UP))


def points(parameter: Parameter, value: Value, *, scale: Literal[1, 2], oxygen: bool) -> int:
    """Score one input.

    Args:
        parameter: which.
        value: of its kind. Temperature is rounded half up to 0.1 Cel, the others to whole numbers, which is how
            the chart is written: it leaves no gap between its bands.
        scale: of SpO2.
        oxygen: whether oxygen is being given; it changes scale 2 above its target range.

    Raises:
        TypeError: a value of the wrong kind.
    """
    if parameter is Parameter.OXYGEN:
        if isinstance(value, bool):
            return 2 if value else 0
    elif parameter is Parameter.CONSCIOUSNESS:
        if isinstance(value, str):
            return 0 if value == "A" else 3
    elif isinstance(value, Decimal):
        if parameter is Parameter.SPO2 and scale == 2:  # noqa: PLR2004 - the RCP's name of it
            return _band(_SCALE_2_OXYGEN, 3, _whole(value)) if oxygen else _band(_SCALE_2_LOW, 0, _whole(value))
        steps = value * 10 if parameter is Parameter.TEMPERATURE else value
        return _band(_BANDS[parameter], _TOP[parameter], _whole(steps))
    raise TypeError(f"{parameter} cannot be a {type(value).__name__}")


def _risk(total: int, single: int) -> Risk:
    if total >= 7:  # noqa: PLR2004 - the emergency threshold of chart 2
        return Risk.HIGH
    if total >= 5:  # noqa: PLR2004 - the urgent threshold of chart 2
        return Risk.MEDIUM
    return Risk.LOW_MEDIUM if single == 3 else Risk.LOW  # noqa: PLR2004 - the red score of chart 2


def score(observed: Mapping[Parameter, Observed], *, at_s: float, window_s: float, scale: Literal[1, 2]) -> News2:
    """Compute the score of a set of inputs.

    Args:
        observed: what there is, the newest of each.
        at_s: now, on the clock of the inputs.
        window_s: how old an input may be, and so how far apart two of them; an input from after ``at_s`` is none.
        scale: of SpO2; 2 only when a clinician has prescribed 88 to 92 %.

    Returns:
        The total and the risk when all seven inputs are there and fresh; otherwise the points of those that are, and
        the names of those that are not. SpO2 on scale 2 has no points while it is unknown whether oxygen is given.
    """
    missing = tuple(one for one in Parameter if one not in observed)
    stale = tuple(one for one in Parameter if one in observed and not 0 <= at_s - observed[one].at_s <= window_s)
    fresh = {one: observed[one].value for one in Parameter if one not in missing and one not in stale}
    oxygen = fresh.get(Parameter.OXYGEN)
    scored = {
        one: points(one, value, scale=scale, oxygen=oxygen is True)
        for one, value in fresh.items()
        if one is not Parameter.SPO2 or scale == 1 or oxygen is not None
    }
    if missing or stale:
        return News2(None, scored, missing, stale, None)
    total = sum(scored.values())
    return News2(total, scored, (), (), _risk(total, max(scored.values())))
