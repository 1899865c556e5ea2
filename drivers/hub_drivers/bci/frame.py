"""The 5-byte BCI frame and the 3-byte stored record of the first CMS50D.

Owns: their layout. Never: judges a reading, or says what the bits mean that makers use differently.

Sources: atbrask/CMS50Dplus:unittests.py and "BCI & BERRY Protocol V1.0" (zh2x/SpO2-BLE-for-Android). Bit 7 is set in
the first byte only; there is no checksum, so the sync bits are all there is to check.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from hub_agent.driver import DecodeError
from hub_agent.registry import Format, FormatDecoder
from hub_drivers.codec.made import maker
from hub_drivers.codec.oximetry import flag_implausible

__all__ = ["FORMATS", "SIZE", "Bci", "Stored", "decode", "decode_stored", "measure"]

SIZE: Final = 5


class Bci(NamedTuple):
    """One frame, 60 (Contec) or 100 (Berry) a second.

    Attributes:
        signal_strength: 0 to 8; 15 none.
        b0_bit4: Contec: finger out; Berry: no signal.
        b0_bit5: Contec: saturation falls; Berry: probe unplugged.
        pulse_beep: a beat.
        pleth: 0 to 127.
        bargraph: 0 to 15.
        b2_bit4: Contec: probe error; Berry: no finger.
        searching: for a pulse.
        pulse_rate: /min; None missing (255).
        spo2: %; None missing (127).
    """

    signal_strength: int
    b0_bit4: bool
    b0_bit5: bool
    pulse_beep: bool
    pleth: int
    bargraph: int
    b2_bit4: bool
    searching: bool
    pulse_rate: int | None
    spo2: int | None


class Stored(NamedTuple):
    """One stored second: pulse rate in /min and saturation in %, as kept; 0 is none."""

    pulse_rate: int
    spo2: int


_stored: Final = maker(Stored)


_frame: Final = maker(Bci)


def decode(data: bytes) -> Bci:
    """Decode a frame.

    Raises:
        DecodeError: not five bytes, or bit 7 elsewhere than in the first.
    """
    if len(data) != SIZE:
        raise DecodeError("length")
    b0, pleth, b2, rate, spo2 = data
    if not b0 & 0x80 or (pleth | b2 | rate | spo2) & 0x80:
        raise DecodeError("sync")
    rate |= (b2 & 0x40) << 1
    return _frame(
        (
            b0 & 0x0F,
            b0 & 0x10 != 0,
            b0 & 0x20 != 0,
            b0 & 0x40 != 0,
            pleth,
            b2 & 0x0F,
            b2 & 0x10 != 0,
            b2 & 0x20 != 0,
            None if rate == 255 else rate,
            None if spo2 == 127 else spo2,
        )
    )


def decode_stored(data: bytes) -> Stored:
    """Decode a stored record: F0 with bit 7 of the rate, its other bits with bit 7 set, the saturation.

    Raises:
        DecodeError: not three bytes, or out of step.
    """
    if len(data) != 3:
        raise DecodeError("length")
    if data[0] & 0xFE != 0xF0 or not data[1] & 0x80 or data[2] & 0x80:
        raise DecodeError("sync")
    return _stored(((data[0] & 0x01) << 7 | data[1] & 0x7F, data[2]))


def measure(buffer: bytes, start: int) -> int:
    """Find a frame; the :data:`~hub_drivers.codec.stream.Measure` of a deframer."""
    if not buffer[start] & 0x80:
        return -1
    rest = buffer[start + 1 : start + SIZE]
    if not rest.isascii():
        return -1
    return SIZE if len(rest) == SIZE - 1 else 0


FORMATS: Final[Mapping[str, FormatDecoder]] = {
    "serial.bci5": Format(decode, lambda found: flag_implausible(found._asdict())),
    "serial.cms50dplus.record3": Format(decode_stored, lambda found: found._asdict()),
}
"""This family's wire formats by name."""
