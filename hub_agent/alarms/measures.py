"""What people call the quantities that limits are set on.

Owns: the short names that configuration files may use beside the MDC reference identifiers; commands use these alone.
Never: holds a limit or judges a value.

One short name may mean several codes: a fever is one whether the thermometer sits in the ear or under the arm, so a
limit on ``temperature`` watches every core site. Finger and toe are left out: they are not core temperatures.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from hub_agent import nomenclature as mdc
from hub_agent.model import Code

ALIASES: Final[Mapping[str, tuple[Code, ...]]] = MappingProxyType(
    {
        "spo2": (mdc.SPO2,),
        "pulse": (mdc.PULSE_RATE_OXIMETER, mdc.PULSE_RATE_NIBP),
        "heart-rate": (mdc.HEART_RATE,),
        "respiration": (mdc.RESPIRATION_RATE, mdc.RESPIRATION_RATE_THORACIC, mdc.RESPIRATION_RATE_AIRWAY),
        "systolic": (mdc.SYSTOLIC,),
        "diastolic": (mdc.DIASTOLIC,),
        "mean-pressure": (mdc.MEAN_PRESSURE,),
        "temperature": (
            mdc.TEMPERATURE,
            mdc.TEMPERATURE_TYMPANIC,
            mdc.TEMPERATURE_ORAL,
            mdc.TEMPERATURE_AXILLA,
            mdc.TEMPERATURE_EAR,
            mdc.TEMPERATURE_RECTAL,
            mdc.TEMPERATURE_GI,
        ),
        "glucose": (
            mdc.GLUCOSE_CAPILLARY_WHOLE_BLOOD,
            mdc.GLUCOSE_CAPILLARY_PLASMA,
            mdc.GLUCOSE_VENOUS_WHOLE_BLOOD,
            mdc.GLUCOSE_VENOUS_PLASMA,
            mdc.GLUCOSE_ARTERIAL_WHOLE_BLOOD,
            mdc.GLUCOSE_ARTERIAL_PLASMA,
            mdc.GLUCOSE_ISF,
            mdc.GLUCOSE_UNDETERMINED_WHOLE_BLOOD,
            mdc.GLUCOSE_UNDETERMINED_PLASMA,
        ),
    }
)
"""Short name → the codes that it means."""


def names() -> tuple[str, ...]:
    """Every name that ``codes`` understands, the short ones first."""
    return (*ALIASES, *(quantity.refid for quantity in mdc.QUANTITIES.values()))


def codes(name: str) -> tuple[Code, ...]:
    """Give the codes that a short name or an MDC reference identifier means.

    Raises:
        KeyError: no quantity is called so.
    """
    if name in ALIASES:
        return ALIASES[name]
    return (mdc.by_refid(name).code,)
