"""The building blocks as wire formats of their own, so that each can be checked alone.

Owns: the table. Never: decodes; the codec modules do.
"""

from collections.abc import Mapping
from typing import Final

from hub_agent.errors import DecodeError
from hub_agent.registry import Fields, Format, FormatDecoder
from hub_drivers.codec.checksum import crc16_mcrf4xx
from hub_drivers.codec.medfloat import read_float32, read_sfloat
from hub_drivers.codec.sig_time import dst_offset_min, read_date_time, time_zone_min


def _one_byte(data: bytes, name: str, *, signed: bool = False) -> int:
    if len(data) != 1:
        raise DecodeError(f"{name}: {len(data)} bytes, not 1")
    return int.from_bytes(data, "little", signed=signed)


def _dst_offset(data: bytes) -> int | None:
    return dst_offset_min(_one_byte(data, "DST offset"))


def _time_zone(data: bytes) -> int | None:
    return time_zone_min(_one_byte(data, "time zone", signed=True))


def _offset(offset_min: int | None) -> Fields:
    return {"offset_min": offset_min}


FORMATS: Final[Mapping[str, FormatDecoder]] = {
    "ble.2a08": Format(read_date_time, lambda time: {"datetime": str(time)}),
    "ble.2a0d": Format(_dst_offset, _offset),
    "ble.2a0e": Format(_time_zone, _offset),
    "ieee11073.float32": Format(read_float32, lambda value: {"value": value}),
    "ieee11073.sfloat": Format(read_sfloat, lambda value: {"value": value}),
    "sig.e2e_crc16": Format(crc16_mcrf4xx, lambda crc: {"crc16_mcrf4xx": crc}),
}
