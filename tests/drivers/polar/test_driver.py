"""The Polar H10 driver."""

from collections.abc import Callable
from datetime import datetime

import pytest

from hub_agent.driver import Action, Moment, Rejected, Warn, Write
from hub_agent.errors import DecodeError
from hub_agent.model import DeviceTime, Reading, ReadingClass
from hub_drivers.formats import FORMATS
from hub_drivers.heart_rate.driver import DRIVER as PROFILE
from hub_drivers.heart_rate.reading import MEASUREMENT as PULSE
from hub_drivers.polar.driver import CONTROL, DATA, DRIVER

Readings = Callable[..., list[Reading]]
NOW = Moment(0.0, None)
ECG = "ble.polar_pmd_ecg"


def ecg(kind: int, *samples: bytes, ns: int = 2_000_000_000) -> bytes:
    return b"\0" + ns.to_bytes(8, "little") + bytes((kind,)) + b"".join(samples)


def test_starts_ecg_unless_told_not_to() -> None:
    assert list(DRIVER.session({}).opened(NOW)) == [Write(CONTROL, bytes.fromhex("02000001820001010e00"))]
    assert list(DRIVER.session({"ecg": False}).opened(NOW)) == []


def test_ecg_is_a_waveform_with_the_straps_time(emitted: Readings) -> None:
    (reading,) = emitted(DRIVER.session({}), [ecg(0, b"\x02\xff\x7f", b"\xff\xff\xff", b"\x00\x00\x80")], DATA)
    assert reading.cls is ReadingClass.WAVEFORM
    assert reading.samples[0].data == (0x7FFF02, -1, -0x800000)
    assert reading.measured == DeviceTime(datetime(2000, 1, 1, 0, 0, 2))


@pytest.mark.parametrize("ns", [0, 2**64 - 1])
def test_an_unset_or_impossible_time_is_unknown(ns: int, emitted: Readings) -> None:
    (reading,) = emitted(DRIVER.session({}), [ecg(0, b"\x01\0\0", ns=ns)], DATA)
    assert reading.measured is None


def test_other_frame_types_mask_their_flags() -> None:
    assert FORMATS[ECG](ecg(1, b"\xff\xff\xff"))["uv"] == [0x3FFF]
    assert FORMATS[ECG](ecg(2, b"\x80\x80\xfc", b"\xff\xff\x03"))["uv"] == [32896, 262143]


@pytest.mark.parametrize("data", [b"\x01" + ecg(0)[1:], ecg(9, b"abc"), ecg(0, b"ab"), b"\0"])
def test_wrong_frames(data: bytes) -> None:
    with pytest.raises(DecodeError):
        FORMATS[ECG](data)


def test_heart_rate_is_that_of_the_profile(emitted: Readings) -> None:
    data = bytes.fromhex("1e4d0a001603")  # skin contact, 10 kJ, one interval
    assert emitted(DRIVER.session({}), [data], PULSE) == emitted(PROFILE.session({}), [data], PULSE)


def test_cut_heart_rate_is_rejected(play: Callable[..., list[Action]]) -> None:
    (rejected,) = play(DRIVER.session({}), [b"\x16\x4d\x16"], PULSE)
    assert isinstance(rejected, Rejected)


@pytest.mark.parametrize(("text", "said"), [("f0020000", []), ("f0020006", []), ("f0020003", [Warn("ecg_refused")])])
def test_a_refusal_is_told(text: str, said: list[Action], play: Callable[..., list[Action]]) -> None:
    assert play(DRIVER.session({}), [bytes.fromhex(text)], CONTROL) == said
