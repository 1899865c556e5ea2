"""The end-to-end checksum that a glucose sensor may put behind a value.

Owns: where it stands, and what a wrong one means. Never: computes it; ``codec.checksum`` does.
"""

from hub_agent.errors import DecodeError
from hub_drivers.codec.checksum import crc16_mcrf4xx


def sealed(data: bytes) -> bytes:
    """Put the checksum behind a value, little-endian."""
    return data + crc16_mcrf4xx(data).to_bytes(2, "little")


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
