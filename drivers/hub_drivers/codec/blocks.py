"""The building blocks as wire formats of their own, so that each can be checked alone.

Owns: the table. Never: decodes; the codec modules do.
"""

from collections.abc import Mapping
from typing import Final

from hub_agent.errors import DecodeError
from hub_agent.registry import Fields, FormatDecoder
from hub_drivers.codec.checksum import crc16_mcrf4xx
from hub_drivers.codec.medfloat import read_float32, read_sfloat
from hub_drivers.codec.sig_time import dst_offset_min, read_date_time, time_zone_min


def _one_byte(data: bytes, name: str, *, signed: bool = False) -> int:
    if len(data) != 1:
        raise DecodeError(f"{name}: {len(data)} bytes, not 1")
    return int.from_bytes(data, "little", signed=signed)


def _date_time(data: bytes) -> Fields:
    return {"datetime": str(read_date_time(data))}


def _dst_offset(data: bytes) -> Fields:
    return {"offset_min": dst_offset_min(_one_byte(data, "DST offset"))}


def _time_zone(data: bytes) -> Fields:
    return {"offset_min": time_zone_min(_one_byte(data, "time zone", signed=True))}


FORMATS: Final[Mapping[str, FormatDecoder]] = {
    "ble.2a08": _date_time,
    "ble.2a0d": _dst_offset,
    "ble.2a0e": _time_zone,
    "ieee11073.float32": lambda data: {"value": read_float32(data)},
    "ieee11073.sfloat": lambda data: {"value": read_sfloat(data)},
    "sig.e2e_crc16": lambda data: {"crc16_mcrf4xx": crc16_mcrf4xx(data)},
}
