"""The bytes of serial devices, written from their documents: values in, frames out.

Owns: how each virtual serial device spells what it has to say.
Never: decodes, knows a driver or its codecs, keeps time. A mistake here and the same mistake there would hide each
other; so nothing is shared with the drivers, not even a checksum.

Rates are in /min, saturations in %; None is "no value", which each device spells its own way.
"""

import struct
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, NamedTuple

NO_RATE: Final = 511
NO_SPO2: Final = 127


class Shown(NamedTuple):
    """What an oximeter shows, rounded as its display does.

    Attributes:
        spo2: %, None without a pulse.
        pulse: /min, None without a pulse.
        perfusion: %, None without a pulse.
    """

    spo2: int | None
    pulse: int | None
    perfusion: float | None = None


def _sum8(data: Iterable[int]) -> int:
    return sum(data) & 0xFF


# --- Nonin: "Nonin 9560 Bluetooth Specification", data formats 2, 7, 8 and 13 ----------------------------------------


class NoninStatus(NamedTuple):
    """The status bits of a frame of format 2 or 7."""

    sync: bool = False
    green: bool = False
    red: bool = False
    alarm: bool = False
    out_of_track: bool = False
    artefact: bool = False


def nonin_floats(live: Shown, held: Shown, timer: int, *, low_battery: bool = False, firmware: int = 48) -> bytes:
    """Lay out the float bytes of the 25 frames of a packet.

    Args:
        live: the values as measured.
        held: the values for display, which outlast the finger by 10 s.
        timer: packet counter, 14 bits.
        low_battery: STAT2 bit 0.
        firmware: revision number.
    """
    rate, spo2 = _or(live.pulse, NO_RATE), _or(live.spo2, NO_SPO2)
    rate_d, spo2_d = _or(held.pulse, NO_RATE), _or(held.spo2, NO_SPO2)
    high, low = rate >> 7 & 0x03, rate & 0x7F
    high_d, low_d = rate_d >> 7 & 0x03, rate_d & 0x7F
    stat2 = 0x01 if low_battery else 0x00
    first = (high, low, spo2, firmware, 0, timer >> 7 & 0x7F, timer & 0x7F, stat2, spo2_d, spo2, spo2, 0, 0)
    second = (high, low, spo2, spo2_d, 0, 0, high_d, low_d, high_d, low_d, 0, 0)
    return bytes(first + second)


def nonin_df2_frame(status: NoninStatus, pleth: int, float_byte: int) -> bytes:
    """Encode one of the 75 frames a second of format 2; ``pleth`` is 8 bits."""
    body = bytes((0x01, _nonin_status(status), pleth, float_byte))
    return body + bytes((_sum8(body),))


def nonin_df7_frame(status: NoninStatus, pleth: int, float_byte: int) -> bytes:
    """Encode one of the 75 frames a second of format 7; ``pleth`` is 16 bits, most significant byte first."""
    body = bytes((_nonin_status(status), pleth >> 8, pleth & 0xFF, float_byte))
    return body + bytes((_sum8(body),))


def _nonin_status(status: NoninStatus) -> int:
    bits = (status.sync, status.green, status.red, status.alarm, status.out_of_track, status.artefact)
    return 0x80 | sum(bit << place for place, bit in enumerate(bits))


def nonin_df8(held: Shown, *, alarm: bool = False, out_of_track: bool = False, low_battery: bool = False) -> bytes:
    """Encode the four bytes a second of format 8."""
    rate = _or(held.pulse, NO_RATE)
    low_perfusion = held.perfusion is not None and held.perfusion < 0.5  # noqa: PLR2004 - our choice: weak below 0.5 %
    first = 0x80 | out_of_track << 5 | low_perfusion << 4 | rate >> 7 & 0x03
    return bytes((first, rate & 0x7F, _or(held.spo2, NO_SPO2), alarm << 3 | low_battery))


def nonin_df13(shown: Shown, taken: datetime, *, from_memory: bool = False, low_battery: bool = False) -> bytes:
    """Encode a spot check of format 13; the time is binary coded decimal, with hundredths."""
    none = shown.spo2 is None or shown.pulse is None
    status = (0 if none else 0x200) | none << 8 | from_memory << 4 | low_battery
    date = bytes.fromhex(f"{taken:%Y%m%d%H%M%S}{taken.microsecond // 10_000:02d}")
    rate, spo2 = _or(shown.pulse, NO_RATE), _or(shown.spo2, NO_SPO2)
    body = date + struct.pack(">HHBB", status, rate, 0, spo2)
    return b"\x00\x02\x00\x0d" + struct.pack(">H", len(body)) + body + bytes((_sum8(body), 0x03))


# --- BCI five bytes: "BCI & BERRY Protocol V1.0"; CMS50D before V7 ---------------------------------------------------


def bci5(shown: Shown, *, strength: int, pleth: int, bar: int, beep: bool, searching: bool) -> bytes:
    """Encode one frame; only its first byte has bit 7. ``strength`` and ``bar`` are 0 to 15, ``pleth`` 0 to 127."""
    rate = _or(shown.pulse, 255)
    return bytes(
        (
            0x80 | beep << 6 | strength & 0x0F,
            pleth & 0x7F,
            rate >> 7 << 6 | searching << 5 | bar & 0x0F,
            rate & 0x7F,
            _or(shown.spo2, NO_SPO2) & 0x7F,
        )
    )


# --- Contec V7: "Communication protocol of pulse oximeter V7.0" ------------------------------------------------------


