"""Temperatures as readings."""

from decimal import Decimal

import pytest

from hub_agent import nomenclature as mdc
from hub_agent.driver import Action, Chunk, Emit, Finished, Moment, Rejected, Session, Wait
from hub_agent.model import Absent, Measurement, Quality, Reading, ReadingClass
from hub_drivers.thermometer.driver import DRIVER, INTERMEDIATE, MEASUREMENT, SITE

NOW = Moment(0.0, None)


def _feed(session: Session, channel: str, data: str) -> list[Action]:
    return list(session.received(Chunk(channel, bytes.fromhex(data), NOW)))


def _read(data: str, channel: str = MEASUREMENT, site: str = "") -> Reading:
    session = DRIVER.session({})
    if site:
        assert _feed(session, SITE, site) == []
    emit, _wait = _feed(session, channel, data)
    assert isinstance(emit, Emit)
    return emit.reading


def test_celsius_with_all_its_digits() -> None:
    reading = _read("00b00e00fe")
    assert reading.cls is ReadingClass.EPISODIC
    assert str(reading.measurements[0].value) == "37.60"
    assert reading.measurements[0].unit == "Cel"


def test_fahrenheit_stays_fahrenheit() -> None:
    assert _read("01da0300ff").measurements == (Measurement(mdc.TEMPERATURE, "[degF]", Decimal("98.6")),)


@pytest.mark.parametrize(
    ("site", "code"),
    [
        (0, mdc.TEMPERATURE),
        (1, mdc.TEMPERATURE_AXILLA),
        (2, mdc.TEMPERATURE),
        (3, mdc.TEMPERATURE_EAR),
        (4, mdc.TEMPERATURE_FINGER),
        (5, mdc.TEMPERATURE_GI),
        (6, mdc.TEMPERATURE_ORAL),
        (7, mdc.TEMPERATURE_RECTAL),
        (8, mdc.TEMPERATURE_TOE),
        (9, mdc.TEMPERATURE_TYMPANIC),
        (200, mdc.TEMPERATURE),
    ],
)
def test_the_site_is_the_code(site: int, code: int) -> None:
    assert _read(f"046c0100ff{site:02x}").measurements[0].code == code
    assert _read("006c0100ff", site=f"{site:02x}").measurements[0].code == code


def test_the_frame_s_site_wins() -> None:
    assert _read("046c0100ff06", site="03").measurements[0].code == mdc.TEMPERATURE_ORAL


def test_no_number_is_an_invalid_measurement() -> None:
    reading = _read("00ffff7f00")
    assert reading.measurements == (Measurement(mdc.TEMPERATURE, "Cel", None, Absent.NOT_A_NUMBER),)
    assert reading.quality is Quality.INVALID


@pytest.mark.parametrize("data", ["002075387b", "00f40100ff", "006c010000"])
def test_what_cannot_be_is_quarantined(data: str) -> None:
    assert Quality.IMPLAUSIBLE in _read(data).quality


def test_an_intermediate_value_is_continuous() -> None:
    assert _read("006c0100ff", INTERMEDIATE).cls is ReadingClass.CONTINUOUS


def test_it_is_let_go_when_quiet() -> None:
    session = DRIVER.session({})
    assert list(session.opened(NOW)) == [Wait(60.0)]
    assert list(session.silent(NOW)) == [Finished()]


@pytest.mark.parametrize(("channel", "data"), [(MEASUREMENT, "006c0100"), (SITE, "0300"), ("serial", "00")])
def test_other_bytes_are_rejected(channel: str, data: str) -> None:
    (action,) = _feed(DRIVER.session({}), channel, data)
    assert isinstance(action, Rejected)
