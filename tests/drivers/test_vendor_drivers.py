"""What holds for every serial and vendor driver, whatever its bytes."""

from collections.abc import Iterable
from datetime import datetime
from itertools import pairwise
from typing import Any, Final, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub_agent.driver import SERIAL, Action, Chunk, Driver, Emit, Moment, Rejected, Session
from hub_agent.model import Quality, Reading, ReadingClass
from hub_agent.nomenclature import undeclared
from hub_agent.registry import load_drivers

NOW: Final = Moment(0.0, datetime(2026, 11, 22, 13, 37, 42))
NOTHING: Final[dict[str, Any]] = {}


class Case(NamedTuple):
    """A driver, its options, the channel its stream comes from, and frames that its devices send."""

    name: str
    channel: str
    frames: tuple[bytes, ...]
    options: dict[str, Any] = NOTHING
    stream: bool = True


def hexes(*texts: str) -> tuple[bytes, ...]:
    return tuple(bytes.fromhex(text) for text in texts)


JKS: Final = bytes.fromhex("ff440100614826") + bytes(61)
OMRON_RX: Final = "49123040-aee8-11e1-a74d-0002a5d5c51b"
OMRON_KEYED: Final = {"model": "HEM-7322T", "key": "00" * 16}
CASES: Final = (
    Case("and-ua767", SERIAL, (b"\x01\x37\x30\x50\x43\x06", b"804C4C4960", b"814C4C4960")),
    Case(
        "berry-ble",
        "49535343-1e4d-4bd9-ba61-23c647249616",
        hexes("ffaa070861604849a600232232010000005a64e6", "8432094861", "ffaa5356312e30342e30302e333600000000003a"),
        {"waveform": True},
    ),
    Case("berry-serial", SERIAL, hexes("8432094861", "bf00707f7f"), {"waveform": True}),
    Case("contec-cms50d-serial", SERIAL, hexes("8432094861", "bf00707f7f"), {"waveform": True}),
    Case("contec-cms50dbt", "0000ff02-0000-1000-8000-00805f9b34fb", hexes("eb010440637f0012", "eb000348093f")),
    Case(
        "contec-v7",
        SERIAL,
        hexes("01e0849392bce3ffff", "0fe0e1c8e1c8e1c8", "0980e1c8ce82", "078080809a8b9696", "1280808082a69280", "0c80"),
        {"waveform": True},
    ),
    Case(
        "freestyle-optium",
        SERIAL,
        (b"\r\n", b"Clock:\tApr  22 2014\t02:14:37\r\n", b"123  June 10 2013 14:26 G 0x00\r\n", b"0x0D0A  END\r\n"),
    ),
    Case("jks50f", "0000ffe1-0000-1000-8000-00805f9b34fb", (JKS + bytes(((sum(JKS) + 1) & 0xFF,)),)),
    Case("jumper-jpd500f", "cdeacb81-5235-4c07-8846-93a37ee6b86d", hexes("81386344", "81ff7f00", "8001"), stream=False),
    Case(
        "masimo-ascii",
        SERIAL,
        (b"03/17/16 19:19:36 SN=- SPO2=098% BPM=123 PI=00.55 ALARM=000000 EXC=0000C00\r\n",),
    ),
    Case(
        "nonin-ble",
        "0aad7ea0-0d60-11e2-8e3c-0002a5d5c51b",
        hexes("0a101e00c80001610048", "0a081e000000017f01ff"),
        stream=False,
    ),
    Case("nonin-serial", SERIAL, hexes("06", "80486100", "80486108"), {"format": 8}),
    Case(
        "omron-memory", OMRON_RX, hexes("0880000000100098", "080f000000000007"), {"model": "HEM-7142T2"}, stream=False
    ),
    Case("omron-memory-key", OMRON_RX, hexes("0880000000100098", "088f000000000087"), OMRON_KEYED, stream=False),
    Case("onetouch-ultra2", SERIAL, (b'P 001,"ABCDEFGHI","MG/DL " 05E2\r\n', b"% 0025\r\n")),
    Case("onetouch-ultraeasy", SERIAL, hexes("02060c0306ae", "02060603cd41")),
    Case("pc60-ble", "6e400003-b5a3-f393-e0a9-e50e24dcca9e", hexes("aa550f0801603e005000c008"), {"waveform": True}),
    Case("pc60-serial", SERIAL, hexes("aa550f08015f470081001878", "aa550f028377"), {"waveform": True}),
    Case(
        "polar-h10",
        "fb005c82-02e7-f387-1cad-8acd2d8df0c8",
        hexes("0000943577000000000002ff7f", "00009435770000000000 02ff7f ffffff"),
        stream=False,
    ),
    Case("suntech-nibp", SERIAL, hexes("3e050201ba", "3e044b73")),
    Case(
        "viatom-o2",
        "0734594a-a8e7-4b1a-a6b1-cd5243059a57",
        hexes("5509f60000000018", "5500ff0700050068656c6c6fbd"),
    ),
)
IDS: Final = [case.name for case in CASES]
STREAMS: Final = [case for case in CASES if case.stream]
DRIVERS: Final = load_drivers().drivers


