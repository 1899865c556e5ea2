"""CGM Measurement (2AA7), Feature (2AA8), Status (2AA9), Session Start Time (2AAA), Session Run Time (2AAB).

Owns: their layouts, Bluetooth CGM Service 1.0.2, sections 3.1 to 3.5, and the checksum each may end with.
Never: trusts a value whose checksum is wrong; whether there is one shows in the length.
"""

from struct import Struct
from typing import Any, Final, NamedTuple

from hub_agent.errors import DecodeError
from hub_agent.model import Quality
from hub_agent.registry import Fields
from hub_drivers.cgm.e2e import checked
from hub_drivers.codec.bits import Bit, StatusWord
from hub_drivers.codec.checksum import crc16_mcrf4xx
from hub_drivers.codec.layout import Layout
from hub_drivers.codec.made import maker
from hub_drivers.codec.medfloat import MedicalFloat, sfloat
from hub_drivers.codec.sig_time import SigTime, dst_offset_min, read_date_time, time_zone_min

STATUS: Final = StatusWord(
    Bit(0, "session_stopped", Quality.QUESTIONABLE),
    Bit(1, "battery_low", Quality.LOW_BATTERY),
    Bit(2, "sensor_type_incorrect", Quality.INVALID),
    Bit(3, "sensor_malfunction", Quality.SENSOR_FAULT),
    Bit(4, "device_alert", Quality.DEVICE_ALARM),
    Bit(5, "general_device_fault", Quality.SENSOR_FAULT),
    Bit(8, "time_synchronization_required", Quality.CLOCK_NOT_SET),
    Bit(9, "calibration_not_allowed"),
    Bit(10, "calibration_recommended"),
    Bit(11, "calibration_required", Quality.QUESTIONABLE),
    Bit(12, "temperature_too_high", Quality.INVALID),
    Bit(13, "temperature_too_low", Quality.INVALID),
    Bit(16, "below_patient_low", Quality.DEVICE_ALARM),
    Bit(17, "above_patient_high", Quality.DEVICE_ALARM),
    Bit(18, "below_hypo", Quality.DEVICE_ALARM),
    Bit(19, "above_hyper", Quality.DEVICE_ALARM),
    Bit(20, "falling_too_fast", Quality.DEVICE_ALARM),
    Bit(21, "rising_too_fast", Quality.DEVICE_ALARM),
    Bit(22, "result_too_low", Quality.OUT_OF_RANGE),
    Bit(23, "result_too_high", Quality.OUT_OF_RANGE),
)
"""Status, calibration and temperature, and warning octets, as one word, lowest first."""

E2E_CRC: Final = 1 << 12
"""Bit of the features: every value ends with a checksum."""

_RECORD: Final = Layout("BHH", (0x80, "B"), (0x40, "B"), (0x20, "B"), (0x01, "H"), (0x02, "H"), name="CGM record")
_FEATURE: Final = Struct("<3sBH")
_STATUS: Final = Struct("<HBBB")
_START: Final = Struct("<7sbB")


class CgmRecord(NamedTuple):
    """One record of 2AA7; None where its flags leave a field out.

    Attributes:
        glucose: mg/dL.
        offset_min: minutes since the session's start.
        status: octet, bits 0 to 7 of :data:`STATUS`.
        calibration: octet, bits 8 to 15.
        warning: octet, bits 16 to 23.
        trend: mg/dL a minute.
        quality_percent: the sensor's opinion of itself.
    """

    glucose: MedicalFloat
    offset_min: int
    status: int | None
    calibration: int | None
    warning: int | None
    trend: MedicalFloat | None
    quality_percent: MedicalFloat | None

    def status_word(self) -> int:
        """Join the octets."""
        return (self.status or 0) | (self.calibration or 0) << 8 | (self.warning or 0) << 16


class CgmFeature(NamedTuple):
    """The value of 2AA8.

    Attributes:
        features: bits.
        kind: sample type, as in 2A18.
        location: 1 finger, 2 alternate site, 3 ear lobe, 4 control solution, 5 subcutaneous tissue, 15 unknown.
    """

    features: int
    kind: int
    location: int


_feature: Final = maker(CgmFeature)


