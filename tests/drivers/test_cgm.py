"""A glucose sensor's records as readings, and its session's clock."""

from datetime import datetime
from decimal import Decimal

import pytest

from hub_agent import nomenclature as mdc
from hub_agent.driver import Action, Chunk, Emit, Moment, Read, Rejected, Session, Wait, Warn, Write
from hub_agent.model import UNUSABLE, Absent, DeviceTime, Measurement, Quality, Reading, ReadingClass
from hub_drivers.cgm.control import CONTROL_POINT, decode, encode, fields
from hub_drivers.cgm.driver import DRIVER, FEATURE, MEASUREMENT, SESSION_START
from hub_drivers.codec.checksum import crc16_mcrf4xx
from hub_drivers.record_access.frame import CONTROL_POINT as RECORD_ACCESS

HOME = datetime(2026, 11, 22, 8, 30)
NOW = Moment(0.0, HOME)
ALL = [Write(RECORD_ACCESS, b"\x01\x01"), Wait(30.0)]


def _sealed(data: str) -> str:
    raw = bytes.fromhex(data)
    return (raw + crc16_mcrf4xx(raw).to_bytes(2, "little")).hex()


def _feed(session: Session, channel: str, data: str) -> list[Action]:
    return list(session.received(Chunk(channel, bytes.fromhex(data), NOW)))


def _readings(actions: list[Action]) -> list[Reading]:
    return [action.reading for action in actions if isinstance(action, Emit)]


def test_a_record_with_everything() -> None:
    record = _sealed("0fe3780005000208800af05a00")
    (reading,) = _readings(_feed(DRIVER.session({}), MEASUREMENT, record))
    assert reading.cls is ReadingClass.CONTINUOUS
    assert reading.measurements == (
        Measurement(mdc.GLUCOSE_ISF, "mg/dL", Decimal(120)),
        Measurement(mdc.GLUCOSE_TREND, "mg/dL/min", Decimal("1.0")),
    )
    assert reading.quality == Quality.LOW_BATTERY | Quality.QUESTIONABLE | Quality.OUT_OF_RANGE


@pytest.mark.parametrize("cut", [1, 2, 3, 10])
def test_a_record_cut_short_is_rejected(cut: int) -> None:
    record = bytes.fromhex(_sealed("0fe3780005000208800af05a00"))
    (action,) = _feed(DRIVER.session({}), MEASUREMENT, record[:-cut].hex())
    assert isinstance(action, Rejected)


@pytest.mark.parametrize("data", ["", "00", "01", "0500", "0700780005", "06000c100500060000"])
def test_what_is_no_record(data: str) -> None:
    (action,) = _feed(DRIVER.session({}), MEASUREMENT, data)
    assert isinstance(action, Rejected)


def test_one_bad_record_spoils_its_value_only() -> None:
    session = DRIVER.session({})
    good = _sealed("080078000500")
    (action,) = _feed(session, MEASUREMENT, good + "0800780006000000")
    assert isinstance(action, Rejected)
    assert len(_readings(_feed(session, MEASUREMENT, good))) == 1


@pytest.mark.parametrize(("word", "absent"), [("ff07", Absent.NOT_A_NUMBER), ("0000", Absent.UNKNOWN)])
def test_no_number_is_absent(word: str, absent: Absent) -> None:
    (reading,) = _readings(_feed(DRIVER.session({}), MEASUREMENT, f"0600{word}0500"))
    assert reading.measurements[0].absent is absent


@pytest.mark.parametrize("bit", range(24))
def test_what_the_sensor_calls_no_result_is_never_judged(bit: int) -> None:
    """CGM Service 1.0.2, section 3.1: a wrong sensor, a fault, too hot or cold "for valid test/result"."""
    record = "09e078000500" + (1 << bit).to_bytes(3, "little").hex()
    (reading,) = _readings(_feed(DRIVER.session({}), MEASUREMENT, record))
    unusable = bool(reading.quality & UNUSABLE)
    assert unusable is (bit in {2, 3, 5, 12, 13})
    assert (reading.measurements[0].value is None) is (bit in {2, 12, 13})


def test_time_is_the_session_s_start_and_the_offset() -> None:
    session = DRIVER.session({})
    assert _feed(session, SESSION_START, "e20704180d08180804") == []
    assert list(session.opened(NOW)) == ALL
    (reading,) = _readings(_feed(session, MEASUREMENT, "060078002001"))
    assert reading.measured == DeviceTime(datetime(2018, 4, 24, 17, 56, 24), 180)
    assert reading.stored
    _feed(session, RECORD_ACCESS, "06000101")
    (live,) = _readings(_feed(session, MEASUREMENT, "060078002101"))
    assert not live.stored


