"""The characteristics of the Bluetooth Pulse Oximeter Service 1.0: 2A5F, 2A5E and 2A60 (sections 3.1 to 3.3).

Owns: their layouts and the meaning of the two status words.
Never: makes a reading, or stumbles over a reserved bit.
"""

from typing import Final, NamedTuple

from hub_agent.model import Quality
from hub_agent.registry import Fields
from hub_drivers.codec.bits import Bit, StatusWord
from hub_drivers.codec.layout import Layout
from hub_drivers.codec.made import maker
from hub_drivers.codec.medfloat import MedicalFloat, sfloat
from hub_drivers.codec.sig_time import SigTime, read_date_time

MEASUREMENT_STATUS: Final = StatusWord(
    Bit(5, "measurement_ongoing"),
    Bit(6, "early_estimated", Quality.EARLY),
    Bit(7, "validated"),
    Bit(8, "fully_qualified"),
    Bit(9, "from_storage"),
    Bit(10, "demonstration", Quality.DEMO),
    Bit(11, "testing", Quality.TEST),
    Bit(12, "calibration_ongoing", Quality.CALIBRATING),
    Bit(13, "measurement_unavailable", Quality.INVALID),
    Bit(14, "questionable_measurement", Quality.QUESTIONABLE),
    Bit(15, "invalid_measurement", Quality.INVALID),
)
FROM_STORAGE: Final = 1 << 9

DEVICE_STATUS: Final = StatusWord(
    Bit(0, "extended_display_update"),
    Bit(1, "equipment_malfunction", Quality.SENSOR_FAULT),
    Bit(2, "signal_processing_irregularity", Quality.QUESTIONABLE),
    Bit(3, "inadequate_signal", Quality.WEAK_SIGNAL | Quality.QUESTIONABLE),
    Bit(4, "poor_signal", Quality.WEAK_SIGNAL),
    Bit(5, "low_perfusion", Quality.LOW_PERFUSION),
    Bit(6, "erratic_signal", Quality.ARTEFACT),
    Bit(7, "non_pulsatile_signal", Quality.WEAK_SIGNAL | Quality.QUESTIONABLE),
    Bit(8, "questionable_pulse", Quality.QUESTIONABLE),
    Bit(9, "signal_analysis_ongoing"),
    Bit(10, "sensor_interference", Quality.ARTEFACT),
    Bit(11, "sensor_unconnected_to_user", Quality.SENSOR_OFF),
    Bit(12, "unknown_sensor_connected", Quality.QUESTIONABLE),
    Bit(13, "sensor_displaced", Quality.SENSOR_OFF),
    Bit(14, "sensor_malfunctioning", Quality.SENSOR_FAULT),
    Bit(15, "sensor_disconnected", Quality.SENSOR_OFF),
)

STORED_SPOT_CHECK: Final = 1 << 2
"""Bit of the features: the device keeps spot checks and hands them out by record access."""

_CONTINUOUS: Final = Layout(
    "BHH", (0x01, "I"), (0x02, "I"), (0x04, "H"), (0x08, "3s"), (0x10, "H"), name="continuous oximetry"
)
_SPOT: Final = Layout("BHH", (0x01, "7s"), (0x02, "H"), (0x04, "3s"), (0x08, "H"), name="spot-check oximetry")
_FEATURES: Final = Layout("H", (0x01, "H"), (0x02, "3s"), name="oximeter features", width=2)


class Pair(NamedTuple):
    """Saturation and pulse of one averaging mode."""

    spo2: MedicalFloat
    pulse_rate: MedicalFloat


_averaged: Final = maker(Pair)


class ContinuousFrame(NamedTuple):
    """One value of 2A5F; percent, beats a minute; None where the flags leave a field out.

    Attributes:
        spo2: normal averaging.
        pulse_rate: normal averaging.
        fast: both, averaged over less.
        slow: both, averaged over more.
        measurement_status: word of :data:`MEASUREMENT_STATUS`.
        device_status: word of :data:`DEVICE_STATUS`.
        pai: pulse amplitude index, percent.
    """

    spo2: MedicalFloat
    pulse_rate: MedicalFloat
    fast: Pair | None
    slow: Pair | None
    measurement_status: int | None
    device_status: int | None
    pai: MedicalFloat | None


