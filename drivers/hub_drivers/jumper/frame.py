"""The Jumper JPD-500F value: 81, rate, saturation, perfusion index.

Owns: its layout. Never: judges a reading.

Sources: several public drivers agree on rate and saturation (``81 38 63 44``: 56 /min, 99 %); obniz (parts, PLS_01BT)
calls the last byte the perfusion index, 0 to 200, and passes over a rate of 255. That its unit is 0.1 %, and that a
saturation of 127 is missing, is inferred.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final, NamedTuple

from hub_agent.driver import DecodeError
from hub_agent.registry import Format, FormatDecoder
from hub_drivers.codec.made import maker
from hub_drivers.codec.number import tenths
from hub_drivers.codec.oximetry import flag_implausible

__all__ = ["FORMATS", "PLETH", "VALUE", "Value", "decode"]

PLETH: Final = 0x80
VALUE: Final = 0x81


class Value(NamedTuple):
    """Rate in /min and saturation in % (None missing), perfusion index in %."""

    pulse_rate: int | None
    spo2: int | None
    pi: Decimal


_value: Final = maker(Value)


def decode(data: bytes) -> Value:
    """Decode a value.

    Raises:
        DecodeError: another head, or not four bytes.
    """
    if len(data) != 4 or data[0] != VALUE:
        raise DecodeError("frame")
    _, rate, spo2, pi = data
    return _value((None if rate == 255 else rate, None if spo2 == 127 else spo2, tenths(pi)))


FORMATS: Final[Mapping[str, FormatDecoder]] = {
    "ble.jumper_jpd500f": Format(decode, lambda found: flag_implausible(found._asdict()))
}
"""This family's wire formats by name."""
