"""Converts a value between the units of one quantity, so that a limit set in one is judged in another.

Owns: the exact factors between the units that the nomenclature lists for one quantity.
Never: rounds, and never converts between different quantities.

Factors: 1 mm[Hg] = 133.322387415 Pa, 1 [lb_av] = 0.45359237 kg, 1 [in_i] = 2.54 cm (UCUM 2.1, exact by definition);
glucose 180.156 g/mol, hence 18.0156 mg/dL for 1 mmol/L.
"""

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from hub_agent.errors import ConfigError
from hub_agent.model import Unit

_FACTORS: Final[Mapping[tuple[Unit, Unit], Decimal]] = MappingProxyType(
    {
        ("kPa", "mm[Hg]"): Decimal(1) / Decimal("0.133322387415"),
        ("mm[Hg]", "kPa"): Decimal("0.133322387415"),
        ("mmol/L", "mg/dL"): Decimal("18.0156"),
        ("mg/dL", "mmol/L"): Decimal(1) / Decimal("18.0156"),
        ("[lb_av]", "kg"): Decimal("0.45359237"),
        ("kg", "[lb_av]"): Decimal(1) / Decimal("0.45359237"),
        ("[in_i]", "m"): Decimal("0.0254"),
        ("m", "[in_i]"): Decimal(1) / Decimal("0.0254"),
        ("Cel", "[degF]"): Decimal("1.8"),
        ("[degF]", "Cel"): Decimal(5) / Decimal(9),
    }
)


def scale(difference: Decimal, unit: Unit, to: Unit) -> Decimal:
    """Convert a difference of two values, such as a hysteresis: the factor without the offset.

    Raises:
        ConfigError: the two units do not measure the same thing.
    """
    if unit == to:
        return difference
    factor = _FACTORS.get((unit, to))
    if factor is None:
        raise ConfigError(f"a value in {unit} cannot be compared with one in {to}")
    return difference * factor


def convert(value: Decimal, unit: Unit, to: Unit) -> Decimal:
    """Convert a value; the same unit gives the same decimal back, digit for digit.

    Raises:
        ConfigError: the two units do not measure the same thing.
    """
    if (unit, to) == ("[degF]", "Cel"):
        value -= 32
    converted = scale(value, unit, to)
    return converted + 32 if (unit, to) == ("Cel", "[degF]") else converted
