"""What the worth of readings means: inhibition, and technical alarms in its place."""

import json
from collections.abc import Sequence
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub_agent.alarms.alarm import AlarmEvent
from hub_agent.alarms.book import AlarmBook
from hub_agent.alarms.device_watch import Cadence, DeviceWatch
from hub_agent.alarms.limits import Limit, Priority
from hub_agent.model import (
    UNUSABLE,
    Absent,
    ClockState,
    Code,
    Measurement,
    Quality,
    Reading,
    ReadingClass,
    ReceivedReading,
    Stamp,
)
from hub_agent.nomenclature import (
    BATTERY,
    GLUCOSE_CAPILLARY_PLASMA,
    GLUCOSE_UNDETERMINED_WHOLE_BLOOD,
    HBA1C,
    PULSE_RATE_OXIMETER,
    SPO2,
    TEMPERATURE_EAR,
)

S = 10**9
LOW = Limit(SPO2, "%", Decimal(90), None, priority=Priority.HIGH)


def at(second: float) -> Stamp:
    return Stamp("ab" * 8, round(second * S), 0, ClockState.SYNCED)


def spo2(
    second: float, value: str | None, *, quality: Quality = Quality.GOOD, code: Code = SPO2, unit: str = "%"
) -> ReceivedReading:
    number = None if value is None else Decimal(value)
    measurement = Measurement(code, unit, number, Absent.NOT_A_NUMBER if value is None else None)
    return ReceivedReading("oximeter", Reading(ReadingClass.CONTINUOUS, (measurement,), quality), at(second))


def book(*limits: Limit) -> AlarmBook:
    return AlarmBook(limits or (LOW,), {"oximeter": Cadence(1.0, 15.0)}, at(0))


def brief(events: Sequence[AlarmEvent]) -> list[tuple[str, str]]:
    return [(event.condition, str(event.presence)) for event in events]


@pytest.mark.parametrize("flag", [flag for flag in Quality if flag & UNUSABLE])
def test_an_unusable_reading_is_not_judged_and_becomes_a_technical_alarm(flag: Quality) -> None:
    one = book()
    assert one.reading(spo2(1, "70", quality=flag)) == ()
    expected = "sensor_off" if flag is Quality.SENSOR_OFF else "unusable"
    assert brief(one.tick(at(11))) == [(expected, "on")]
    assert brief(one.reading(spo2(12, "97"))) == [(expected, "off")]


@pytest.mark.parametrize("flag", [Quality.ARTEFACT, Quality.LOW_PERFUSION, Quality.QUESTIONABLE, Quality.WEAK_SIGNAL])
def test_a_doubtful_reading_is_judged(flag: Quality) -> None:
    assert brief(book().reading(spo2(1, "80", quality=flag))) == [("limit_low", "on")]


def test_an_absent_value_of_a_limited_measure_is_a_technical_alarm_and_of_another_is_none() -> None:
    one = book()
    one.reading(spo2(1, None))
    one.reading(spo2(5, None, code=PULSE_RATE_OXIMETER, unit="/min"))
    assert brief(one.tick(at(11))) == [("unusable", "on")]
    assert one.reading(spo2(12, "60", code=PULSE_RATE_OXIMETER, unit="/min")) == ()
    assert brief(one.reading(spo2(13, "97"))) == [("unusable", "off")]


def test_a_number_that_is_none_or_in_a_foreign_unit_is_not_judged() -> None:
    one = book()
    one.reading(spo2(1, "NaN"))
    one.reading(spo2(2, "1", unit="1"))
    assert brief(one.tick(at(11))) == [("unusable", "on")]


def beyond(second: float, why: Absent, quality: Quality = Quality.OUT_OF_RANGE) -> ReceivedReading:
    measurement = Measurement(GLUCOSE_CAPILLARY_PLASMA, "mg/dL", None, why)
    return ReceivedReading("oximeter", Reading(ReadingClass.EPISODIC, (measurement,), quality), at(second))


