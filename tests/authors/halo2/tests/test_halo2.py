from datetime import datetime
from pathlib import Path

import pytest

from hub_agent.driver import Emit, Write
from hub_agent.errors import DecodeError
from hub_agent.model import Quality
from hub_agent.testing import Check, Talk, checks
from lumen_halo2 import frame
from lumen_halo2.driver import DRIVER
from lumen_halo2.session import BATTERY_LEVEL, TO_DEVICE

HERE = Path(__file__).parent
README = (HERE.parent / "README.md").read_text()
LOCAL = datetime(2026, 9, 3, 22, 1, 4)

HELLO_DONE, START_DONE, SAFE_DONE = "810100", "810200", "810400"
LIVE, NO_RECORDS = "10006148002c01", "120000"


@pytest.mark.parametrize("check", checks(DRIVER, captures=HERE / "captures", readme=README), ids=str)
def test_conformance(check: Check) -> None:
    check()


def message(body: str) -> bytes:
    data = bytes.fromhex(body)
    return bytes((0xC7, len(data), *data, sum(data) % 256))


def record(number: int, seconds: int = 0x322C8E10) -> str:
    return f"11{number.to_bytes(2, 'little').hex()}{seconds.to_bytes(4, 'little').hex()}5f4e00"


class Halo(Talk):
    """Speaks in bodies of messages."""

    def says(self, *bodies: str, after_s: float = 0.0) -> list[str]:
        """Let messages come; give what the hub says."""
        return self.bodies(self.hear(*map(message, bodies), after_s=after_s))

    def bodies(self, sent: list[bytes]) -> list[str]:
        """Take what the hub said out of its messages."""
        bodies = [data[2:-1].hex() for data in sent]
        assert sent == [message(body) for body in bodies]
        assert {action.channel for action in self.actions if isinstance(action, Write)} <= {TO_DEVICE}
        return bodies


def streaming() -> Halo:
    halo = Halo(DRIVER)
    assert [halo.says(body) for body in (HELLO_DONE, NO_RECORDS, START_DONE)] == [["030000"], ["02"], []]
    return halo


@pytest.mark.parametrize("data", ["", "c7", "c700", "c703120100", "c70312010014", "c80312010013", "c70320010223"])
def test_what_is_no_message_is_refused(data: str) -> None:
    with pytest.raises(DecodeError):
        frame.decode(bytes.fromhex(data))


@pytest.mark.parametrize(
    ("status", "quality", "present"),
    [
        (0x01, Quality.SENSOR_OFF, False),
        (0x02, Quality.SEARCHING, False),
        (0x04, Quality.WEAK_SIGNAL, True),
        (0x08, Quality.ARTEFACT, True),
        (0x30, Quality.GOOD, True),
    ],
)
def test_each_status_bit(status: int, quality: Quality, *, present: bool) -> None:
    halo = streaming()
    halo.says(f"10{status:02x}6148002c01")
    (reading,) = halo.readings
    assert reading.quality == quality
    assert {each.value is not None for each in reading.measurements} == {present}


def test_hello_carries_utc_and_is_said_again_when_there_is_a_time() -> None:
    assert Halo(DRIVER, local=LOCAL, offset_min=120).sent == [message("01808e2c32")]
    halo = streaming()
    halo.local = LOCAL
    assert halo.says(LIVE) == ["01a0aa2c32"]
    assert [halo.says(body) for body in (HELLO_DONE, NO_RECORDS, START_DONE, LIVE)] == [["030000"], ["02"], [], []]


def test_busy_is_asked_again_after_a_second_though_values_come() -> None:
    halo = streaming()
    assert halo.says("810201") == []
    assert halo.says(LIVE, after_s=0.6) == []
    assert halo.bodies(halo.rest(0.4)) == ["02"]


