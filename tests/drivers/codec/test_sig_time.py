"""Dates, times and offsets of the Bluetooth SIG."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub_agent.errors import DecodeError
from hub_drivers.codec.sig_time import SigTime, date_time, dst_offset_min, read_date_time, time_zone_min


@given(st.datetimes(min_value=datetime(1582, 1, 1)))
def test_what_is_written_is_read(local: datetime) -> None:
    time = read_date_time(date_time(local))
    whole = local.replace(microsecond=0)
    assert time.local() == whole
    assert str(time) == whole.isoformat()


@given(st.binary(max_size=10))
def test_any_seven_bytes_are_a_time_or_refused(data: bytes) -> None:
    try:
        time = read_date_time(data)
    except DecodeError:
        return
    assert len(data) == 7
    assert (time.local() is None) == (time.device_time() is None)


@pytest.mark.parametrize(
    "time", [SigTime(0, 4, 17, 1, 2, 3), SigTime(2026, 0, 17, 1, 2, 3), SigTime(2026, 4, 0, 1, 2, 3)]
)
def test_a_zero_makes_the_date_unknown_not_wrong(time: SigTime) -> None:
    assert time.local() is None


def test_a_day_that_no_month_has_is_unknown() -> None:
    assert read_date_time(bytes.fromhex("ea07021e000000")).local() is None


@pytest.mark.parametrize(
    "data", ["ea070d01000000", "ea070120000000", "ea070101180000", "ea0701010b3c00", "ea0701010b003c", "2d060101000000"]
)
def test_an_impossible_part_is_refused(data: str) -> None:
    with pytest.raises(DecodeError):
        read_date_time(bytes.fromhex(data))


@pytest.mark.parametrize(("raw", "minutes"), [(-128, None), (-48, -720), (0, 0), (4, 60), (56, 840)])
def test_zones_are_quarters_of_an_hour(raw: int, minutes: int | None) -> None:
    assert time_zone_min(raw) == minutes


@pytest.mark.parametrize("raw", [-127, -49, 57, 127])
def test_zones_beyond_the_world_are_refused(raw: int) -> None:
    with pytest.raises(DecodeError):
        time_zone_min(raw)


def test_daylight_saving_has_five_values() -> None:
    assert [dst_offset_min(raw) for raw in (0, 2, 4, 8, 255)] == [0, 30, 60, 120, None]
    for raw in set(range(256)) - {0, 2, 4, 8, 255}:
        with pytest.raises(DecodeError):
            dst_offset_min(raw)
