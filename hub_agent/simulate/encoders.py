"""How devices write their values down, from the formats' own documents.

Owns: the way from a value to bytes, for every virtual BLE device.
None, where a value is expected, is "the device has none", and becomes the format's own way of saying so.
Never: shares a line with the decoders in ``hub_drivers``: an error made twice alike would cancel out.

Sources: IEEE 11073-20601 (SFLOAT, FLOAT); Bluetooth GATT Specification Supplement 9 (characteristic layouts); vendor
layouts as named in each docstring.
"""

import struct
from datetime import datetime
from decimal import Decimal
from typing import Final

_SFLOAT_NAN: Final = 0x07FF
_FLOAT_NAN: Final = 0x007FFFFF


def _mantissa(value: float, digits: int, bits: int) -> int:
    """Scale a value to an integer with ``digits`` decimals that fits ``bits`` bits, two's complement.

    Raises:
        ValueError: it does not fit, or would collide with a special value.
    """
    mantissa = round(Decimal(str(value)).scaleb(digits))
    room = (1 << (bits - 1)) - 3  # the largest five patterns on either side are special
    if abs(mantissa) > room:
        raise ValueError(f"{digits} decimals do not fit {bits} bits")
    return mantissa & ((1 << bits) - 1)


def sfloat(value: float | None, digits: int = 0) -> bytes:
    """IEEE 11073-20601 SFLOAT: 4-bit exponent, 12-bit mantissa, little endian; ``digits`` decimals are kept."""
    if value is None:
        return struct.pack("<H", _SFLOAT_NAN)
    return struct.pack("<H", (-digits & 0xF) << 12 | _mantissa(value, digits, 12))


def float32(value: float | None, digits: int = 0) -> bytes:
    """IEEE 11073-20601 FLOAT: 8-bit exponent, 24-bit mantissa, little endian; ``digits`` decimals are kept."""
    if value is None:
        return struct.pack("<I", _FLOAT_NAN)
    return struct.pack("<I", (-digits & 0xFF) << 24 | _mantissa(value, digits, 24))


def date_time(local: datetime | None) -> bytes:
    """Date Time (0x2A08), 7 bytes; None writes the zeros that mean "not known"."""
    if local is None:
        return bytes(7)
    return struct.pack("<H5B", local.year, local.month, local.day, local.hour, local.minute, local.second)


# --- Bluetooth SIG profiles ------------------------------------------------------------------------------------------


def heart_rate(pulse: float | None, rr_ms: tuple[int, ...] = ()) -> bytes:
    """Heart Rate Measurement (0x2A37) of a strap that knows skin contact; None means no contact, rate 0.

    RR intervals are in 1/1024 s; nine fit one notification at the smallest MTU.
    """
    contact_known, contact, wide, has_rr = 0x04, 0x02, 0x01, 0x10
    flags = contact_known
    rate = 0
    intervals: tuple[int, ...] = ()
    if pulse is not None:
        rate, intervals = round(pulse), rr_ms[-8:]
        flags |= contact | (has_rr if intervals else 0) | (wide if rate > 0xFF else 0)  # noqa: PLR2004
    head = struct.pack("<BH" if flags & wide else "<BB", flags, rate)
    return head + b"".join(struct.pack("<H", round(ms * 1024 / 1000)) for ms in intervals)


_PLX_ONGOING: Final = 1 << 5
_PLX_FROM_STORAGE: Final = 1 << 9
_PLX_FULLY_QUALIFIED: Final = 1 << 8
_PLX_SEARCHING: Final = 1 << 9  # device and sensor status: analysis ongoing


def plx_continuous(spo2: float | None, pulse: float | None, perfusion: float | None) -> bytes:
    """PLX Continuous Measurement (0x2A5F) with measurement status, sensor status and pulse amplitude."""
    has_status, has_sensor, has_amplitude = 0x04, 0x08, 0x10
    sensor = 0 if spo2 is not None else _PLX_SEARCHING
    return (
        bytes([has_status | has_sensor | has_amplitude])
        + sfloat(None if spo2 is None else round(spo2))
        + sfloat(None if pulse is None else round(pulse))
        + struct.pack("<H", _PLX_ONGOING)
        + sensor.to_bytes(3, "little")
        + sfloat(perfusion, digits=1)
    )


def plx_spot(spo2: float | None, pulse: float | None, at: datetime | None, *, stored: bool) -> bytes:
    """PLX Spot-Check Measurement (0x2A5E) with measurement status, and a time stamp where the clock was set."""
    has_time, has_status, clock_not_set = 0x01, 0x02, 0x10
    status = _PLX_FULLY_QUALIFIED | (_PLX_FROM_STORAGE if stored else 0)
    return (
        bytes([has_status | (has_time if at is not None else clock_not_set)])
        + sfloat(None if spo2 is None else round(spo2))
        + sfloat(None if pulse is None else round(pulse))
        + (date_time(at) if at is not None else b"")
        + struct.pack("<H", status)
    )