def test_never_is_not_asked_again() -> None:
    halo = Halo(DRIVER)
    halo.says(HELLO_DONE, NO_RECORDS)
    assert halo.says("810202") == []
    assert halo.warned == ["start_refused"]
    assert halo.says(LIVE, after_s=100.0) == []


def test_values_are_kept_alive_and_a_silent_device_is_asked_again() -> None:
    halo = streaming()
    assert [second for second in range(1, 30) if halo.says(LIVE, after_s=1.0)] == []
    assert halo.says(LIVE, after_s=1.0) == ["02"]
    assert halo.bodies(halo.rest(4.0)) == ["02", "02"]
    halo.rest(2.0)
    assert halo.warned == ["no_answer"]


def test_records_are_safe_behind_their_readings() -> None:
    halo = Halo(DRIVER)
    halo.says(HELLO_DONE)
    assert halo.says(record(7), record(8), "120800") == ["040800"]
    assert [type(action) for action in halo.actions if isinstance(action, Emit | Write)] == [Emit, Emit, Write]
    first = halo.readings[0]
    assert first.measured is not None
    assert (str(first.measured.local), first.measured.offset_min, first.record) == ("2026-09-03 19:59:12", 0, 7)
    assert halo.says(SAFE_DONE) == ["02"]


@pytest.mark.parametrize("seconds", [0, 37])
def test_a_record_of_an_unset_clock_has_no_time(seconds: int) -> None:
    halo = Halo(DRIVER)
    halo.says(HELLO_DONE, record(1, seconds))
    assert (halo.readings[0].measured, halo.readings[0].quality) == (None, Quality.CLOCK_NOT_SET)


@pytest.mark.parametrize("damaged", [1, 2])
def test_a_damaged_record_is_asked_for_again_and_not_called_safe(damaged: int) -> None:
    halo = Halo(DRIVER)
    halo.says(HELLO_DONE)
    for number in (1, 2, 3):
        data = message(record(number))
        halo.hear(data if number != damaged else data[:-1] + b"\x00")
    if damaged == 2:
        assert halo.says("120300") == ["040100"]
        assert halo.says(SAFE_DONE) == ["030200"]
    else:
        assert halo.says("120300") == ["030000"]
    assert halo.says(*map(record, range(damaged, 4)), "120300") == ["040300"]
    assert halo.says(SAFE_DONE) == ["02"]


def test_a_record_that_never_comes_is_never_called_safe_and_values_start() -> None:
    halo = Halo(DRIVER)
    halo.says(HELLO_DONE)
    assert halo.says(record(1), record(3), "120300") == ["040100"]
    assert halo.says(SAFE_DONE) == ["030200"]
    assert halo.says(record(3), "120300") == ["030200"]
    assert halo.says(record(3), "120300") == ["02"]
    assert halo.warned == ["records_incomplete"]


def test_records_that_stop_are_asked_for_again_from_where_they_stopped() -> None:
    halo = Halo(DRIVER)
    halo.says(HELLO_DONE, record(1))
    assert halo.bodies(halo.rest(4.0)) == ["030200", "030200"]
    assert halo.bodies(halo.rest(2.0)) == ["02"]
    assert halo.warned == ["no_answer"]


@pytest.mark.parametrize(("why", "code"), [(1, "switched_off"), (2, "battery_empty"), (3, "device_fault")])
def test_why_it_switches_off_is_told(why: int, code: str) -> None:
    halo = streaming()
    halo.says(f"90{why:02x}")
    assert halo.warned == [code]


def test_the_battery_is_a_reading_of_its_own() -> None:
    halo = streaming()
    halo.hear(b"\x0a", b"\x65", channel=BATTERY_LEVEL)
    assert [reading.quality for reading in halo.readings] == [Quality.LOW_BATTERY]
    assert halo.rejected == ["battery level: above 100"]


def test_a_late_answer_changes_nothing() -> None:
    assert streaming().says(HELLO_DONE, SAFE_DONE, "810302", "120500") == []
