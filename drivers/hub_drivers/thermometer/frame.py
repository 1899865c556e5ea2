"""Temperature Measurement (2A1C), Intermediate Temperature (2A1E), Type (2A1D), Interval (2A21).

Owns: their layouts, Bluetooth Health Thermometer Service 1.0, sections 3.1 to 3.4.
Never: converts a unit; Fahrenheit stays Fahrenheit.
"""

from struct import Struct
from typing import Final, NamedTuple

from hub_agent.registry import Fields
from hub_drivers.codec.layout import Layout, fixed
from hub_drivers.codec.made import maker
from hub_drivers.codec.medfloat import MedicalFloat, float32
from hub_drivers.codec.sig_time import SigTime, read_date_time

_LAYOUT: Final = Layout("BI", (0x02, "7s"), (0x04, "B"), name="temperature")
_BYTE: Final = Struct("<B")
_WORD: Final = Struct("<H")


class TemperatureFrame(NamedTuple):
    """One value of 2A1C or 2A1E.

    Attributes:
        fahrenheit: degrees Fahrenheit; otherwise Celsius.
        temperature: what was measured.
        time: when the device took it.
        site: where, as in 2A1D (1 armpit, 2 body, 3 ear, 4 finger, 5 gastro-intestinal tract, 6 mouth, 7 rectum, 8 toe,
            9 tympanum); None when not sent.
    """

    fahrenheit: bool
    temperature: MedicalFloat
    time: SigTime | None
    site: int | None


_frame: Final = maker(TemperatureFrame)


def decode(data: bytes) -> TemperatureFrame:
    """Take a value apart.

    Raises:
        DecodeError: shorter than the flags call for, or the time is impossible.
    """
    flags, temperature, time, site = _LAYOUT.unpack(data)
    return _frame(
        (
            flags & 0x01 != 0,
            float32(temperature),
            read_date_time(time) if time else None,
            site if flags & 0x04 else None,
        )
    )


def decode_site(data: bytes) -> int:
    """Give the site of 2A1D, reserved ones included.

    Raises:
        DecodeError: not one byte.
    """
    (site,) = fixed(data, _BYTE, "temperature type")
    return int(site)


def decode_interval(data: bytes) -> int:
    """Give the interval of 2A21 in seconds; 0 is "none".

    Raises:
        DecodeError: not two bytes.
    """
    (interval_s,) = fixed(data, _WORD, "measurement interval")
    return int(interval_s)


def measurement_fields(frame: TemperatureFrame) -> Fields:
    """Give the fields of ``ble.2a1c`` and ``ble.2a1e``."""
    return {
        "temperature": frame.temperature,
        "unit": "F" if frame.fahrenheit else "C",
        "timestamp": None if frame.time is None else str(frame.time),
        "type": frame.site,
    }
