"""Heart Rate Measurement (2A37): Bluetooth Heart Rate Service 1.0, section 3.1.

Owns: its layout. Never: judges a value.

One byte of flags: 0 a 16-bit rate, 1 and 2 contact (detected, supported), 3 energy, 4 RR intervals, 5-7 reserved; then
the rate, the energy in kJ, and any number of RR intervals of 1/1024 s, the oldest first. "RR present" with none is read
as none: the bytes are whole, and the rate in them is as good as any. Without "RR present", what follows the last field
is passed over, as :mod:`hub_drivers.codec.layout` does.
"""

from functools import lru_cache
from struct import Struct
from typing import Final, NamedTuple

from hub_agent.errors import DecodeError
from hub_drivers.codec.made import maker

_HEADS: Final = {0x00: "<xB", 0x01: "<xH", 0x08: "<xBH", 0x09: "<xHH"}
_RR_PRESENT: Final = 0x10


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


_frame: Final = maker(HeartRateFrame)


@lru_cache(maxsize=64)
def _layout(flags: int, length: int) -> Struct:
    """Compile the layout of ``flags`` that is ``length`` bytes long.

    Raises:
        DecodeError: there is none.
    """
    head = Struct(_HEADS[flags & 0x09])
    count, half = divmod(length - head.size, 2)
    if count < 0:
        raise DecodeError(f"heart rate: {length} bytes, its flags call for {head.size}")
    if not flags & _RR_PRESENT:
        return Struct(f"{head.format}{length - head.size}x")
    if half:
        raise DecodeError("heart rate: half an RR interval")
    return Struct(f"{head.format}{count}H")


def decode(data: bytes) -> HeartRateFrame:
    """Take a value apart.

    Raises:
        DecodeError: cut short, or half an RR interval.
    """
    if not data:
        raise DecodeError("heart rate: empty")
    flags = data[0]
    values = _layout(flags & 0x19, len(data)).unpack(data)
    supported = flags & 0x04 != 0
    return _frame(
        (
            values[0],
            supported,
            flags & 0x02 != 0 if supported else None,
            values[1] if flags & 0x08 else None,
            values[2 if flags & 0x08 else 1 :],
        )
    )
