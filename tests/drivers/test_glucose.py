"""A meter's records as readings, joined to what the patient noted."""

from datetime import datetime
from decimal import Decimal

import pytest

from hub_agent import nomenclature as mdc
from hub_agent.driver import Action, Chunk, Emit, Finished, Moment, Rejected, Session, Wait, Warn, Write
from hub_agent.errors import DriverError
from hub_agent.model import UNUSABLE, Absent, DeviceTime, Measurement, Quality, Reading
from hub_drivers.glucose.context import decode as decode_context
from hub_drivers.glucose.context import fields as context_fields
from hub_drivers.glucose.context import measurements
from hub_drivers.glucose.driver import CONTEXT, DRIVER, MEASUREMENT
from hub_drivers.record_access.frame import CONTROL_POINT

HOME = datetime(2024, 3, 15, 14, 35)
NOW = Moment(0.0, HOME)
TIME = "e807030f0e1e2d"
ALONE = "020100" + TIME + "78b011"
EXPLAINED = "120700" + TIME + "78b011"


def _feed(session: Session, channel: str, data: str) -> list[Action]:
    return list(session.received(Chunk(channel, bytes.fromhex(data), NOW)))


def _readings(actions: list[Action]) -> list[Reading]:
    return [action.reading for action in actions if isinstance(action, Emit)]


def _read(data: str) -> Reading:
    (reading,) = _readings(_feed(DRIVER.session({}), MEASUREMENT, data))
    return reading


@pytest.mark.parametrize(
    ("data", "unit", "value"), [(ALONE, "mg/dL", "120"), ("060100" + TIME + "37c011", "mmol/L", "5.5")]
)
def test_the_unit_that_people_use_exactly(data: str, unit: str, value: str) -> None:
    (glucose,) = _read(data).measurements
    assert (glucose.code, glucose.unit) == (mdc.GLUCOSE_CAPILLARY_WHOLE_BLOOD, unit)
    assert str(glucose.value) == value


def test_the_record_keeps_its_number_and_the_user_s_time() -> None:
    reading = _read("1b0400e407070e0b06055a0277b0f80000".replace("1b", "0b", 1))
    assert reading.record == 4
    assert reading.measured == DeviceTime(datetime(2020, 7, 14, 21, 8, 5))
    assert reading.stored


def test_a_record_of_the_last_minutes_is_live() -> None:
    assert not _read(ALONE).stored


@pytest.mark.parametrize(("word", "absent"), [("fe07", Absent.POSITIVE_INFINITY), ("0208", Absent.NEGATIVE_INFINITY)])
def test_hi_and_lo_are_out_of_range_not_numbers(word: str, absent: Absent) -> None:
    reading = _read("020100" + TIME + word + "11")
    assert reading.measurements[0].absent is absent
    assert reading.quality is Quality.OUT_OF_RANGE


@pytest.mark.parametrize("sample", ["1a", "41"])
def test_control_solution_is_a_test(sample: str) -> None:
    assert Quality.TEST in _read("020100" + TIME + "78b0" + sample).quality


@pytest.mark.parametrize("offset", ["ff7f", "0080"])
def test_a_lost_offset_is_a_lost_time(offset: str) -> None:
    reading = _read("030100" + TIME + offset + "78b011")
    assert reading.measured is None
    assert Quality.CLOCK_NOT_SET in reading.quality


def test_a_record_without_concentration_is_kept() -> None:
    reading = _read("000900" + TIME)
    assert reading.measurements == (
        Measurement(mdc.GLUCOSE_UNDETERMINED_WHOLE_BLOOD, "mg/dL", None, Absent.NOT_PERFORMED),
    )
    assert reading.record == 9


_FAULTS = {1: Quality.SENSOR_FAULT, 10: Quality.SENSOR_FAULT}
_NO_RESULT = (2, 3, 4, 7, 8, 9)


@pytest.mark.parametrize("word", ["78b0", "dc37", "ff07", "0000"])  # 120 mg/dL, absurd, NaN, zero
@pytest.mark.parametrize("bit", range(16))
def test_what_the_meter_calls_no_result_is_never_judged(bit: int, word: str) -> None:
    """Glucose Service 1.0.1, section 3.1: too little blood, a wrong strip, too hot or cold "for valid test/result"."""
    reading = _read("0a0100" + TIME + word + "11" + (1 << bit).to_bytes(2, "little").hex())
    judged = not reading.quality & UNUSABLE and reading.measurements[0].value is not None
    assert judged is (word == "78b0" and bit not in {*_FAULTS, *_NO_RESULT})
    assert _FAULTS.get(bit, Quality.GOOD) in reading.quality
    if bit in _NO_RESULT:
        assert reading.measurements[0].value is None
        assert Quality.INVALID in reading.quality


def test_a_context_joins_its_measurement() -> None:
    session = DRIVER.session({})
    list(session.opened(NOW))
    assert _feed(session, MEASUREMENT, EXPLAINED) == [Wait(30.0)]
    (reading,) = _readings(_feed(session, CONTEXT, "02070002"))
    assert [each.code for each in reading.measurements] == [mdc.GLUCOSE_CAPILLARY_WHOLE_BLOOD, mdc.MEALS[1]]


