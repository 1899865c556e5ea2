"""The JKS50F frame: FF 44 01, 69 bytes, once a second, over several notifications.

Owns: its layout. Never: judges a reading.

Source: Boerni89/ha_bt_oximeter. Finger 0 means that there is one; the last byte is the sum of the others plus one. That
driver takes a rate of 127 as missing, which loses a true 127 /min: here 127 is missing only together with a missing
saturation or without a finger. A perfusion index above 20 % is not believed, as there.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final, NamedTuple

from hub_agent.driver import DecodeError
from hub_agent.registry import Format, FormatDecoder
from hub_drivers.codec.checksum import sum8
from hub_drivers.codec.made import maker
from hub_drivers.codec.number import hundredths
from hub_drivers.codec.oximetry import flag_implausible

__all__ = ["FORMATS", "SIZE", "Value", "decode", "measure"]

SIZE: Final = 69

_HEAD: Final = b"\xff\x44\x01"
_MISSING: Final = 127
_HIGHEST_PI: Final = 2000


class Value(NamedTuple):
    """Finger present, saturation in %, rate in /min, perfusion index in %; None missing."""

    finger: bool
    spo2: int | None
    pulse_rate: int | None
    pi: Decimal | None


_value: Final = maker(Value)


def decode(data: bytes) -> Value:
    """Decode a frame.

    Raises:
        DecodeError: not 69 bytes, another head, or a wrong sum.
    """
    if len(data) != SIZE:
        raise DecodeError("length")
    if data[:3] != _HEAD:
        raise DecodeError("frame")
    if (sum8(data[:-1]) + 1) & 0xFF != data[-1]:
        raise DecodeError("checksum")
    finger, spo2, rate = data[3] == 0, data[4], data[5]
    pi = data[6] & 0x7F | (data[7] & 0x3F) << 7
    no_rate = rate == _MISSING and (spo2 == _MISSING or not finger)
    return _value(
        (
            finger,
            None if spo2 == _MISSING else spo2,
            None if no_rate else rate,
            None if pi > _HIGHEST_PI else hundredths(pi),
        )
    )


def measure(buffer: bytes, start: int) -> int:
    """Find a frame; the :data:`~hub_drivers.codec.stream.Measure` of a deframer."""
    found = buffer[start : start + SIZE]
    if found[:3] != _HEAD[: len(found)]:
        return -1
    if len(found) < SIZE:
        return 0
    return SIZE if (sum8(found[:-1]) + 1) & 0xFF == found[-1] else -1


FORMATS: Final[Mapping[str, FormatDecoder]] = {
    "ble.jks50f": Format(decode, lambda found: flag_implausible(found._asdict()))
}
"""This family's wire formats by name."""
