"""Exact decimals from the small integers that devices send.

Owns: cached whole numbers and exact scaling by powers of ten.
Never: rounds; a binary float never comes near a measured value.
"""

from decimal import Decimal
from functools import lru_cache
from typing import Final

__all__ = ["hundredths", "tenths", "whole"]

_WHOLE: Final = tuple(Decimal(value) for value in range(512))
_TENTHS: Final = tuple(Decimal((0, tuple(map(int, str(value))), -1)) for value in range(256))


def whole(value: int) -> Decimal:
    """Give an integer as a decimal; those that vital signs have are ready-made."""
    return _WHOLE[value] if 0 <= value < 512 else Decimal(value)


def tenths(value: int) -> Decimal:
    """Give ``value / 10``, with its one decimal place kept (120 → ``12.0``)."""
    return _TENTHS[value] if 0 <= value < 256 else Decimal(value).scaleb(-1)


@lru_cache(maxsize=4096)
def hundredths(value: int) -> Decimal:
    """Give ``value / 100``, with its two decimal places kept."""
    return Decimal(value).scaleb(-2)