def test_what_is_beyond_the_device_s_range_is_beyond_every_limit() -> None:
    """A meter's HI has no number, and is the worst of all: an alarm of the patient, not of the equipment."""
    one = book(Limit(GLUCOSE_CAPILLARY_PLASMA, "mmol/L", Decimal(4), Decimal(20)))
    (high,) = one.reading(beyond(1, Absent.POSITIVE_INFINITY))
    assert (high.condition, high.value, high.limit) == ("limit_high", None, Decimal(20))
    assert one.reading(beyond(2, Absent.POSITIVE_INFINITY)) == ()
    again = AlarmBook([*one.limits], {"oximeter": Cadence(1.0, 15.0)}, at(3))
    assert again.restore(json.loads(json.dumps(one.snapshot())), at(3)) == ()
    low = again.reading(beyond(4, Absent.NEGATIVE_INFINITY))
    assert brief(low) == [("limit_high", "off"), ("limit_low", "on")]
    assert brief(again.reading(beyond(5, Absent.NOT_A_NUMBER))) == []
    assert brief(again.tick(at(15.5))) == [("unusable", "on")]


def test_what_the_device_itself_does_not_believe_is_beyond_no_limit() -> None:
    one = book(Limit(GLUCOSE_CAPILLARY_PLASMA, "mg/dL", Decimal(70), None))
    assert one.reading(beyond(1, Absent.NEGATIVE_INFINITY, Quality.INVALID)) == ()
    assert brief(one.tick(at(11))) == [("unusable", "on")]


def test_an_alarm_that_is_on_stays_while_its_value_cannot_be_judged() -> None:
    one = book()
    one.reading(spo2(1, "80"))
    one.reading(spo2(2, None, quality=Quality.SENSOR_OFF))
    one.reading(spo2(12, "99", quality=Quality.SENSOR_OFF))
    one.tick(at(12))
    assert {alarm.condition.code for alarm in one.alarms()} == {"limit_low", "sensor_off"}


def test_a_good_measure_says_nothing_about_another_that_is_off() -> None:
    one = book()
    seen: list[tuple[str, str]] = []
    for second in range(1, 14):
        seen += brief(one.reading(spo2(second, None, quality=Quality.SENSOR_OFF)))
        seen += brief(one.reading(spo2(second, "36.9", code=TEMPERATURE_EAR, unit="Cel")))
        seen += brief(one.tick(at(second)))
    assert seen == [("sensor_off", "on")]


def test_sensor_off_without_any_measurement_inhibits_the_whole_device() -> None:
    one = book(Limit(SPO2, "%", Decimal(90), None, delay_s=3))
    one.reading(spo2(1, "80"))
    one.reading(ReceivedReading("oximeter", Reading(ReadingClass.CONTINUOUS, (), Quality.SENSOR_OFF), at(2)))
    assert brief(one.tick(at(12))) == [("sensor_off", "on")]
    assert brief(one.reading(spo2(13, "80"))) == [("limit_low", "on"), ("sensor_off", "off")]


def test_a_sensor_that_is_off_is_not_back_on_because_another_reading_is_unusable() -> None:
    one = book()
    one.reading(ReceivedReading("oximeter", Reading(ReadingClass.CONTINUOUS, (), Quality.SENSOR_OFF), at(1)))
    one.reading(spo2(2, "36.9", quality=Quality.INVALID, code=TEMPERATURE_EAR, unit="Cel"))
    assert brief(one.tick(at(11))) == [("sensor_off", "on")]
    assert brief(one.tick(at(12))) == [("unusable", "on")]
    assert brief(one.reading(spo2(13, "97"))) == [("sensor_off", "off")]


def episode(second: float, *codes: Code, quality: Quality = Quality.GOOD, value: str | None = "100") -> ReceivedReading:
    number = None if value is None else Decimal(value)
    absent = Absent.ERROR if value is None else None
    measurements = tuple(Measurement(code, "mg/dL", number, absent) for code in codes)
    return ReceivedReading("oximeter", Reading(ReadingClass.EPISODIC, measurements, quality), at(second))


def test_a_good_measurement_made_again_ends_the_trouble_of_the_one_that_failed() -> None:
    """A meter that failed did not say what it would have measured, nor what the patient noted beside it."""
    one = AlarmBook([Limit(GLUCOSE_CAPILLARY_PLASMA, "mg/dL", Decimal(70), None)], {"oximeter": Cadence(None)}, at(0))
    failed = episode(1, GLUCOSE_UNDETERMINED_WHOLE_BLOOD, HBA1C, quality=Quality.INVALID, value=None)
    one.reading(failed)
    assert brief(one.tick(at(11))) == [("unusable", "on")]
    assert brief(one.reading(episode(60, GLUCOSE_CAPILLARY_PLASMA))) == [("unusable", "off")]
    one.reading(episode(61, GLUCOSE_CAPILLARY_PLASMA, value=None))  # of a limited quantity
    assert brief(one.tick(at(71))) == [("unusable", "on")]
    assert brief(one.reading(episode(72, GLUCOSE_CAPILLARY_PLASMA))) == [("unusable", "off")]


