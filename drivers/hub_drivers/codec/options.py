"""The options of a device as its configuration gives them.

Owns: their types and ranges. Never: has a default; the session that asks gives one.
"""

from collections.abc import Mapping
from typing import Any

from hub_agent.errors import DriverError


def whole(options: Mapping[str, Any], key: str, low: int, high: int) -> int | None:
    """Give a whole number; None when the option is not set.

    Raises:
        DriverError: not a whole number of ``low`` to ``high``.
    """
    value = options.get(key)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise DriverError(f"option {key}: not a whole number of {low} to {high}")
    return value


def flag(options: Mapping[str, Any], key: str) -> bool:
    """Give a yes or no; no when the option is not set.

    Raises:
        DriverError: neither true nor false.
    """
    value = options.get(key, False)
    if not isinstance(value, bool):
        raise DriverError(f"option {key}: neither true nor false")
    return value


def choice(options: Mapping[str, Any], key: str, *allowed: str) -> str:
    """Give one of the allowed words; the first when the option is not set.

    Raises:
        DriverError: another word.
    """
    value = options.get(key, allowed[0])
    if value not in allowed:
        raise DriverError(f"option {key}: not one of {', '.join(allowed)}")
    return str(value)
