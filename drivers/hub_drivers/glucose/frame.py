"""Glucose Measurement (2A18) and Glucose Feature (2A51): Bluetooth Glucose Service 1.0.1, sections 3.1 and 3.3.

Owns: their layouts, and the exact way from kg/L to mg/dL and from mol/L to mmol/L.
Never: makes a reading.

Flags: 0 time offset, 1 concentration with type and location, 2 mol/L (else kg/L), 3 status, 4 a context follows.
"""

from struct import Struct
from typing import Any, Final, NamedTuple

from hub_agent.model import Quality, Unit
from hub_agent.registry import Fields
from hub_drivers.codec.bits import Bit, StatusWord
from hub_drivers.codec.layout import Layout, fixed
from hub_drivers.codec.made import maker
from hub_drivers.codec.medfloat import MedicalFloat, Special, sfloat
from hub_drivers.codec.sig_time import SigTime, read_date_time

STATUS: Final = StatusWord(
    Bit(0, "battery_low", Quality.LOW_BATTERY),
    Bit(1, "sensor_malfunction", Quality.SENSOR_FAULT),
    Bit(2, "sample_size_insufficient", Quality.INVALID | Quality.INCOMPLETE),
    Bit(3, "strip_insertion_error", Quality.INVALID | Quality.INCOMPLETE),
    Bit(4, "strip_type_incorrect", Quality.INVALID),
    Bit(5, "result_too_high", Quality.OUT_OF_RANGE),
    Bit(6, "result_too_low", Quality.OUT_OF_RANGE),
    Bit(7, "temperature_too_high", Quality.INVALID),
    Bit(8, "temperature_too_low", Quality.INVALID),
    Bit(9, "read_interrupted", Quality.INVALID | Quality.INCOMPLETE),
    Bit(10, "general_device_fault", Quality.SENSOR_FAULT),
    Bit(11, "time_fault", Quality.CLOCK_NOT_SET),
)

OVERRUN: Final = 0x7FFF
UNDERRUN: Final = -0x8000

_LAYOUT: Final = Layout("BH7s", (0x01, "h"), (0x02, "3s"), (0x08, "H"), name="glucose")
_FEATURE: Final = Struct("<H")
_TO_MG_DL: Final = 5  # 1 kg/L = 1e5 mg/dL
_TO_MMOL_L: Final = 3


class Sample(NamedTuple):
    """What the meter found, and in what.

    Attributes:
        molar: mol/L; otherwise kg/L.
        concentration: as sent.
        kind: type of the sample, 1 to 10; others reserved.
        location: 1 finger, 2 alternate site, 3 ear lobe, 4 control solution, 15 unknown; others reserved.
    """

    molar: bool
    concentration: MedicalFloat
    kind: int
    location: int

    def value(self) -> tuple[MedicalFloat, Unit]:
        """Give the concentration in the unit that people use, exactly; special values stay what they are."""
        power, unit = (_TO_MMOL_L, "mmol/L") if self.molar else (_TO_MG_DL, "mg/dL")
        if isinstance(self.concentration, Special):
            return self.concentration, unit
        return self.concentration.scaleb(power), unit


_sample: Final = maker(Sample)


class GlucoseFrame(NamedTuple):
    """One value of 2A18.

    Attributes:
        sequence: the meter's record number.
        base_time: the meter's own clock.
        offset_min: what its user has changed the clock by since, or :data:`OVERRUN`, :data:`UNDERRUN`; None when
            not sent.
        sample: None when the record holds no concentration.
        status: word of :data:`STATUS`; None when not sent.
        context_follows: a value of 2A34 with the same sequence number comes next.
    """

    sequence: int
    base_time: SigTime
    offset_min: int | None
    sample: Sample | None
    status: int | None
    context_follows: bool


_frame: Final = maker(GlucoseFrame)


def decode(data: bytes) -> GlucoseFrame:
    """Take a value apart.

    Raises:
        DecodeError: shorter than the flags call for, or the time is impossible.
    """
    flags, sequence, base_time, offset_min, sample, status = _LAYOUT.unpack(data)
    return _frame(
        (
            sequence,
            read_date_time(base_time),
            offset_min if flags & 0x01 else None,
            _sample((flags & 0x04 != 0, sfloat(sample[0] | sample[1] << 8), sample[2] & 0x0F, sample[2] >> 4))
            if sample
            else None,
            status if flags & 0x08 else None,
            flags & 0x10 != 0,
        )
    )


def _offset_field(offset_min: int | None) -> int | str | None:
    if offset_min == OVERRUN:
        return "overrun"
    return "underrun" if offset_min == UNDERRUN else offset_min


def _sample_fields(sample: Sample) -> Fields:
    value, unit = sample.value()
    found: dict[str, Any] = {
        "unit": "mol/L" if sample.molar else "kg/L",
        "concentration": sample.concentration,
        "type": sample.kind,
        "location": sample.location,
    }
    if not isinstance(value, Special):
        found |= {"value": value, "value_unit": unit}
    return found


def measurement_fields(frame: GlucoseFrame) -> Fields:
    """Give the fields of ``ble.2a18``."""
    return {
        "sequence": frame.sequence,
        "base_time": str(frame.base_time),
        "time_offset_min": _offset_field(frame.offset_min),
        **({} if frame.sample is None else _sample_fields(frame.sample)),
        "status": None if frame.status is None else list(STATUS.names(frame.status)),
        "context_follows": frame.context_follows,
    }


def feature_fields(data: bytes) -> Fields:
    """Give the fields of ``ble.2a51``."""
    (features,) = fixed(data, _FEATURE, "glucose feature")
    return {"features": features}