def contec_v7(kind: int, payload: bytes) -> bytes:
    """Frame a payload: its type, a byte that gathers the seven top bits, then the payload with bit 7 set."""
    tops = sum((byte >> 7) << place for place, byte in enumerate(payload))
    return bytes((kind, 0x80 | tops)) + bytes(0x80 | byte for byte in payload)


def contec_live(shown: Shown, *, strength: int, pleth: int, bar: int, beep: bool, probe_off: bool) -> bytes:
    """Encode one of the 60 live frames a second (type 1)."""
    perfusion = 0xFFFF if shown.perfusion is None else round(shown.perfusion * 100)
    searching = shown.spo2 is None
    payload = struct.pack(
        "<BBBBBH",
        strength & 0x0F | beep << 6 | probe_off << 7,
        pleth & 0x7F | searching << 7,
        bar & 0x0F | (shown.perfusion is None) << 4,
        _or(shown.pulse, 255),
        _or(shown.spo2, NO_SPO2),
        perfusion,
    )
    return contec_v7(0x01, payload)


# --- Masimo "ASCII 1" of Rad-8 and Radical-7 -------------------------------------------------------------------------


def masimo_line(shown: Shown, at: datetime, *, exceptions: int = 0, alarm: int = 0) -> bytes:
    """Encode one line; three hex digits' worth of exceptions fill the low end of EXC."""
    spo2 = "---" if shown.spo2 is None else f"{shown.spo2:03d}"
    pulse = "---" if shown.pulse is None else f"{shown.pulse:03d}"
    perfusion = "--.--" if shown.perfusion is None else f"{shown.perfusion:05.2f}"
    return (
        f"{at:%m/%d/%y %H:%M:%S} SN=---------- SPO2={spo2}% BPM={pulse} PI={perfusion} SPCO=--% SPMET=--.-% "
        f"DESAT=-- PIDELTA=+-- PVI=--- ALARM={alarm:06X} EXC={exceptions:07X} EXC1=0000000\r\n"
    ).encode("ascii")


# --- SunTech Advantage: module to host ------------------------------------------------------------------------------


def suntech_packet(data: bytes) -> bytes:
    """Frame what the module says: start, length of all, data, and what brings the sum to zero."""
    body = bytes((0x3E, len(data) + 3)) + data
    return body + bytes((-sum(body) & 0xFF,))


def suntech_result(pressures: tuple[int, int, int], rate: int, beats: int, *, status: int = 0, error: int = 0) -> bytes:
    """Encode systolic, diastolic and mean pressure (mm[Hg]) and what goes with them (24 bytes in all)."""
    systolic, diastolic, mean = pressures
    data = struct.pack("<HHBB8sBBHB2s", systolic, diastolic, beats, status, bytes(8), rate, 0, mean, error, bytes(2))
    return suntech_packet(data)


# --- A&D UA-767PC: forum.arduino.cc 9995 and 274855; result as UA-767PBT, wiki.cdot.senecapolytechnic.ca --------------


def ua767_answer(*, well: bool = True) -> bytes:
    """Encode the answer to a command: a header, then ACK or NAK."""
    return b"\x0170PC" + (b"\x06" if well else b"\x15")


def ua767_result(pressures: tuple[int, int, int], rate: int, *, code: int = 0x80) -> bytes:
    """Encode code, pulse pressure, diastolic, rate and mean (mm[Hg], /min), each two hexadecimal digits."""
    systolic, diastolic, mean = pressures
    return bytes((code, systolic - diastolic, diastolic, rate, mean)).hex().upper().encode("ascii")


# --- Creative PC-60: the same frames on the serial line as on the air ------------------------------------------------


def pc60_frame(kind: int, payload: Sequence[int], token: int = 0x0F) -> bytes:
    """Frame a payload: AA 55, token, length, type, payload, CRC-8/MAXIM over all before it."""
    body = bytes((0xAA, 0x55, token, len(payload) + 2, kind, *payload))
    return body + bytes((_crc8_maxim(body),))


def pc60_values(shown: Shown) -> bytes:
    """Encode the values (type 1), zeroed while there is none, as the device does."""
    rate, perfusion = _or(shown.pulse, 0), round((shown.perfusion or 0.0) * 10)
    return pc60_frame(0x01, (_or(shown.spo2, 0), rate & 0xFF, rate >> 8, min(perfusion, 255), 0, 0))


def _crc8_maxim(data: bytes) -> int:
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x8C if crc & 1 else 0)
    return crc


# --- TaiDoc TD-42xx (glucometer-protocols: src/taidoc/td42xx.md) -----------------------------------------------------


def taidoc_answer(command: int, message: bytes) -> bytes:
    """Encode one answer of eight bytes."""
    body = bytes((0x51, command)) + message.ljust(4, b"\x00") + b"\xa5"
    return body + bytes((_sum8(body),))


def taidoc_time(at: datetime) -> bytes:
    """Pack a minute: 7 bits of year since 2000, 4 of month, 5 of day; then minute and hour."""
    return struct.pack("<HBB", (at.year - 2000) << 9 | at.month << 5 | at.day, at.minute, at.hour)


# --- LifeScan OneTouch (glucometer-protocols: src/lifescan/shared-binary-protocol.md) --------------------------------


def lifescan_frame(link: int, message: bytes) -> bytes:
    """Frame a message: 02, length of all, link control, message, 03, CRC-16/CCITT from FFFF, low byte first."""
    body = bytes((0x02, len(message) + 6, link)) + message + b"\x03"
    return body + struct.pack("<H", _crc16_ccitt(body))


def _crc16_ccitt(data: bytes) -> int:
    crc = 0xFFFF
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ (0x1021 if crc & 0x8000 else 0)) & 0xFFFF
    return crc


def _or(value: int | None, missing: int) -> int:
    return missing if value is None else value
