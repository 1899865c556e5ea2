"""Battery Level (2A19): a percentage, 0 to 100 (Bluetooth Battery Service 1.1, section 3.1).

Owns: the value and its reading. Never: belongs to one driver; each that can shows it beside its own.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from hub_agent import nomenclature as mdc
from hub_agent.driver import sig_uuid
from hub_agent.errors import DecodeError
from hub_agent.model import Measurement, Quality, Reading, ReadingClass
from hub_agent.registry import Format, FormatDecoder

BATTERY_LEVEL: Final = sig_uuid(0x2A19)

_LOW_PERCENT: Final = 10


def decode(data: bytes) -> int:
    """Give the percentage.

    Raises:
        DecodeError: not one byte, or above 100.
    """
    if len(data) != 1:
        raise DecodeError(f"battery level: {len(data)} bytes, not 1")
    if data[0] > 100:
        raise DecodeError("battery level: above 100")
    return data[0]


def reading(data: bytes) -> Reading:
    """Make a reading of its own, of the continuous class: it may come at any time and none is precious.

    Raises:
        DecodeError: see :func:`decode`.
    """
    level = decode(data)
    quality = Quality.LOW_BATTERY if level <= _LOW_PERCENT else Quality.GOOD
    return Reading(ReadingClass.CONTINUOUS, (Measurement(mdc.BATTERY, "%", Decimal(level)),), quality)


FORMATS: Final[Mapping[str, FormatDecoder]] = {"ble.2a19": Format(decode, lambda level: {"level_percent": level})}
