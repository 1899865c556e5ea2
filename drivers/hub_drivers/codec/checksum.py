"""Checksums of device protocols: sums, exclusive or, CRC-8 and the CRC-16s in use.

Owns: one pure function for each algorithm, named as the CRC catalogue (reveng.sourceforge.io/crc-catalogue) names it.
Never: knows a frame; which bytes are covered is the frame's business.
"""

from binascii import crc_hqx
from functools import reduce
from operator import xor
from typing import Final

__all__ = ["crc8_maxim", "crc8_smbus", "crc16_ibm_3740", "crc16_ibm_sdlc", "crc16_mcrf4xx", "sum8", "sum16", "xor8"]


def _reflected(polynomial: int) -> tuple[int, ...]:
    """Make the table of a CRC that shifts right, from its reversed polynomial."""

    def entry(value: int) -> int:
        for _ in range(8):
            value = (value >> 1) ^ polynomial if value & 1 else value >> 1
        return value

    return tuple(entry(value) for value in range(256))


def _smbus_entry(value: int) -> int:
    for _ in range(8):
        value = ((value << 1) ^ 0x07 if value & 0x80 else value << 1) & 0xFF
    return value


_SMBUS: Final = tuple(_smbus_entry(value) for value in range(256))
_MAXIM: Final = _reflected(0x8C)
_MIRRORED: Final = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))
"""Each byte, its bits in reverse."""


def sum8(data: bytes) -> int:
    """Add all bytes, modulo 256."""
    return sum(data) & 0xFF


def sum16(data: bytes) -> int:
    """Add all bytes, modulo 65536."""
    return sum(data) & 0xFFFF


def xor8(data: bytes) -> int:
    """Combine all bytes by exclusive or; 0 for none."""
    return reduce(xor, data, 0)


def crc8_smbus(data: bytes) -> int:
    """CRC-8/SMBUS: polynomial 07, start 00 (check value of "123456789": F4)."""
    crc = 0
    for byte in data:
        crc = _SMBUS[crc ^ byte]
    return crc


def crc8_maxim(data: bytes) -> int:
    """CRC-8/MAXIM-DOW: polynomial 31 reflected, start 00 (check value of "123456789": A1)."""
    crc = 0
    for byte in data:
        crc = _MAXIM[crc ^ byte]
    return crc


def crc16_ibm_3740(data: bytes) -> int:
    """CRC-16/IBM-3740, often called CCITT-FALSE: polynomial 1021, start FFFF (check value: 29B1)."""
    return crc_hqx(data, 0xFFFF)


def crc16_ibm_sdlc(data: bytes) -> int:
    """CRC-16/IBM-SDLC, also X-25: polynomial 1021 reflected, start and end FFFF (check value: 906E)."""
    return crc16_mcrf4xx(data) ^ 0xFFFF


def crc16_mcrf4xx(data: bytes) -> int:
    """CRC-16/MCRF4XX, the E2E-CRC of Bluetooth: polynomial 1021 reflected, start FFFF (check value: 6F91)."""
    # A reflected CRC is the plain one of mirrored bytes, itself mirrored; the plain one is in the standard library.
    crc = crc_hqx(data.translate(_MIRRORED), 0xFFFF)
    return _MIRRORED[crc & 0xFF] << 8 | _MIRRORED[crc >> 8]