class CgmStart(NamedTuple):
    """The value of 2AAA.

    Attributes:
        time: when the session started, on the device's clock.
        zone_min: minutes from UTC without daylight saving; None when unknown.
        dst: the DST Offset as sent; None when unknown.
        crc_ok: True with a right checksum, None without any.
    """

    time: SigTime
    zone_min: int | None
    dst: int | None
    crc_ok: bool | None


_made: Final = maker(CgmRecord)


_start: Final = maker(CgmStart)


def _record(body: bytes) -> CgmRecord:
    """Take a record apart, without its size; a checksum is already off."""
    flags, glucose, offset_min, status, calibration, warning, trend, quality = _RECORD.unpack(body)
    return _made(
        (
            sfloat(glucose),
            offset_min,
            status if flags & 0x80 else None,
            calibration if flags & 0x40 else None,
            warning if flags & 0x20 else None,
            sfloat(trend) if flags & 0x01 else None,
            sfloat(quality) if flags & 0x02 else None,
        )
    )


def decode(data: bytes) -> tuple[CgmRecord, ...]:
    """Take a value of 2AA7 apart: one record or more, each with its size first.

    Raises:
        DecodeError: a size that is not the one its flags call for, a record cut short, a wrong checksum.
    """
    records: list[CgmRecord] = []
    start = 0
    while start < len(data):
        end = start + data[start]
        if end < start + 2 or end > len(data):
            raise DecodeError("CGM record: its size goes past the value")
        body, _crc_ok = checked(data[start:end], 1 + _RECORD.size(data[start + 1]), "CGM record")
        records.append(_record(body[1:]))
        start = end
    if not records:
        raise DecodeError("CGM record: empty")
    return tuple(records)


def decode_feature(data: bytes) -> CgmFeature:
    """Take the value of 2AA8 apart; its checksum is 0xFFFF exactly where the features deny having one.

    Raises:
        DecodeError: not six bytes, or the checksum is wrong.
    """
    if len(data) != _FEATURE.size:
        raise DecodeError(f"CGM feature: {len(data)} bytes, not {_FEATURE.size}")
    raw, sample, crc = _FEATURE.unpack(data)
    features = int.from_bytes(raw, "little")
    if crc != (crc16_mcrf4xx(data[:4]) if features & E2E_CRC else 0xFFFF):
        raise DecodeError("CGM feature: checksum")
    return _feature((features, sample & 0x0F, sample >> 4))


def decode_start(data: bytes) -> CgmStart:
    """Take the value of 2AAA apart.

    Raises:
        DecodeError: neither 9 nor 11 bytes, a wrong checksum, or a part out of its range.
    """
    body, crc_ok = checked(data, _START.size, "CGM session start")
    time, zone, dst = _START.unpack(body)
    known = dst_offset_min(dst) is not None
    return _start((read_date_time(time), time_zone_min(zone), dst if known else None, crc_ok))


def measurement_fields(records: tuple[CgmRecord, ...]) -> Fields:
    """Give the fields of ``ble.2aa7``."""
    return {
        "records": [
            {
                "glucose_mg_dl": record.glucose,
                "time_offset_min": record.offset_min,
                "status": record.status,
                "cal_temp": record.calibration,
                "warning": record.warning,
                "trend": record.trend,
                "quality": record.quality_percent,
            }
            for record in records
        ]
    }


def feature_fields(feature: CgmFeature) -> Fields:
    """Give the fields of ``ble.2aa8``."""
    return {"features": feature.features, "type": feature.kind, "location": feature.location}


def status_fields(data: bytes) -> Fields:
    """Give the fields of ``ble.2aa9``."""
    body, crc_ok = checked(data, _STATUS.size, "CGM status")
    offset_min, status, calibration, warning = _STATUS.unpack(body)
    return {
        "time_offset_min": offset_min,
        "status": status,
        "cal_temp": calibration,
        "warning": warning,
        "crc_ok": crc_ok,
    }


def start_fields(start: CgmStart) -> Fields:
    """Give the fields of ``ble.2aaa``."""
    return {"start": str(start.time), "tz_min": start.zone_min, "dst": start.dst, "crc_ok": start.crc_ok}


def run_time_fields(data: bytes) -> Fields:
    """Give the fields of ``ble.2aab``."""
    body, crc_ok = checked(data, 2, "CGM run time")
    found: dict[str, Any] = {"run_time_h": int.from_bytes(body, "little"), "crc_ok": crc_ok}
    return found