def driver(case: Case) -> Driver:
    return DRIVERS[case.name]


def play(session: Session, channel: str, chunks: Iterable[bytes]) -> list[Action]:
    return [action for data in chunks for action in session.received(Chunk(channel, data, NOW))]


def bounded(session: Session) -> bool:
    """Whether whatever a session keeps is small: its deframer's buffers, and lists of samples or readings."""
    for held in vars(session).values():
        if hasattr(held, "_noise") and len(held._buffer) + len(held._noise) > 2048:
            return False
        if isinstance(held, list) and len(held) > 1000:
            return False
    return True


def pieces(data: bytes, cuts: Iterable[int]) -> list[bytes]:
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[a:b] for a, b in pairwise(edges)]


@st.composite
def streams(draw: st.DrawFn, case: Case) -> bytes:
    """Whole frames, parts of frames, changed frames and garbage, in any order."""
    parts = []
    for _ in range(draw(st.integers(0, 6))):
        frame = draw(st.sampled_from(case.frames))
        at = draw(st.integers(0, len(frame) - 1))
        how = draw(st.integers(0, 3))
        changed = (
            frame,
            frame[at:],
            frame[:at] + draw(st.binary(max_size=2)) + frame[at + 1 :],
            draw(st.binary(max_size=30)),
        )
        parts.append(changed[how])
    return b"".join(parts)


def check(reading: Reading, declared: Driver) -> None:
    for measurement in reading.measurements:
        assert undeclared(measurement.code, measurement.unit, declared.measures) is None
        assert (measurement.value is None) == (measurement.absent is not None)
        assert measurement.value is None or measurement.value.is_finite()
    for block in reading.samples:
        assert undeclared(block.code, block.unit, declared.measures) is None
    assert reading.cls is not ReadingClass.ALARM
    assert isinstance(reading.quality, Quality)


@pytest.mark.parametrize("case", CASES, ids=IDS)
@settings(max_examples=50)
@given(data=st.data())
def test_any_bytes_are_read_or_rejected(case: Case, data: st.DataObject) -> None:
    declared = driver(case)
    session = declared.session(case.options)
    list(session.opened(NOW))
    for action in play(session, case.channel, [data.draw(streams(case)) for _ in range(data.draw(st.integers(1, 4)))]):
        if isinstance(action, Emit):
            check(action.reading, declared)
    list(session.silent(NOW))
    assert bounded(session)


@pytest.mark.parametrize("case", STREAMS, ids=lambda case: case.name)
@settings(max_examples=50)
@given(data=st.data(), cuts=st.lists(st.integers(0, 400), max_size=5))
def test_cutting_the_stream_changes_nothing(case: Case, data: st.DataObject, cuts: list[int]) -> None:
    declared = driver(case)
    stream = data.draw(streams(case))
    whole, cut = declared.session(case.options), declared.session(case.options)
    assert list(whole.opened(NOW)) == list(cut.opened(NOW))
    assert play(whole, case.channel, [stream]) == play(cut, case.channel, pieces(stream, cuts))


@pytest.mark.parametrize("case", CASES, ids=IDS)
@pytest.mark.parametrize(
    "pattern", [b"\xff", b"\x00", b"\xaa\x55\x0f\x28", b"\x02\x40", b"3", b"\x55\x00\xff\x00\x00\xff\x01"]
)
def test_endless_nonsense_keeps_nothing(case: Case, pattern: bytes) -> None:
    session = driver(case).session(case.options)
    list(session.opened(NOW))
    for _ in range(6):
        play(session, case.channel, [pattern * (1000 // len(pattern))])
    assert bounded(session)


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_other_channels_are_rejected(case: Case) -> None:
    actions = play(driver(case).session(case.options), "elsewhere", [b"\x00"])
    assert actions == [Rejected("channel", b"\x00")]


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_commands(case: Case) -> None:
    declared = driver(case)
    for name in declared.commands:
        session = declared.session(case.options)
        list(session.opened(NOW))
        assert list(session.command(name, NOW))
        assert list(session.command(name, Moment(0.0, None))) or name != "set_time"
    session = declared.session(case.options)
    assert not list(session.command("no such command", NOW))