class SpotFrame(NamedTuple):
    """One value of 2A5E; fields as in :class:`ContinuousFrame`.

    Attributes:
        spo2: saturation.
        pulse_rate: pulse.
        time: when the device took it.
        measurement_status: word of :data:`MEASUREMENT_STATUS`.
        device_status: word of :data:`DEVICE_STATUS`.
        pai: pulse amplitude index, percent.
        clock_not_set: the device's clock was never set.
    """

    spo2: MedicalFloat
    pulse_rate: MedicalFloat
    time: SigTime | None
    measurement_status: int | None
    device_status: int | None
    pai: MedicalFloat | None
    clock_not_set: bool


class FeaturesFrame(NamedTuple):
    """The value of 2A60.

    Attributes:
        features: the feature bits.
        measurement_mask: which measurement status bits the device uses; None when it does not say.
        device_mask: which device status bits it uses; None when it does not say.
    """

    features: int
    measurement_mask: int | None
    device_mask: int | None


_features: Final = maker(FeaturesFrame)


_continuous: Final = maker(ContinuousFrame)


_spot: Final = maker(SpotFrame)


def _pair(both: int | bytes) -> Pair | None:
    return _averaged((sfloat(both & 0xFFFF), sfloat(both >> 16))) if isinstance(both, int) else None


def _word(raw: bytes) -> int | None:
    return int.from_bytes(raw, "little") if raw else None


def decode_continuous(data: bytes) -> ContinuousFrame:
    """Take a value of 2A5F apart.

    Raises:
        DecodeError: shorter than the flags call for.
    """
    flags, spo2, rate, fast, slow, status, device, pai = _CONTINUOUS.unpack(data)
    return _continuous(
        (
            sfloat(spo2),
            sfloat(rate),
            _pair(fast) if flags & 0x01 else None,
            _pair(slow) if flags & 0x02 else None,
            status if flags & 0x04 else None,
            _word(device),
            sfloat(pai) if flags & 0x10 else None,
        )
    )


def decode_spot(data: bytes) -> SpotFrame:
    """Take a value of 2A5E apart.

    Raises:
        DecodeError: shorter than the flags call for, or the time is impossible.
    """
    flags, spo2, rate, time, status, device, pai = _SPOT.unpack(data)
    return _spot(
        (
            sfloat(spo2),
            sfloat(rate),
            read_date_time(time) if time else None,
            status if flags & 0x02 else None,
            _word(device),
            sfloat(pai) if flags & 0x08 else None,
            flags & 0x10 != 0,
        )
    )


def decode_features(data: bytes) -> FeaturesFrame:
    """Take the value of 2A60 apart.

    Raises:
        DecodeError: shorter than the features call for.
    """
    features, measurement_mask, device_mask = _FEATURES.unpack(data)
    return _features((features, measurement_mask if features & 0x01 else None, _word(device_mask)))


def _status_fields(measurement_status: int | None, device_status: int | None) -> dict[str, list[str] | None]:
    return {
        "measurement_status": (
            None if measurement_status is None else list(MEASUREMENT_STATUS.names(measurement_status))
        ),
        "device_sensor_status": None if device_status is None else list(DEVICE_STATUS.names(device_status)),
    }


def continuous_fields(frame: ContinuousFrame) -> Fields:
    """Give the fields of ``ble.2a5f``."""
    return {
        "spo2": frame.spo2,
        "pulse_rate": frame.pulse_rate,
        "fast": None if frame.fast is None else list(frame.fast),
        "slow": None if frame.slow is None else list(frame.slow),
        **_status_fields(frame.measurement_status, frame.device_status),
        "pulse_amplitude_index": frame.pai,
    }


def spot_fields(frame: SpotFrame) -> Fields:
    """Give the fields of ``ble.2a5e``."""
    return {
        "spo2": frame.spo2,
        "pulse_rate": frame.pulse_rate,
        "timestamp": None if frame.time is None else str(frame.time),
        **_status_fields(frame.measurement_status, frame.device_status),
        "pulse_amplitude_index": frame.pai,
        "clock_not_set": frame.clock_not_set,
    }


def features_fields(frame: FeaturesFrame) -> Fields:
    """Give the fields of ``ble.2a60``; a mask only where the features announce it."""
    found = {"features": frame.features}
    if frame.measurement_mask is not None:
        found["measurement_status_support"] = frame.measurement_mask
    if frame.device_mask is not None:
        found["device_sensor_status_support"] = frame.device_mask
    return found
