"""Berry's 20-byte frame: FF AA, index, status, values, pleth, samples, battery, sum.

Owns: its layout. Never: judges a reading.

Source: "BCI & BERRY Protocol V1.0" (zh2x/SpO2-BLE-for-Android). Missing: saturation 127, rate 255, perfusion 0. A frame
whose index and status spell "SV" or "HV" holds the software or hardware version instead.
"""

from collections.abc import Mapping
from decimal import Decimal
from struct import Struct
from typing import Any, Final, NamedTuple

from hub_agent.driver import DecodeError
from hub_agent.registry import Format, FormatDecoder
from hub_drivers.bci.frame import measure as measure_bci
from hub_drivers.codec.checksum import sum8
from hub_drivers.codec.made import maker
from hub_drivers.codec.number import tenths
from hub_drivers.codec.oximetry import flag_implausible

__all__ = ["FORMATS", "SIZE", "Berry", "Version", "decode", "measure"]

SIZE: Final = 20
SENSOR_OFF: Final = 0x01
NO_FINGER: Final = 0x02
NO_PULSE: Final = 0x04
BEAT: Final = 0x08

_HEAD: Final = b"\xff\xaa"
_LAYOUT: Final = Struct("<2x6BH3BiBBx")


class Berry(NamedTuple):
    """Values, as often as ``freq`` says.

    Attributes:
        sequence: counts frames, modulo 256.
        sensor_off: unplugged.
        no_finger: nobody in it.
        no_pulse: none found.
        beat: one now.
        spo2: averaged, %.
        spo2_rt: of this moment, %.
        pulse_rate: averaged, /min.
        pulse_rate_rt: of this moment, /min.
        rr_ms: time between the last two beats, ms.
        pi: perfusion index, %.
        pleth: 0 to 100.
        battery: %.
        freq: frames a second (1, 50, 100, 200).
    """

    sequence: int
    sensor_off: bool
    no_finger: bool
    no_pulse: bool
    beat: bool
    spo2: int | None
    spo2_rt: int | None
    pulse_rate: int | None
    pulse_rate_rt: int | None
    rr_ms: int | None
    pi: Decimal | None
    pleth: int
    battery: int
    freq: int


class Version(NamedTuple):
    """The version of software or hardware, as text."""

    text: str


_berry: Final = maker(Berry)


def _known(value: int, missing: int) -> int | None:
    return None if value == missing else value


def decode(data: bytes) -> Berry | Version:
    """Decode a frame.

    Raises:
        DecodeError: not 20 bytes, another head, or a wrong sum.
    """
    if len(data) != SIZE:
        raise DecodeError("length")
    if data[:2] != _HEAD:
        raise DecodeError("frame")
    if sum8(data[:-1]) != data[-1]:
        raise DecodeError("checksum")
    if data[2:4] in {b"SV", b"HV"}:
        return Version(data[3:-1].split(b"\0")[0].decode("ascii", "replace"))
    index, status, spo2, spo2_rt, rate, rate_rt, rr, pi, _pi_rt, pleth, _adc, battery, freq = _LAYOUT.unpack(data)
    return _berry(
        (
            index,
            status & SENSOR_OFF != 0,
            status & NO_FINGER != 0,
            status & NO_PULSE != 0,
            status & BEAT != 0,
            _known(spo2, 127),
            _known(spo2_rt, 127),
            _known(rate, 255),
            _known(rate_rt, 255),
            rr * 5 or None,
            tenths(pi) if pi else None,
            pleth,
            battery,
            freq,
        )
    )


def measure(buffer: bytes, start: int) -> int:
    """Find a 20-byte or a 5-byte frame; the :data:`~hub_drivers.codec.stream.Measure` of a deframer.

    The two cannot be taken for one another: the second byte of a BCI frame has bit 7 clear.
    """
    head = buffer[start : start + 2]
    if head == _HEAD:
        found = buffer[start : start + SIZE]
        if len(found) < SIZE:
            return 0
        return SIZE if sum8(found[:-1]) == found[-1] else -1
    if head == _HEAD[:1]:
        return 0
    return measure_bci(buffer, start)


def _fields(found: Berry | Version) -> Mapping[str, Any]:
    if isinstance(found, Version):
        return {"kind": "version", "text": found.text}
    fields = found._asdict()
    del fields["pleth"]
    return flag_implausible({"index": fields.pop("sequence"), **fields})


FORMATS: Final[Mapping[str, FormatDecoder]] = {"ble.berry20": Format(decode, _fields)}
"""This family's wire formats by name."""
