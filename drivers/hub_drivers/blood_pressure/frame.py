"""Blood Pressure Measurement (2A35), Intermediate Cuff Pressure (2A36), Feature (2A49).

Owns: their layouts, Bluetooth Blood Pressure Service 1.1, sections 3.1 to 3.3.
Never: converts a unit; kilopascals stay kilopascals.

Flags: 0 kPa, 1 time, 2 pulse, 3 user, 4 status, the rest reserved (a Beurer BM96 sets 6 and 7). A cuff that computes no
mean sends NaN there, an unsuccessful measurement NaN everywhere: special values are each field's own affair.
"""

from struct import Struct
from typing import Final, NamedTuple

from hub_agent.model import Quality
from hub_agent.registry import Fields
from hub_drivers.codec.bits import Bit, StatusWord
from hub_drivers.codec.layout import Layout, fixed
from hub_drivers.codec.made import maker
from hub_drivers.codec.medfloat import MedicalFloat, sfloat
from hub_drivers.codec.sig_time import SigTime, read_date_time

STATUS: Final = StatusWord(
    Bit(0, "body_movement", Quality.BODY_MOVEMENT),
    Bit(1, "cuff_too_loose", Quality.CUFF_LOOSE),
    Bit(2, "irregular_pulse", Quality.IRREGULAR_PULSE),
    Bit(3, "pulse_rate_too_high", Quality.OUT_OF_RANGE),
    Bit(4, "pulse_rate_too_low", Quality.OUT_OF_RANGE),
    Bit(5, "improper_position", Quality.BAD_POSITION),
)

_LAYOUT: Final = Layout("BHHH", (0x02, "7s"), (0x04, "H"), (0x08, "B"), (0x10, "H"), name="blood pressure")
_FEATURE: Final = Struct("<H")
_UNKNOWN_USER: Final = 0xFF


class PressureFrame(NamedTuple):
    """One value of 2A35 or 2A36.

    Attributes:
        kpa: kilopascals; otherwise millimetres of mercury.
        systolic: in 2A36 the cuff's pressure.
        diastolic: nothing in 2A36.
        mean: nothing in 2A36.
        time: when the device took it.
        pulse: beats a minute.
        user: the device's user index; None when not sent or unknown (255).
        status: word of :data:`STATUS`.
    """

    kpa: bool
    systolic: MedicalFloat
    diastolic: MedicalFloat
    mean: MedicalFloat
    time: SigTime | None
    pulse: MedicalFloat | None
    user: int | None
    status: int | None


_frame: Final = maker(PressureFrame)


def decode(data: bytes) -> PressureFrame:
    """Take a value apart.

    Raises:
        DecodeError: shorter than the flags call for, or the time is impossible.
    """
    flags, systolic, diastolic, mean, time, pulse, user, status = _LAYOUT.unpack(data)
    return _frame(
        (
            flags & 0x01 != 0,
            sfloat(systolic),
            sfloat(diastolic),
            sfloat(mean),
            read_date_time(time) if time else None,
            sfloat(pulse) if flags & 0x04 else None,
            user if flags & 0x08 and user != _UNKNOWN_USER else None,
            status if flags & 0x10 else None,
        )
    )


def _status_fields(status: int | None) -> dict[str, bool | int] | None:
    if status is None:
        return None
    return {
        "body_movement": status & 0x01 != 0,
        "cuff_too_loose": status & 0x02 != 0,
        "irregular_pulse": status & 0x04 != 0,
        "pulse_rate_range": status >> 3 & 0x03,
        "improper_position": status & 0x20 != 0,
    }


def _common_fields(frame: PressureFrame) -> Fields:
    return {
        "unit": "kPa" if frame.kpa else "mmHg",
        "timestamp": None if frame.time is None else str(frame.time),
        "pulse_rate": frame.pulse,
        "user_id": frame.user,
        "status": _status_fields(frame.status),
    }


def measurement_fields(frame: PressureFrame) -> Fields:
    """Give the fields of ``ble.2a35``."""
    return {
        "systolic": frame.systolic,
        "diastolic": frame.diastolic,
        "map": frame.mean,
        **_common_fields(frame),
    }


def cuff_fields(frame: PressureFrame) -> Fields:
    """Give the fields of ``ble.2a36``."""
    return {"cuff_pressure": frame.systolic, **_common_fields(frame)}


def feature_fields(data: bytes) -> Fields:
    """Give the fields of ``ble.2a49``: the feature bits."""
    (features,) = fixed(data, _FEATURE, "blood pressure feature")
    return {"features": features}
