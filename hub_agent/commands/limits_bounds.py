"""The hard clinical bounds: what no signed command may cross, whoever signed it.

Owns: for each measure that may have a limit, the outermost low and high limit and the widest hysteresis.
Never: a default limit; those belong to a signed profile of the care programme.

An alarm can be switched off without saying so: a low limit of 0 %, a high limit of 400 /min, a hysteresis as wide as
the range. It can also be worn out, by a limit that every well person crosses. So each side has two bounds. They are
adult values, deliberately wide, chosen around these published figures, and *await the sign-off of the programme's
clinical safety officer*:

* NEWS2 (Royal College of Physicians, 2017), the outermost bands: respiration <= 8 and >= 25 /min, SpO2 <= 83 % on
  scale 2 and <= 91 % on scale 1, systolic <= 90 and >= 220 mm[Hg], pulse <= 40 and >= 131 /min, temperature <= 35.0
  and >= 39.1 Cel.
* Mindray BeneVision N operator's manual, page 10-5, range of automatic limits for adults: HR 35 to 240, RR 6 to 55,
  systolic 45 to 270, diastolic 25 to 225.
* ISO 80601-2-61: pulse oximeters state their accuracy over 70 % to 100 %; below it a limit has nothing to stand on.
  Masimo's Radical-7 (operator's manual, 4-14) likewise has a protected floor under its low limit.

Values are in the first unit of the measure in :mod:`hub_agent.nomenclature`. A measure that is not here can have no
limit: glucose, for one, until a programme says in which unit.
"""

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Final, NamedTuple

from hub_agent import nomenclature as nom
from hub_agent.commands.claims import LimitSetting
from hub_agent.commands.refusal import Refusal
from hub_agent.errors import CommandError


class Range(NamedTuple):
    """Closed at both ends."""

    lowest: Decimal
    highest: Decimal

    def __contains__(self, value: object) -> bool:
        return isinstance(value, Decimal) and self.lowest <= value <= self.highest


class Bounds(NamedTuple):
    """The bounds of one measure.

    Attributes:
        low: where a low limit may be.
        high: where a high limit may be.
        hysteresis: the widest one.
    """

    low: Range
    high: Range
    hysteresis: Decimal


def _bounds(low: tuple[str, str], high: tuple[str, str], hysteresis: str) -> Bounds:
    return Bounds(
        Range(Decimal(low[0]), Decimal(low[1])), Range(Decimal(high[0]), Decimal(high[1])), Decimal(hysteresis)
    )


_SATURATION: Final = _bounds(("70", "98"), ("85", "100"), "3")
_PULSE: Final = _bounds(("30", "90"), ("70", "200"), "10")
_RESPIRATION: Final = _bounds(("5", "15"), ("15", "50"), "5")
_SYSTOLIC: Final = _bounds(("50", "140"), ("90", "250"), "10")
_DIASTOLIC: Final = _bounds(("25", "90"), ("60", "150"), "10")
_MEAN: Final = _bounds(("40", "100"), ("70", "180"), "10")
_TEMPERATURE: Final = _bounds(("32.0", "37.0"), ("37.0", "41.0"), "0.5")

BOUNDS: Final[Mapping[str, Bounds]] = MappingProxyType(
    {
        nom.quantity(code).refid: bounds
        for bounds, codes in (
            (_SATURATION, (nom.SPO2,)),
            (_PULSE, (nom.PULSE_RATE_OXIMETER, nom.PULSE_RATE_NIBP, nom.HEART_RATE)),
            (_RESPIRATION, (nom.RESPIRATION_RATE, nom.RESPIRATION_RATE_THORACIC, nom.RESPIRATION_RATE_AIRWAY)),
            (_SYSTOLIC, (nom.SYSTOLIC,)),
            (_DIASTOLIC, (nom.DIASTOLIC,)),
            (_MEAN, (nom.MEAN_PRESSURE,)),
            (
                _TEMPERATURE,
                (
                    nom.TEMPERATURE,
                    nom.TEMPERATURE_TYMPANIC,
                    nom.TEMPERATURE_ORAL,
                    nom.TEMPERATURE_AXILLA,
                    nom.TEMPERATURE_EAR,
                    nom.TEMPERATURE_RECTAL,
                    nom.TEMPERATURE_GI,
                ),
            ),
        )
        for code in codes
    }
)
"""By MDC reference identifier. Finger and toe are no core temperatures, so these bounds would not fit them."""


def check(limit: LimitSetting) -> None:
    """Hold one limit against the bounds, enabled or not: what is off today is switched on tomorrow.

    Raises:
        CommandError: ``out_of_bounds``; names the measure and the side, never a patient's value.
    """
    bounds = BOUNDS.get(limit.measure)
    if bounds is None:
        raise CommandError(Refusal.OUT_OF_BOUNDS, f"{limit.measure} has no clinical bounds, so it can have no limit")
    for side, value, allowed in (("low", limit.low, bounds.low), ("high", limit.high, bounds.high)):
        if value is not None and value not in allowed:
            raise CommandError(
                Refusal.OUT_OF_BOUNDS,
                f"{limit.measure}: {side} limit outside {allowed.lowest} to {allowed.highest}",
            )
    if limit.hysteresis > bounds.hysteresis:
        raise CommandError(Refusal.OUT_OF_BOUNDS, f"{limit.measure}: hysteresis above {bounds.hysteresis}")