def blood_pressure(
    pressures: tuple[float, float, float] | None, pulse: float | None, at: datetime, user: int = 1
) -> bytes:
    """Blood Pressure Measurement (0x2A35) in mmHg with time, pulse, user and status; None is a failed measurement.

    ``pressures`` are systolic, diastolic, mean. Failed: three NaN, and "cuff too loose" in the status.
    """
    has_time, has_pulse, has_user, has_status = 0x02, 0x04, 0x08, 0x10
    status = 0 if pressures is not None else 0x02
    values = pressures if pressures is not None else (None, None, None)
    return (
        bytes([has_time | has_pulse | has_user | has_status])
        + b"".join(sfloat(None if value is None else round(value)) for value in values)
        + date_time(at)
        + sfloat(None if pulse is None else round(pulse))
        + bytes([user])
        + struct.pack("<H", status)
    )


def temperature(celsius: float | None, at: datetime | None, site: int = 6) -> bytes:
    """Temperature Measurement (0x2A1C) in Celsius with time and site (0x2A1D; 6 is the mouth)."""
    has_time, has_site = 0x02, 0x04
    return (
        bytes([has_site | (has_time if at is not None else 0)])
        + float32(celsius, digits=2)
        + (date_time(at) if at is not None else b"")
        + bytes([site])
    )


def weight(kilograms: float | None, at: datetime) -> bytes:
    """Weight Measurement (0x2A9D) in SI units with time; resolution 0.005 kg, 0xFFFF is a failed measurement."""
    has_time = 0x02
    steps = 0xFFFF if kilograms is None else round(Decimal(str(kilograms)) / Decimal("0.005"))
    return bytes([has_time]) + struct.pack("<H", steps) + date_time(at)


def glucose(sequence: int, at: datetime, mg_per_dl: float | None, offset_min: int = 0) -> bytes:
    """Glucose Measurement (0x2A18): kg/L, time offset, capillary plasma from a finger, status.

    1 mg/dL is 1e-5 kg/L, written with exponent -5.
    """
    has_offset, has_concentration, has_status = 0x01, 0x02, 0x08
    flags = has_offset | has_status | (has_concentration if mg_per_dl is not None else 0)
    body = b""
    if mg_per_dl is not None:
        body = struct.pack("<H", 0xB << 12 | _mantissa(round(mg_per_dl), 0, 12)) + bytes([1 << 4 | 2])
    return (
        bytes([flags]) + struct.pack("<H", sequence) + date_time(at) + struct.pack("<h", offset_min) + body + bytes(2)
    )


def record_count(count: int) -> bytes:
    """Record Access Control Point (0x2A52): number of stored records response."""
    return struct.pack("<BBH", 5, 0, count)


def record_response(opcode: int, code: int) -> bytes:
    """Record Access Control Point (0x2A52): response code to a request."""
    return bytes([6, 0, opcode, code])


# --- vendors ---------------------------------------------------------------------------------------------------------


def nonin_nco(
    spo2: float | None, pulse: float | None, perfusion: float | None, counter: int, battery_volts: float
) -> bytes:
    """Nonin 3230 Continuous Oximetry, 10 bytes big endian (layout: andreasdri/nonin-3230-ble:index.js).

    None: sensor off the finger, searching; 127 and 511 stand for "no value".
    """
    searching, on_finger, low_battery = 1 << 3, 1 << 4, 1 << 5
    status = (on_finger if spo2 is not None else searching) | (low_battery if battery_volts < 2.2 else 0)  # noqa: PLR2004
    amplitude = 0 if perfusion is None else round(perfusion * 100)
    return struct.pack(
        ">BBBHHBH",
        10,
        status,
        round(battery_volts * 10),
        amplitude,
        counter & 0xFFFF,
        127 if spo2 is None else round(spo2),
        511 if pulse is None else round(pulse),
    )


def crc8(data: bytes) -> int:
    """CRC-8 with polynomial 0x07, start 0, unreflected: Viatom's checksum."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ 0x07) & 0xFF if crc & 0x80 else crc << 1
    return crc


def viatom_reply(payload: bytes, block: int = 0) -> bytes:
    """A good answer of a Viatom device: 0x55, status 0, its complement, block, length, payload, CRC-8.

    Layout: home-health-hub/viatom-o2ring-ble.
    """
    frame = struct.pack("<BBBHH", 0x55, 0x00, 0xFF, block, len(payload)) + payload
    return frame + bytes([crc8(frame)])


def o2ring_live(
    spo2: float | None, pulse: float | None, perfusion: float | None, battery: int, *, motion: int = 0
) -> bytes:
    """The 13-byte payload of the O2Ring's live poll (command 0x17).

    None: off the finger (worn 0) with zeros, as the ring really sends; never to be taken for 0 %.
    """
    worn = spo2 is not None
    payload = bytearray(13)
    payload[0] = round(spo2) if spo2 is not None else 0
    payload[1] = round(pulse) if pulse is not None else 0
    payload[7] = battery
    payload[9] = motion
    payload[10] = round(perfusion * 10) if perfusion is not None else 0
    payload[11] = int(worn)
    return bytes(payload)