def test_a_good_measurement_says_nothing_about_a_stream_that_is_off() -> None:
    one = book()
    one.reading(spo2(1, None, quality=Quality.SENSOR_OFF))
    one.reading(episode(5, GLUCOSE_CAPILLARY_PLASMA))
    assert brief(one.tick(at(11))) == [("sensor_off", "on")]
    one.reading(episode(12, GLUCOSE_CAPILLARY_PLASMA, quality=Quality.INVALID, value=None))
    assert brief(one.reading(spo2(13, "97"))) == [("sensor_off", "off")]
    assert brief(one.tick(at(22))) == [("unusable", "on")]


def test_a_battery_s_level_is_no_word_about_a_sensor_that_is_off() -> None:
    one = book()
    one.reading(ReceivedReading("oximeter", Reading(ReadingClass.CONTINUOUS, (), Quality.SENSOR_OFF), at(1)))
    one.reading(spo2(2, "80", code=BATTERY))
    assert brief(one.tick(at(11))) == [("sensor_off", "on")]
    assert one.reading(spo2(12, "80", code=BATTERY)) == ()


def test_a_low_battery_by_flag_and_by_level() -> None:
    one = book()
    assert brief(one.reading(spo2(1, "97", quality=Quality.LOW_BATTERY))) == [("low_battery", "on")]
    assert brief(one.reading(spo2(2, "97"))) == [("low_battery", "off")]
    levels = [(3, "15"), (4, "14"), (5, "19"), (6, "20")]
    seen = [brief(one.reading(spo2(second, level, code=BATTERY))) for second, level in levels]
    assert seen == [[], [("low_battery", "on")], [], [("low_battery", "off")]]
    one.reading(spo2(7, "5", code=BATTERY))
    assert one.reading(spo2(8, "97")) == ()
    assert one.reading(spo2(9, None, code=BATTERY)) == ()
    assert brief(one.reading(spo2(10, "80", code=BATTERY))) == [("low_battery", "off")]


def test_what_was_well_is_not_well_within_other_limits() -> None:
    one = book()
    assert [one.reading(spo2(second, "91")) for second in (1, 2)] == [(), ()]
    one.set_limits([Limit(SPO2, "%", Decimal(92), None)], 1, at(3))
    assert brief(one.reading(spo2(4, "91"))) == [("limit_low", "on")]


_VALUES = st.none() | st.integers(85, 103).map(Decimal) | st.sampled_from([Decimal("NaN"), Decimal("Infinity")])
_MEASURED = st.tuples(
    st.sampled_from([(SPO2, "%"), (SPO2, "{score}"), (PULSE_RATE_OXIMETER, "/min"), (BATTERY, "%")]), _VALUES
).map(lambda drawn: Measurement(*drawn[0], drawn[1], Absent.ERROR if drawn[1] is None else None))
_QUALITY = st.sampled_from([Quality.GOOD, Quality.GOOD, Quality.ARTEFACT, Quality.SENSOR_OFF, Quality.LOW_BATTERY])


@given(st.lists(st.tuples(st.lists(_MEASURED, max_size=3), _QUALITY), max_size=12))
def test_the_short_way_for_good_readings_leads_where_the_long_one_does(
    readings: list[tuple[list[Measurement], Quality]],
) -> None:
    limits = (
        LOW,
        Limit(SPO2, "%", Decimal(92), Decimal(98), delay_s=2, hysteresis=Decimal(1)),
        Limit(PULSE_RATE_OXIMETER, "/min", None, Decimal(99)),
    )
    short, long = (DeviceWatch("oximeter", Cadence(1.0, 15.0), limits, 0) for _ in range(2))
    for second, (measurements, quality) in enumerate(readings):
        reading = Reading(ReadingClass.CONTINUOUS, tuple(measurements), quality)
        long._well.clear()
        assert list(short.reading(reading, second * S)) == list(long.reading(reading, second * S))
        for one in (short, long):
            one.elapse(second * S + S // 2)
        assert (short.dirty, short.troubles, short.silent) == (long.dirty, long.troubles, long.silent)
        assert [watch.state for watch in short.watches.values()] == [watch.state for watch in long.watches.values()]
