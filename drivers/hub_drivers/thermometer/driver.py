"""Thermometers of the Bluetooth Health Thermometer Profile.

Owns: the driver ``gatt-thermometer`` and how its frames become readings.
Never: takes apart bytes; ``frame`` does.
"""

from collections.abc import Iterator, Mapping
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
from hub_agent.model import Quality, Reading, ReadingClass
from hub_agent.registry import Fields, Format, FormatDecoder
from hub_drivers.battery.frame import BATTERY_LEVEL
from hub_drivers.codec.medfloat import measured
from hub_drivers.codec.plausibility import assess, gated
from hub_drivers.codec.sig_time import dated
from hub_drivers.current_time.clock import OPTION, DeviceClock
from hub_drivers.current_time.frame import CURRENT_TIME, DATE_TIME
from hub_drivers.current_time.visit import Visit
from hub_drivers.thermometer.frame import (
    TemperatureFrame,
    decode,
    decode_interval,
    decode_site,
    measurement_fields,
)

MEASUREMENT: Final = sig_uuid(0x2A1C)
INTERMEDIATE: Final = sig_uuid(0x2A1E)
SITE: Final = sig_uuid(0x2A1D)

_SITES: Final = {
    1: mdc.TEMPERATURE_AXILLA,
    2: mdc.TEMPERATURE,
    3: mdc.TEMPERATURE_EAR,
    4: mdc.TEMPERATURE_FINGER,
    5: mdc.TEMPERATURE_GI,
    6: mdc.TEMPERATURE_ORAL,
    7: mdc.TEMPERATURE_RECTAL,
    8: mdc.TEMPERATURE_TOE,
    9: mdc.TEMPERATURE_TYMPANIC,
}
_FIRST_S: Final = 60.0
_UNTIL_QUIET: Final = Wait(10.0)


def reading(
    frame: TemperatureFrame, cls: ReadingClass = ReadingClass.EPISODIC, *, site: int | None = None, stored: bool = False
) -> Reading:
    """Make a reading of a value of 2A1C or 2A1E.

    Args:
        frame: what the device sent.
        cls: episodic for 2A1C, continuous for 2A1E.
        site: where the device measures when the frame does not say (2A1D).
        stored: whether it comes from the device's memory.
    """
    code = _SITES.get(frame.site or site or 0, mdc.TEMPERATURE)
    temperature = measured(code, "[degF]" if frame.fahrenheit else "Cel", frame.temperature)
    quality = Quality.GOOD if temperature.value is not None else Quality.INVALID
    time, unset = dated(frame.time)
    if unset:
        quality |= Quality.CLOCK_NOT_SET
    return assess(cls, (temperature,), quality, time, stored=stored)


class _Thermometer:
    """What one session knows: the clock, and where the device says that it measures."""

    def __init__(self, clock: DeviceClock) -> None:
        self._clock = clock
        self._site: int | None = None

    def measured(self, data: bytes, moment: Moment) -> Iterator[Action]:
        """Take a value of 2A1C."""
        frame = decode(data)
        yield Emit(reading(frame, site=self._site, stored=self._clock.old(dated(frame.time)[0], moment)))
        yield _UNTIL_QUIET

    def rising(self, data: bytes, _moment: Moment) -> Iterator[Action]:
        """Take a value of 2A1E."""
        yield Emit(reading(decode(data), ReadingClass.CONTINUOUS, site=self._site))
        yield Wait(_FIRST_S)

    def placed(self, data: bytes, _moment: Moment) -> tuple[()]:
        """Take a value of 2A1D."""
        self._site = decode_site(data)
        return ()


def _session(options: Mapping[str, Any]) -> Session:
    clock = DeviceClock(options)
    device = _Thermometer(clock)
    return Visit(clock, {MEASUREMENT: device.measured, INTERMEDIATE: device.rising, SITE: device.placed}, _FIRST_S)


DRIVER: Final = Driver(
    name="gatt-thermometer",
    title="Bluetooth thermometers: A&D UT-201BLE, Beurer FT95 and others of the profile",
    link=BleLink(
        notify=(MEASUREMENT, INTERMEDIATE, CURRENT_TIME),
        match=Match(services=(sig_uuid(0x1809),)),
        read=(SITE, DATE_TIME, CURRENT_TIME, BATTERY_LEVEL),
        pairing="bond",
        hold=False,
        settle_s=0.1,
        open_before_subscribe=True,
        subscribe_gap_s=0.1,
    ),
    measures=frozenset({*_SITES.values(), mdc.BATTERY}),
    session=_session,
    options={"clock": OPTION},
    level="decoded",
    quirks=(
        (
            "A&D UT-201BLE: wants Date Time (2A08) written before the subscription, as A&D's cuffs do: "
            "set clock to date-time."
        ),
    ),
)


def _fields(frame: TemperatureFrame) -> Fields:
    return gated(measurement_fields(frame), reading(frame))


FORMATS: Final[Mapping[str, FormatDecoder]] = {
    "ble.2a1c": Format(decode, _fields),
    "ble.2a1d": Format(decode_site, lambda site: {"value": site}),
    "ble.2a1e": Format(decode, _fields),
    "ble.2a21": Format(decode_interval, lambda interval_s: {"interval_s": interval_s}),
}
