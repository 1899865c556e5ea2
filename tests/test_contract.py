"""What a reading must be."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from hub_agent.contract import flaw
from hub_agent.model import Absent, Code, DeviceTime, Measurement, Reading, ReadingClass, Samples
from hub_agent.nomenclature import ECG, PULSE_RATE_OXIMETER, SPO2

_DECLARED = frozenset({SPO2, ECG})
_GOOD = Measurement(SPO2, "%", Decimal("97.50"))


def _reading(*measurements: Measurement, cls: ReadingClass = ReadingClass.CONTINUOUS) -> Reading:
    return Reading(cls, measurements)


@pytest.mark.parametrize(
    "reading",
    [
        _reading(_GOOD),
        _reading(Measurement(SPO2, "%", None, Absent.ERROR)),
        _reading(Measurement(SPO2, "%", Decimal("9E-128"))),
        _reading(Measurement(SPO2, "%", Decimal("-9E+127"))),
        Reading(ReadingClass.WAVEFORM, (), samples=(Samples(ECG, "uV", Decimal("0.004"), Decimal(1), (1, None)),)),
        Reading(ReadingClass.EPISODIC, (_GOOD,), measured=DeviceTime(datetime(2026, 11, 22))),  # noqa: DTZ001 - naive
    ],
)
def test_is_taken(reading: Reading) -> None:
    assert flaw(reading, _DECLARED) is None


@pytest.mark.parametrize(
    ("reading", "why"),
    [
        (_reading(_GOOD, cls=ReadingClass.ALARM), "alarms"),
        (_reading(), "without a measurement"),
        (_reading(Measurement(PULSE_RATE_OXIMETER, "/min", Decimal(60))), "not among the driver's declared"),
        (_reading(Measurement(Code(1), "%", Decimal(60))), "not in the nomenclature"),
        (_reading(Measurement(SPO2, "mm[Hg]", Decimal(60))), "unit"),
        (_reading(Measurement(SPO2, "%", None)), "neither"),
        (_reading(_GOOD._replace(absent=Absent.ERROR)), "absent and a value"),
        (_reading(Measurement(SPO2, "%", Decimal("NaN"))), "finite"),
        (_reading(Measurement(SPO2, "%", Decimal("sNaN"))), "finite"),
        (_reading(Measurement(SPO2, "%", Decimal("-Infinity"))), "finite"),
        (_reading(Measurement(SPO2, "%", Decimal("1E+999999"))), "wider"),
        (_reading(Measurement(SPO2, "%", Decimal("1" * 29))), "wider"),
        (Reading(ReadingClass.EPISODIC, (_GOOD,), measured=DeviceTime(datetime(2026, 11, 22, tzinfo=UTC))), "naive"),
        (Reading(ReadingClass.WAVEFORM, (), samples=(Samples(ECG, "uV", Decimal(0), Decimal(1), ()),)), "period"),
        (Reading(ReadingClass.WAVEFORM, (), samples=(Samples(ECG, "uV", Decimal(1), Decimal("NaN"), ()),)), "scale"),
        (Reading(ReadingClass.WAVEFORM, (), samples=(Samples(SPO2, "uV", Decimal(1), Decimal(1), ()),)), "unit"),
    ],
)
def test_is_refused(reading: Reading, why: str) -> None:
    assert why in str(flaw(reading, _DECLARED))


def test_names_no_value() -> None:
    assert "66" not in str(flaw(_reading(Measurement(SPO2, "%", Decimal("6666E+666"))), _DECLARED))
