"""Heart-rate frames as readings."""

from decimal import Decimal

import pytest

from hub_agent import nomenclature as mdc
from hub_agent.driver import Chunk, Emit, Moment, Rejected, Write
from hub_agent.model import Absent, Measurement, Quality, Reading, ReadingClass
from hub_drivers.battery.frame import BATTERY_LEVEL
from hub_drivers.heart_rate.driver import CONTROL_POINT, DRIVER
from hub_drivers.heart_rate.reading import MEASUREMENT

NOW = Moment(0.0, None)


def _read(data: str, channel: str = MEASUREMENT, **options: str) -> Reading:
    (action,) = DRIVER.session(options).received(Chunk(channel, bytes.fromhex(data), NOW))
    assert isinstance(action, Emit)
    return action.reading


def test_intervals_are_exact_milliseconds() -> None:
    reading = _read("1678ff01ff010c01")
    assert reading.cls is ReadingClass.CONTINUOUS
    assert reading.quality is Quality.GOOD
    assert reading.measurements == (
        Measurement(mdc.HEART_RATE, "/min", Decimal(120)),
        Measurement(mdc.RR_INTERVAL, "ms", Decimal("499.0234375")),
        Measurement(mdc.RR_INTERVAL, "ms", Decimal("499.0234375")),
        Measurement(mdc.RR_INTERVAL, "ms", Decimal("261.71875")),
    )


def test_energy_is_kilojoules() -> None:
    assert _read("0e4b8000").measurements[1] == Measurement(mdc.ENERGY_EXPENDED, "kJ", Decimal(128))


def test_zero_is_a_strap_that_searches() -> None:
    reading = _read("0000")
    assert reading.measurements == (Measurement(mdc.HEART_RATE, "/min", None, Absent.UNKNOWN),)
    assert reading.quality is Quality.SEARCHING


def test_no_contact_is_a_sensor_off_unless_the_strap_is_known_to_lie() -> None:
    assert _read("044a").quality is Quality.SENSOR_OFF
    assert _read("044a", contact="ignore").quality is Quality.GOOD
    assert _read("024a").quality is Quality.GOOD  # contact not supported: the bit means nothing


@pytest.mark.parametrize("data", ["018080", "000e", "1048ffff"])
def test_what_no_heart_does_is_quarantined_with_its_value(data: str) -> None:
    reading = _read(data)
    assert Quality.IMPLAUSIBLE in reading.quality
    assert reading.measurements[0].value is not None


def test_battery_is_a_reading_of_its_own() -> None:
    assert _read("33", BATTERY_LEVEL).measurements == (Measurement(mdc.BATTERY, "%", Decimal(51)),)
    assert _read("0a", BATTERY_LEVEL).quality is Quality.LOW_BATTERY


@pytest.mark.parametrize("data", ["6400", "65", ""])
def test_what_is_no_battery_level_is_rejected(data: str) -> None:
    (action,) = DRIVER.session({}).received(Chunk(BATTERY_LEVEL, bytes.fromhex(data), NOW))
    assert isinstance(action, Rejected)


def test_resets_the_energy_counter() -> None:
    session = DRIVER.session({})
    assert list(session.command("reset-energy", NOW)) == [Write(CONTROL_POINT, b"\x01")]
    assert list(session.command("something-else", NOW)) == []
