"""Cuffs of the Bluetooth Blood Pressure Profile.

Owns: the driver ``gatt-blood-pressure`` and how its frames become readings.
Never: takes apart bytes; ``frame`` does.

A cuff wakes for seconds after a measurement, sends all it has kept, and drops the link. Each value is an indication: it
is durable before the next action, and the session ends by itself once the cuff is quiet.
"""

from collections.abc import Mapping
from typing import Any, Final

from hub_agent import nomenclature as mdc
from hub_agent.driver import (
    Action,
    BleLink,
    Driver,
    Emit,
    Match,
    Moment,
    Session,
    Wait,
    sig_uuid,
)
from hub_agent.model import Measurement, Quality, Reading, ReadingClass
from hub_agent.registry import Fields, Format, FormatDecoder
from hub_drivers.battery.frame import BATTERY_LEVEL
from hub_drivers.blood_pressure.frame import (
    STATUS,
    PressureFrame,
    cuff_fields,
    decode,
    feature_fields,
    measurement_fields,
)
from hub_drivers.codec.medfloat import measured as coded
from hub_drivers.codec.plausibility import assess, contradictory, gated, unless_zero
from hub_drivers.codec.sig_time import dated
from hub_drivers.current_time.clock import OPTION, DeviceClock
from hub_drivers.current_time.frame import CURRENT_TIME, DATE_TIME
from hub_drivers.current_time.visit import Visit

MEASUREMENT: Final = sig_uuid(0x2A35)
CUFF_PRESSURE: Final = sig_uuid(0x2A36)

_GOOD: Final = Quality.GOOD
_FIRST_S: Final = 30.0
_UNTIL_QUIET: Final = Wait(10.0)


def reading(frame: PressureFrame, *, stored: bool = False) -> Reading:
    """Make a reading of a value of 2A35. With neither pressure, the measurement failed: it is invalid."""
    unit = "kPa" if frame.kpa else "mm[Hg]"
    systolic = unless_zero(coded(mdc.SYSTOLIC, unit, frame.systolic))
    diastolic = unless_zero(coded(mdc.DIASTOLIC, unit, frame.diastolic))
    measurements: tuple[Measurement, ...] = (
        systolic,
        diastolic,
        unless_zero(coded(mdc.MEAN_PRESSURE, unit, frame.mean)),
    )
    if frame.pulse is not None:
        measurements += (unless_zero(coded(mdc.PULSE_RATE_NIBP, "/min", frame.pulse)),)
    quality = STATUS.quality(frame.status) if frame.status else _GOOD
    if systolic.value is None and diastolic.value is None:
        quality |= Quality.INVALID
    elif contradictory(systolic, diastolic):
        quality |= Quality.IMPLAUSIBLE
    time, unset = dated(frame.time)
    if unset:
        quality |= Quality.CLOCK_NOT_SET
    return assess(ReadingClass.EPISODIC, measurements, quality, time, stored=stored, user=frame.user)


def cuff_reading(frame: PressureFrame) -> Reading:
    """Make a reading of a value of 2A36: the cuff is being filled or let go; 0 is a pressure."""
    cuff = coded(mdc.CUFF_PRESSURE, "kPa" if frame.kpa else "mm[Hg]", frame.systolic)
    quality = STATUS.quality(frame.status) if frame.status else _GOOD
    return assess(ReadingClass.CONTINUOUS, (cuff,), quality, user=frame.user)


def _session(options: Mapping[str, Any]) -> Session:
    clock = DeviceClock(options)

    def measured(data: bytes, moment: Moment) -> tuple[Action, ...]:
        frame = decode(data)
        return Emit(reading(frame, stored=clock.old(dated(frame.time)[0], moment))), _UNTIL_QUIET

    def inflating(data: bytes, _moment: Moment) -> tuple[Action, ...]:
        return Emit(cuff_reading(decode(data))), Wait(_FIRST_S)

    return Visit(clock, {MEASUREMENT: measured, CUFF_PRESSURE: inflating}, _FIRST_S)


DRIVER: Final = Driver(
    name="gatt-blood-pressure",
    title="Bluetooth blood-pressure cuffs: A&D UA-651BLE, Omron with the SIG profile, Beurer BM series and others",
    link=BleLink(
        notify=(MEASUREMENT, CUFF_PRESSURE, CURRENT_TIME),
        match=Match(services=(sig_uuid(0x1810),)),
        read=(DATE_TIME, CURRENT_TIME, BATTERY_LEVEL),
        pairing="bond",
        hold=False,
        settle_s=0.1,
        open_before_subscribe=True,
        subscribe_gap_s=0.1,
    ),
    measures=frozenset(
        {mdc.SYSTOLIC, mdc.DIASTOLIC, mdc.MEAN_PRESSURE, mdc.PULSE_RATE_NIBP, mdc.CUFF_PRESSURE, mdc.BATTERY}
    ),
    session=_session,
    options={"clock": OPTION},
    level="decoded",
    quirks=(
        (
            "A&D: pair once in pairing mode; wants Date Time (2A08) written before the subscription, 0.1 s apart: "
            "set clock to date-time."
        ),
        "Beurer BM85: a subscription less than 0.1 s after discovery is acknowledged and then ignored.",
        "Omron: pairs only in -P- mode; takes Current Time (2A2B) once a connection and only when it is off.",
        "A mean pressure of NaN is normal.",
        "Some cuffs send a layout of their own on 2A35: no living person has what it reads as, so it is quarantined.",
    ),
)


def _measurement_fields(frame: PressureFrame) -> Fields:
    return gated(measurement_fields(frame), reading(frame))


def _cuff_fields(frame: PressureFrame) -> Fields:
    return gated(cuff_fields(frame), cuff_reading(frame))


FORMATS: Final[Mapping[str, FormatDecoder]] = {
    "ble.2a35": Format(decode, _measurement_fields),
    "ble.2a36": Format(decode, _cuff_fields),
    "ble.2a49": feature_fields,
}
