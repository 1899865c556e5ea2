"""CRC-16/MCRF4XX: the E2E-CRC of the Bluetooth health services.

Owns: one checksum (polynomial 0x1021 reflected, start 0xFFFF, no final inversion; check value 0x6F91).
Never: knows where a format keeps it.
"""

from typing import Final

from hub_agent.errors import DecodeError


def _table() -> tuple[int, ...]:
    rows = []
    for value in range(256):
        crc = value
        for _ in range(8):
            crc = (crc >> 1) ^ 0x8408 if crc & 1 else crc >> 1
        rows.append(crc)
    return tuple(rows)


_TABLE: Final = _table()


def crc16_mcrf4xx(data: bytes) -> int:
    """Compute the checksum of ``data``."""
    crc = 0xFFFF
    table = _TABLE
    for byte in data:
        crc = (crc >> 8) ^ table[(crc ^ byte) & 0xFF]
    return crc


def checked(data: bytes, size: int, name: str) -> tuple[bytes, bool | None]:
    """Split an optional trailing checksum (little-endian) off a value of ``size`` bytes.

    Returns:
        The value, and True with a right checksum, None without any.

    Raises:
        DecodeError: neither ``size`` nor ``size + 2`` bytes, or the checksum is wrong.
    """
    if len(data) == size:
        return data, None
    if len(data) != size + 2:
        raise DecodeError(f"{name}: {len(data)} bytes, not {size} or {size + 2}")
    if int.from_bytes(data[size:], "little") != crc16_mcrf4xx(data[:size]):
        raise DecodeError(f"{name}: checksum")
    return data[:size], True
