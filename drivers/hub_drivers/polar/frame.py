"""ECG frames of Polar's measurement data service (PMD), the command that starts them, and the heart rate beside them.

Owns: their layout. Never: judges a reading.

Source: polarofficial/polar-ble-sdk (EcgData.kt, PmdControlPointCommand.swift). A frame is the measurement type (0
ECG), the time of its last sample in nanoseconds since 2000, the frame type, and samples of three bytes: type 0 signed
microvolts, type 1 14 bits, type 2 18 bits, the rest of the third byte being flags. Types 1 and 2 were never seen on
hardware.
"""

from collections.abc import Iterator, Mapping
from struct import Struct
from typing import Any, Final, NamedTuple

from hub_agent.driver import DecodeError
from hub_agent.registry import Format, FormatDecoder

__all__ = ["FORMATS", "START_ECG", "Ecg", "decode_ecg", "refused"]

START_ECG: Final = bytes.fromhex("02 00 00 01 82 00 01 01 0e 00")
"""Start, ECG; sampling rate 130 Hz; resolution 14 bits."""

_ECG: Final = 0x00
_HEAD: Final = Struct("<BQB")
_ALREADY: Final = 6
_TOP: Final = tuple((value - 256 if value & 0x80 else value) << 16 for value in range(256))
_BITS: Final = {1: 0x3FFF, 2: 0x3FFFF}


class Ecg(NamedTuple):
    """Samples in microvolts, and the strap's time of the last one in nanoseconds since 2000."""

    frame_type: int
    timestamp_ns: int
    uv: tuple[int, ...]


def decode_ecg(data: bytes) -> Ecg:
    """Decode a frame of the PMD data characteristic.

    Raises:
        DecodeError: cut short, another measurement, or a frame type that is not known.
    """
    if len(data) < _HEAD.size or (len(data) - _HEAD.size) % 3:
        raise DecodeError("length")
    measurement, timestamp_ns, frame_type = _HEAD.unpack_from(data)
    if measurement != _ECG:
        raise DecodeError("measurement type")
    if frame_type == 0:
        uv = tuple([low | middle << 8 | _TOP[top] for low, middle, top in _triples(data[_HEAD.size :])])
    elif frame_type in _BITS:
        mask = _BITS[frame_type]
        uv = tuple([(low | middle << 8 | top << 16) & mask for low, middle, top in _triples(data[_HEAD.size :])])
    else:
        raise DecodeError("frame type")
    return Ecg(frame_type, timestamp_ns, uv)


def _triples(samples: bytes) -> Iterator[tuple[int, int, int]]:
    return zip(samples[0::3], samples[1::3], samples[2::3], strict=True)


def refused(data: bytes) -> bool:
    """Say whether an answer of the control point refuses the start of ECG; "already started" is no refusal.

    Raises:
        DecodeError: no answer to it.
    """
    if len(data) < 4 or data[0] != 0xF0:
        raise DecodeError("answer")
    return data[1] == START_ECG[0] and data[2] == _ECG and data[3] not in {0, _ALREADY}


def _fields(found: Ecg) -> Mapping[str, Any]:
    return {**found._asdict(), "uv": list(found.uv)}


FORMATS: Final[Mapping[str, FormatDecoder]] = {"ble.polar_pmd_ecg": Format(decode_ecg, _fields)}
"""This family's wire formats by name."""