@pytest.mark.parametrize(("zone", "offset_min"), [("80ff", None), ("08ff", None), ("0800", 120), ("f804", -60)])
def test_the_offset_is_known_only_when_both_halves_are(zone: str, offset_min: int | None) -> None:
    session = DRIVER.session({})
    _feed(session, SESSION_START, "e20704180d0818" + zone)
    (reading,) = _readings(_feed(session, MEASUREMENT, "060078000000"))
    assert reading.measured is not None
    assert reading.measured.offset_min == offset_min


def test_a_sensor_without_the_time_is_given_it_and_asked_back() -> None:
    session = DRIVER.session({})
    _feed(session, FEATURE, _sealed("00100019"))
    assert list(session.opened(NOW)) == ALL
    assert _feed(session, SESSION_START, _sealed("0000000000000080ff")) == [
        Write(SESSION_START, bytes.fromhex(_sealed("ea070b16081e0080ff"))),
        Read(SESSION_START),
    ]
    assert _feed(session, SESSION_START, _sealed("0000000000000080ff")) == [Warn("device_clock_not_set")]


def test_nothing_is_set_while_the_hub_does_not_know_the_time() -> None:
    session = DRIVER.session({})
    assert list(session.received(Chunk(SESSION_START, bytes(7) + b"\x80\xff", Moment(0.0, None)))) == []
    (reading,) = _readings(_feed(session, MEASUREMENT, "060078000000"))
    assert reading.measured is None


def test_the_sample_is_what_the_features_say() -> None:
    session = DRIVER.session({})
    _feed(session, FEATURE, "00000012ffff")
    (reading,) = _readings(_feed(session, MEASUREMENT, "060078000000"))
    assert reading.measurements[0].code == mdc.GLUCOSE_CAPILLARY_PLASMA


def test_a_session_is_started_and_stopped_on_demand_with_a_checksum_where_due() -> None:
    session = DRIVER.session({})
    assert list(session.command("start-session", NOW)) == [Write(CONTROL_POINT, b"\x1a")]
    _feed(session, FEATURE, _sealed("00100019"))
    assert list(session.command("stop-session", NOW)) == [Write(CONTROL_POINT, bytes.fromhex(_sealed("1b")))]
    assert _feed(session, CONTROL_POINT, "1c1a01") == [Read(SESSION_START)]
    assert _feed(session, CONTROL_POINT, "1c1b01") == []
    assert _feed(session, CONTROL_POINT, "1c1b04") == [Warn("cgm_operation_refused")]


def test_a_request_is_no_answer() -> None:
    (action,) = _feed(DRIVER.session({}), CONTROL_POINT, "1a")
    assert isinstance(action, Rejected)


@pytest.mark.parametrize("sealed", [False, True])
def test_every_opcode_of_the_service(sealed: bool) -> None:  # noqa: FBT001 - a parameter
    operands = {
        0x01: "05", 0x03: "05", 0x05: "0200", 0x04: "78000500190a00010003", 0x06: "78000500190a00010003", 0x1C: "0201",
        **dict.fromkeys((0x07, 0x09, 0x0A, 0x0C, 0x0D, 0x0F, 0x10, 0x12, 0x13, 0x15, 0x16, 0x18), "78f0"),
    }  # fmt: skip
    for opcode in range(1, 0x1D):
        data = f"{opcode:02x}" + operands.get(opcode, "")
        found = fields(decode(bytes.fromhex(_sealed(data) if sealed else data)))
        assert found["opcode"] == opcode
        assert found["crc_ok"] is (True if sealed else None)
        assert len(found) > 2 or opcode not in operands


def test_a_calibration() -> None:
    assert fields(decode(bytes.fromhex("0678000500190a00010003"))) == {
        "opcode": 6,
        "crc_ok": None,
        "glucose": 120,
        "time": 5,
        "type": 9,
        "location": 1,
        "next_time": 10,
        "record": 1,
        "status": 3,
    }


def test_a_request_without_operand() -> None:
    assert encode(0x1B, crc=False) == b"\x1b"
    assert encode(0x1B, crc=True).hex() == _sealed("1b")


def test_commands() -> None:
    session = DRIVER.session({})
    assert list(session.command("set-session-time", NOW))[-1] == Read(SESSION_START)
    assert list(session.command("read-memory", NOW)) == ALL
    assert next(iter(session.silent(NOW))) == Warn("record_access_silent")
    assert list(session.command("else", NOW)) == []
