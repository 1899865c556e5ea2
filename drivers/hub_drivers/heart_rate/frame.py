"""Heart Rate Measurement (2A37): Bluetooth Heart Rate Service 1.0, section 3.1.

Owns: its layout. Never: judges a value.

One byte of flags: 0 a 16-bit rate, 1 and 2 contact (detected, supported), 3 energy, 4 RR intervals, 5-7 reserved; then
the rate, the energy in kJ, and any number of RR intervals of 1/1024 s, the oldest first. "RR present" with none is read
as none: the bytes are whole, and the rate in them is as good as any.
"""

import struct
from struct import Struct
from typing import Final, NamedTuple

from hub_agent.errors import DecodeError

_HEADS: Final = {
    0x00: Struct("<xB"),
    0x01: Struct("<xH"),
    0x08: Struct("<xBH"),
    0x09: Struct("<xHH"),
}


class HeartRateFrame(NamedTuple):
    """One value of 2A37.

    Attributes:
        bpm: beats a minute; 0 while the sensor finds none.
        contact_supported: whether the sensor can feel the skin.
        contact: whether it does; None when it cannot say.
        energy_kj: energy since the last reset; 65535 is "that or more"; None when not sent.
        rr_1024: intervals between beats in 1/1024 s, the oldest first.
    """

    bpm: int
    contact_supported: bool
    contact: bool | None
    energy_kj: int | None
    rr_1024: tuple[int, ...]


def decode(data: bytes) -> HeartRateFrame:
    """Take a value apart.

    Raises:
        DecodeError: cut short, a byte too many, or half an RR interval.
    """
    if not data:
        raise DecodeError("heart rate: empty")
    flags = data[0]
    head = _HEADS[flags & 0x09]
    size = head.size
    length = len(data)
    if length < size:
        raise DecodeError(f"heart rate: {length} bytes, its flags call for {size}")
    rr: tuple[int, ...] = ()
    if flags & 0x10:
        count, half = divmod(length - size, 2)
        if half:
            raise DecodeError("heart rate: half an RR interval")
        rr = struct.unpack_from(f"<{count}H", data, size)
    elif length != size:
        raise DecodeError(f"heart rate: {length} bytes, its flags call for {size}")
    values = head.unpack_from(data)
    supported = flags & 0x04 != 0
    return HeartRateFrame(
        values[0],
        supported,
        flags & 0x02 != 0 if supported else None,
        values[1] if flags & 0x08 else None,
        rr,
    )