def test_a_context_that_never_comes_holds_nothing_back() -> None:
    session = DRIVER.session({})
    list(session.opened(NOW))
    _feed(session, MEASUREMENT, EXPLAINED)
    assert [each.record for each in _readings(_feed(session, MEASUREMENT, ALONE))] == [7, 1]
    _feed(session, MEASUREMENT, EXPLAINED)
    assert [each.record for each in _readings(_feed(session, CONTROL_POINT, "06000101"))] == [7]
    _feed(session, MEASUREMENT, EXPLAINED)
    silent = list(session.silent(NOW))
    assert [each.record for each in _readings(silent)] == [7]
    assert silent[-1] == Finished()


def test_a_context_of_another_record_is_told() -> None:
    session = DRIVER.session({})
    assert _feed(session, CONTEXT, "02080002") == [Warn("glucose_context_alone")]
    _feed(session, MEASUREMENT, EXPLAINED)
    assert _feed(session, CONTEXT, "02080002") == [Warn("glucose_context_alone")]


def test_every_note() -> None:
    frame = decode_context(bytes.fromhex("ff0700 aa 0264b0 03 51 840350 0414d0 46f0"))
    assert list(measurements(frame)) == [
        Measurement(mdc.CARBOHYDRATES[1], "g", Decimal("1.00")),
        Measurement(mdc.MEALS[2], "1", Decimal(1)),
        Measurement(mdc.TESTERS[0], "1", Decimal(1)),
        Measurement(mdc.HEALTH[4], "1", Decimal(1)),
        Measurement(mdc.EXERCISE, "%", Decimal(80)),
        Measurement(mdc.EXERCISE, "s", Decimal(900)),
        Measurement(mdc.MEDICATIONS[3], "mL", Decimal(20)),
        Measurement(mdc.HBA1C, "%", Decimal("7.0")),
    ]
    assert frame.extended_flags == 0xAA


def test_notes_in_other_words() -> None:
    frame = decode_context(bytes.fromhex("1f0700 0964b0 0f ff ffff50 0914a0"))
    assert list(measurements(frame)) == [
        Measurement(mdc.CARBOHYDRATE, "g", Decimal("1.00")),
        Measurement(mdc.EXERCISE, "%", Decimal(80)),
        Measurement(mdc.EXERCISE, "s", None, Absent.POSITIVE_INFINITY),
        Measurement(mdc.MEDICATION, "mg", Decimal(20)),
    ]


@pytest.mark.parametrize(
    ("data", "field", "pair"),
    [
        ("0107000332d0", "carbohydrate", [3, Decimal("0.050")]),
        ("080700580232", "exercise", [600, 50]),
        ("1007000414a0", "medication", [4, Decimal("0.000020")]),
        ("3007000414d0", "medication", [4, Decimal("0.020")]),
    ],
)
def test_fields_give_pairs_as_on_the_wire(data: str, field: str, pair: list[object]) -> None:
    assert context_fields(decode_context(bytes.fromhex(data)))[field] == pair


def test_records_are_asked_for_from_where_the_hub_is() -> None:
    session = DRIVER.session({"from_record": 5})
    assert list(session.opened(NOW)) == [Write(CONTROL_POINT, bytes.fromhex("0103010500")), Wait(30.0)]
    _feed(session, MEASUREMENT, EXPLAINED)
    assert _feed(session, CONTROL_POINT, "06000101")[-1] == Wait(60.0)
    assert list(session.command("read-new", NOW)) == [Write(CONTROL_POINT, bytes.fromhex("0103010800")), Wait(30.0)]


def test_all_records_are_asked_for_by_default_and_on_demand() -> None:
    session = DRIVER.session({})
    asked = [Write(CONTROL_POINT, b"\x01\x01"), Wait(30.0)]
    assert list(session.opened(NOW)) == asked
    _feed(session, CONTROL_POINT, "06000106")
    assert list(session.command("read-memory", NOW)) == asked
    assert list(session.command("else", NOW)) == []


def test_records_are_erased_after_the_last_is_out() -> None:
    session = DRIVER.session({"erase": True})
    list(session.opened(NOW))
    _feed(session, MEASUREMENT, EXPLAINED)
    emit, erase, _wait = _feed(session, CONTROL_POINT, "06000101")
    assert isinstance(emit, Emit)
    assert erase == Write(CONTROL_POINT, b"\x02\x01")


def test_a_number_that_is_none_parks_the_driver() -> None:
    with pytest.raises(DriverError):
        DRIVER.session({"from_record": 65536})


@pytest.mark.parametrize(
    ("channel", "data"), [(MEASUREMENT, "00"), (CONTEXT, ""), (CONTROL_POINT, "0401"), ("serial", "")]
)
def test_other_bytes_are_rejected(channel: str, data: str) -> None:
    (action,) = _feed(DRIVER.session({}), channel, data)
    assert isinstance(action, Rejected)
