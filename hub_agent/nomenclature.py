"""The one table of quantities: MDC code, LOINC, UCUM.

Owns: what every coded value in the system may be called and measured in.
Never: decodes, converts or judges a value.

Sources: ISO/IEEE 11073-10101 term codes as published in the Antidote stack's ``nomenclature.h`` and the HL7 PHD
implementation guide's examples; LOINC from the FHIR R4 vital-signs value set. ``verified`` is False where a code was
seen in fewer than two independent public sources: check it before it goes into a clinical interface.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from hub_agent.model import Code, Measurement, Unit

_SCADA: Final = 2 << 16
_OBJ: Final = 1 << 16
_PHD_DM: Final = 128 << 16


@dataclass(frozen=True, slots=True)
class Quantity:
    """One thing that can be measured.

    Attributes:
        code: 32-bit MDC code.
        refid: MDC reference identifier.
        text: plain English, for screens.
        units: UCUM units that a reading of it may use.
        loinc: LOINC codes, the FHIR vital-signs one first.
        verified: whether all codes were seen in two independent public sources.
    """

    code: Code
    refid: str
    text: str
    units: tuple[Unit, ...]
    loinc: tuple[str, ...] = ()
    verified: bool = field(default=True, kw_only=True)


def _scada(term: int) -> Code:
    return Code(_SCADA + term)


def _phd(term: int) -> Code:
    return Code(_PHD_DM + term)


SPO2: Final = _scada(19384)
PULSE_RATE_OXIMETER: Final = _scada(18458)
PULSE_RATE_NIBP: Final = _scada(18474)
HEART_RATE: Final = _scada(16770)
PERFUSION_INDEX: Final = _scada(19376)
PLETH: Final = _scada(19380)
SIGNAL_QUALITY: Final = _scada(19248)
NIBP: Final = _scada(18948)
SYSTOLIC: Final = _scada(18949)
DIASTOLIC: Final = _scada(18950)
MEAN_PRESSURE: Final = _scada(18951)
CUFF_PRESSURE: Final = _scada(19228)
TEMPERATURE: Final = _scada(19292)
TEMPERATURE_TYMPANIC: Final = _scada(19320)
TEMPERATURE_ORAL: Final = _scada(57352)
TEMPERATURE_AXILLA: Final = _scada(57380)
TEMPERATURE_EAR: Final = _scada(57356)
TEMPERATURE_FINGER: Final = _scada(57360)
TEMPERATURE_RECTAL: Final = _scada(57348)
TEMPERATURE_GI: Final = _scada(57384)
TEMPERATURE_TOE: Final = _scada(57376)
WEIGHT: Final = _scada(57664)
HEIGHT: Final = _scada(57668)
BODY_FAT: Final = _scada(57676)
BMI: Final = _scada(57680)
FAT_FREE_MASS: Final = _scada(57684)
SOFT_LEAN_MASS: Final = _scada(57688)
BODY_WATER: Final = _scada(57692)
BASAL_METABOLISM: Final = _scada(57696)
MUSCLE_SHARE: Final = _scada(57700)
MUSCLE_MASS: Final = _scada(57704)
BODY_IMPEDANCE: Final = _scada(57708)
GLUCOSE_CAPILLARY_WHOLE_BLOOD: Final = _scada(29112)
GLUCOSE_CAPILLARY_PLASMA: Final = _scada(29116)
GLUCOSE_VENOUS_WHOLE_BLOOD: Final = _scada(29120)
GLUCOSE_VENOUS_PLASMA: Final = _scada(29124)
GLUCOSE_ARTERIAL_WHOLE_BLOOD: Final = _scada(29128)
GLUCOSE_ARTERIAL_PLASMA: Final = _scada(29132)
GLUCOSE_CONTROL: Final = _scada(29136)
GLUCOSE_ISF: Final = _scada(29140)
GLUCOSE_UNDETERMINED_WHOLE_BLOOD: Final = _scada(29292)
GLUCOSE_UNDETERMINED_PLASMA: Final = _scada(29296)
HBA1C: Final = _scada(29148)
GLUCOSE_TREND: Final = _phd(29400)
RESPIRATION_RATE: Final = _scada(20490)
RESPIRATION_RATE_THORACIC: Final = _scada(20506)
RESPIRATION_RATE_AIRWAY: Final = _scada(20498)
RR_INTERVAL: Final = _scada(16168)
ECG: Final = _scada(256)
ENERGY_EXPENDED: Final = _phd(119)
EXERCISE: Final = _phd(29152)
CARBOHYDRATE: Final = _phd(29156)
CARBOHYDRATES: Final = tuple(_phd(term) for term in range(29160, 29188, 4))
"""Of breakfast, lunch, dinner, snack, drink, supper, brunch."""
MEDICATION: Final = _phd(29188)
MEDICATIONS: Final = tuple(_phd(term) for term in range(29192, 29212, 4))
"""Rapid, short, intermediate and long acting insulin, pre-mixed insulin."""
HEALTH: Final = tuple(_phd(term) for term in range(29216, 29236, 4))
"""Minor and major issues, menses, stress, none."""
MEALS: Final = (*(_phd(term) for term in range(29260, 29276, 4)), _phd(29300))
"""Before and after a meal, fasting, casual, bedtime."""
TESTERS: Final = tuple(_phd(term) for term in range(29280, 29292, 4))
"""The patient, a health professional, a laboratory."""
BATTERY: Final = Code(_OBJ + 2460)
BATTERY_TIME_LEFT: Final = Code(_OBJ + 2440)

_GLUCOSE_UNITS: Final = ("mg/dL", "mmol/L")
_PRESSURE: Final = ("mm[Hg]", "kPa")
_TEMPERATURE: Final = ("Cel", "[degF]")
_MASS: Final = ("kg", "[lb_av]")

# What a patient notes beside a glucose value. A choice (meal, health, tester) is the code of what was chosen, valued 1.
_CONTEXTS: Final = (
    ("GLU_CARB_", CARBOHYDRATES, ("g",), "BREAKFAST LUNCH DINNER SNACK DRINK SUPPER BRUNCH"),
    ("GLU_HEALTH_", HEALTH, ("1",), "MINOR MAJOR MENSES STRESS NONE"),
    ("GLU_MEAL_", MEALS, ("1",), "PREPRANDIAL POSTPRANDIAL FASTING CASUAL BEDTIME"),
    ("GLU_TESTER_", TESTERS, ("1",), "SELF HCP LAB"),
    ("MEDICATION_", MEDICATIONS, ("mg", "mL"), "RAPIDACTING SHORTACTING INTERMEDIATEACTING LONGACTING PREMIX"),
)

_TABLE: Final = (
    Quantity(SPO2, "MDC_PULS_OXIM_SAT_O2", "oxygen saturation", ("%",), ("2708-6", "59408-5")),
    Quantity(PULSE_RATE_OXIMETER, "MDC_PULS_OXIM_PULS_RATE", "pulse rate by oximetry", ("/min",), ("8867-4", "8889-8")),
    Quantity(PULSE_RATE_NIBP, "MDC_PULS_RATE_NON_INV", "pulse rate by cuff", ("/min",), ("8867-4",)),
    Quantity(HEART_RATE, "MDC_ECG_HEART_RATE", "heart rate", ("/min",), ("8867-4",)),
    Quantity(PERFUSION_INDEX, "MDC_PULS_OXIM_PERF_REL", "perfusion index", ("%",), ("61006-3",), verified=False),
    Quantity(PLETH, "MDC_PULS_OXIM_PLETH", "plethysmogram", ("1",)),
    Quantity(SIGNAL_QUALITY, "MDC_SAT_O2_QUAL", "signal quality", ("%",)),
    Quantity(NIBP, "MDC_PRESS_BLD_NONINV", "blood pressure", _PRESSURE, ("85354-9",)),
    Quantity(SYSTOLIC, "MDC_PRESS_BLD_NONINV_SYS", "systolic pressure", _PRESSURE, ("8480-6",)),
    Quantity(DIASTOLIC, "MDC_PRESS_BLD_NONINV_DIA", "diastolic pressure", _PRESSURE, ("8462-4",)),
    Quantity(MEAN_PRESSURE, "MDC_PRESS_BLD_NONINV_MEAN", "mean pressure", _PRESSURE, ("8478-0",), verified=False),
    Quantity(CUFF_PRESSURE, "MDC_PRESS_CUFF", "cuff pressure", _PRESSURE, verified=False),
    Quantity(TEMPERATURE, "MDC_TEMP_BODY", "body temperature", _TEMPERATURE, ("8310-5",)),
    Quantity(TEMPERATURE_TYMPANIC, "MDC_TEMP_TYMP", "tympanic temperature", _TEMPERATURE, ("8310-5",)),
    Quantity(TEMPERATURE_ORAL, "MDC_TEMP_ORAL", "oral temperature", _TEMPERATURE, ("8310-5",)),
    Quantity(TEMPERATURE_AXILLA, "MDC_TEMP_AXILLA", "axillary temperature", _TEMPERATURE, ("8310-5",)),
    Quantity(TEMPERATURE_EAR, "MDC_TEMP_EAR", "ear temperature", _TEMPERATURE, ("8310-5",)),
    Quantity(TEMPERATURE_FINGER, "MDC_TEMP_FINGER", "finger temperature", _TEMPERATURE, ("8310-5",)),
    Quantity(TEMPERATURE_RECTAL, "MDC_TEMP_RECT", "rectal temperature", _TEMPERATURE, ("8310-5",)),
    Quantity(
        TEMPERATURE_GI, "MDC_TEMP_GIT", "gastro-intestinal temperature", _TEMPERATURE, ("8310-5",), verified=False
    ),
    Quantity(TEMPERATURE_TOE, "MDC_TEMP_TOE", "toe temperature", _TEMPERATURE, ("8310-5",), verified=False),
    Quantity(WEIGHT, "MDC_MASS_BODY_ACTUAL", "weight", _MASS, ("29463-7",)),
    Quantity(HEIGHT, "MDC_LEN_BODY_ACTUAL", "height", ("m", "[in_i]"), ("8302-2",), verified=False),
    Quantity(BODY_FAT, "MDC_BODY_FAT", "body fat", ("%",), verified=False),
    Quantity(BMI, "MDC_RATIO_MASS_BODY_LEN_SQ", "body mass index", ("kg/m2",), ("39156-5",), verified=False),
    Quantity(FAT_FREE_MASS, "MDC_MASS_BODY_FAT_FREE", "fat-free mass", _MASS, verified=False),
    Quantity(SOFT_LEAN_MASS, "MDC_MASS_BODY_SOFT_LEAN", "soft lean mass", _MASS, verified=False),
    Quantity(BODY_WATER, "MDC_BODY_WATER", "body water mass", _MASS, verified=False),
    *(
        Quantity(code, refid, text, _GLUCOSE_UNITS, loinc, verified=verified)
        for code, refid, text, loinc, verified in (
            (
                GLUCOSE_CAPILLARY_WHOLE_BLOOD,
                "MDC_CONC_GLU_CAPILLARY_WHOLEBLOOD",
                "glucose, capillary blood",
                ("2339-0",),
                False,
            ),
            (GLUCOSE_CAPILLARY_PLASMA, "MDC_CONC_GLU_CAPILLARY_PLASMA", "glucose, capillary plasma", (), True),
            (GLUCOSE_VENOUS_WHOLE_BLOOD, "MDC_CONC_GLU_VENOUS_WHOLEBLOOD", "glucose, venous blood", (), False),
            (GLUCOSE_VENOUS_PLASMA, "MDC_CONC_GLU_VENOUS_PLASMA", "glucose, venous plasma", (), False),
            (GLUCOSE_ARTERIAL_WHOLE_BLOOD, "MDC_CONC_GLU_ARTERIAL_WHOLEBLOOD", "glucose, arterial blood", (), False),
            (GLUCOSE_ARTERIAL_PLASMA, "MDC_CONC_GLU_ARTERIAL_PLASMA", "glucose, arterial plasma", (), False),
            (GLUCOSE_CONTROL, "MDC_CONC_GLU_CONTROL", "glucose, control solution", (), False),
            (GLUCOSE_ISF, "MDC_CONC_GLU_ISF", "glucose, interstitial fluid", ("99504-3",), False),
            (
                GLUCOSE_UNDETERMINED_WHOLE_BLOOD,
                "MDC_CONC_GLU_UNDETERMINED_WHOLEBLOOD",
                "glucose, blood",
                (),
                False,
            ),
            (GLUCOSE_UNDETERMINED_PLASMA, "MDC_CONC_GLU_UNDETERMINED_PLASMA", "glucose, plasma", (), False),
        )
    ),
    Quantity(GLUCOSE_TREND, "MDC_CONC_GLU_TREND", "glucose trend", ("mg/dL/min",), verified=False),
    Quantity(HBA1C, "MDC_CONC_HBA1C", "glycated haemoglobin", ("%",), ("4548-4",), verified=False),
    Quantity(RESPIRATION_RATE, "MDC_RESP_RATE", "respiration rate", ("/min",), ("9279-1",)),
    Quantity(RESPIRATION_RATE_THORACIC, "MDC_TTHOR_RESP_RATE", "respiration rate, thoracic", ("/min",), ("9279-1",)),
    Quantity(RESPIRATION_RATE_AIRWAY, "MDC_AWAY_RESP_RATE", "respiration rate, airway", ("/min",), ("9279-1",)),
    Quantity(RR_INTERVAL, "MDC_ECG_TIME_PD_RR_GL", "RR interval", ("ms",), ("8637-3",), verified=False),
    Quantity(ECG, "MDC_ECG_ELEC_POTL", "electrocardiogram", ("uV",), verified=False),
    Quantity(BASAL_METABOLISM, "MDC_BASAL_METABOLISM", "basal metabolism", ("kJ",), verified=False),
    Quantity(MUSCLE_SHARE, "MDC_BODY_MUSCLE", "muscle share", ("%",), verified=False),
    Quantity(MUSCLE_MASS, "MDC_MASS_BODY_MUSCLE", "muscle mass", _MASS, verified=False),
    Quantity(BODY_IMPEDANCE, "MDC_BODY_ELECTRICAL_IMPEDANCE", "body impedance", ("Ohm",), verified=False),
    Quantity(EXERCISE, "MDC_CTXT_GLU_EXERCISE", "exercise", ("%", "s")),
    Quantity(CARBOHYDRATE, "MDC_CTXT_GLU_CARB", "carbohydrate", ("g",)),
    Quantity(MEDICATION, "MDC_CTXT_MEDICATION", "medication", ("mg", "mL")),
    *(
        Quantity(code, f"MDC_CTXT_{stem}{term}", f"{stem.split('_')[-2]} {term}".lower(), units)
        for stem, codes, units, terms in _CONTEXTS
        for code, term in zip(codes, terms.split(), strict=True)
    ),
    Quantity(ENERGY_EXPENDED, "MDC_HF_ENERGY", "energy expended", ("kJ",), verified=False),
    Quantity(BATTERY, "MDC_ATTR_VAL_BATT_CHARGE", "battery", ("%",)),
    Quantity(BATTERY_TIME_LEFT, "MDC_ATTR_TIME_BATT_REMAIN", "battery time left", ("min",)),
)

QUANTITIES: Final[Mapping[Code, Quantity]] = MappingProxyType({quantity.code: quantity for quantity in _TABLE})
"""Every quantity by its MDC code."""

_BY_REFID: Final = {quantity.refid: quantity for quantity in _TABLE}


def quantity(code: int) -> Quantity:
    """Look a quantity up by its 32-bit MDC code.

    Raises:
        KeyError: the table does not hold it; a driver may not emit what nobody can name.
    """
    return QUANTITIES[Code(code)]


def by_refid(refid: str) -> Quantity:
    """Look a quantity up by its MDC reference identifier, as configuration files name it.

    Raises:
        KeyError: no such reference identifier in the table.
    """
    return _BY_REFID[refid]


def battery_alone(measurements: Sequence[Measurement]) -> bool:
    """Say whether somebody tells only of a battery: that is no word of the patient, and ends no silence."""
    return len(measurements) == 1 and measurements[0].code == BATTERY


def undeclared(code: Code, unit: Unit, declared: Iterable[Code]) -> str | None:
    """Say what is wrong with a measurement's code and unit against a driver's declaration; None when nothing is."""
    if code not in QUANTITIES:
        return f"MDC code {code} is not in the nomenclature"
    if code not in declared:
        return f"{QUANTITIES[code].refid} is not among the driver's declared measures"
    if unit not in QUANTITIES[code].units:
        return f"unit {unit!r} does not belong to {QUANTITIES[code].refid}"
    return None
