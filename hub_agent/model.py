"""What a device said: readings and measurements, with exact decimals and named absence.

Owns: the value types that travel from a driver to the NOC.
Never: does I/O, reads a clock, knows a wire format or a device.

The words are those of IEEE 11073-20601 and FHIR R4: a reading becomes an Observation, a measurement one of its
components (or its value), an absent value a ``dataAbsentReason``. Hot values are ``NamedTuple``s: they are built some
thousand times a second when a backlog is read, and a frozen dataclass costs three times as much to make.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import IntEnum, IntFlag, StrEnum
from functools import lru_cache
from typing import NamedTuple, NewType

Code = NewType("Code", int)
"""A 32-bit MDC code of ISO/IEEE 11073-10101: partition x 65536 + term."""

Unit = str
"""A UCUM unit, case-sensitive (``c/s``): ``%``, ``/min``, ``mm[Hg]``, ``Cel``…"""


class ReadingClass(IntEnum):
    """Clinical value, most valuable first: the order of committing, sending and (reversed) shedding."""

    ALARM = 0
    EPISODIC = 1
    CONTINUOUS = 2
    WAVEFORM = 3


class Absent(StrEnum):
    """Why a value that belongs here is missing (FHIR R4 ``data-absent-reason``, the subset that devices cause)."""

    UNKNOWN = "unknown"
    ERROR = "error"
    NOT_A_NUMBER = "not-a-number"
    NEGATIVE_INFINITY = "negative-infinity"
    POSITIVE_INFINITY = "positive-infinity"
    NOT_PERFORMED = "not-performed"


class Quality(IntFlag):
    """What the device says about the worth of a reading, gathered from all formats into one set of flags."""

    GOOD = 0
    INVALID = 1 << 0
    """The device calls the measurement invalid or itself out of order: its values are absent."""
    QUESTIONABLE = 1 << 1
    EARLY = 1 << 2
    """An early estimate; a better one follows."""
    ARTEFACT = 1 << 3
    """Motion or interference."""
    WEAK_SIGNAL = 1 << 4
    LOW_PERFUSION = 1 << 5
    SENSOR_OFF = 1 << 6
    """The sensor is on nobody: disconnected, displaced, finger out."""
    SENSOR_FAULT = 1 << 7
    SEARCHING = 1 << 8
    """Looking for a pulse: values are absent, never zero."""
    CALIBRATING = 1 << 9
    DEMO = 1 << 10
    TEST = 1 << 11
    LOW_BATTERY = 1 << 12
    DEVICE_ALARM = 1 << 13
    """The device's own alarm sounds."""
    IRREGULAR_PULSE = 1 << 14
    BODY_MOVEMENT = 1 << 15
    CUFF_LOOSE = 1 << 16
    BAD_POSITION = 1 << 17
    CLOCK_NOT_SET = 1 << 18
    """The device says that its own clock was never set: its time is not usable."""
    IMPLAUSIBLE = 1 << 19
    """Decodes by the letter but cannot be true of a living person: quarantined, never judged."""
    INCOMPLETE = 1 << 20
    """The device stopped, or was stopped, before the measurement was whole."""
    OUT_OF_RANGE = 1 << 21
    """Beyond what the device can measure: it says high or low, not a number."""

    # Arithmetic with flags costs a microsecond in CPython 3.11, and devices send the same few over and over.
    @lru_cache(maxsize=512)
    def __or__(self, other: int) -> "Quality":
        return super().__or__(other)

    @lru_cache(maxsize=512)
    def __and__(self, other: int) -> "Quality":
        return super().__and__(other)


UNUSABLE = (
    Quality.INVALID
    | Quality.SENSOR_OFF
    | Quality.SENSOR_FAULT
    | Quality.SEARCHING
    | Quality.CALIBRATING
    | Quality.DEMO
    | Quality.TEST
    | Quality.IMPLAUSIBLE
)
"""A reading with any of these never reaches a physiological limit; it inhibits it and raises a technical one."""


class Measurement(NamedTuple):
    """One coded value, or its absence with the reason.

    Attributes:
        code: MDC code of the quantity.
        unit: UCUM unit of ``value``.
        value: the exact decimal that the device meant (``36.40`` stays ``36.40``), None when absent.
        absent: why there is none; None exactly when there is a value.
    """

    code: Code
    unit: Unit
    value: Decimal | None
    absent: Absent | None = None


class Samples(NamedTuple):
    """A block of a waveform (FHIR ``SampledData``): ``value[i] = (origin + data[i]) * scale``, one each ``period_s``.

    Attributes:
        code: MDC code of the quantity.
        unit: UCUM unit.
        period_s: seconds between two samples, exact.
        scale: factor from a sample to ``unit``.
        data: the raw integers, in the order of time; None is a missing sample.
    """

    code: Code
    unit: Unit
    period_s: Decimal
    scale: Decimal
    data: tuple[int | None, ...]


class DeviceTime(NamedTuple):
    """The device's own time of a measurement, uncorrected.

    Attributes:
        local: the device's wall clock, naive because most devices know no offset.
        offset_min: its offset from UTC in minutes where it has one.
    """

    local: datetime
    offset_min: int | None = None


class Reading(NamedTuple):
    """What a device reported at once, as a driver emits it.

    Attributes:
        cls: clinical class; drivers use EPISODIC, CONTINUOUS and WAVEFORM.
        measurements: the coded values.
        quality: what the device says of their worth.
        measured: the device's own time, None when it has none or it is unknown.
        record: the device's own record or sequence number, where it has one.
        stored: the device sends this from its memory: a backfill, never live.
        user: the device's user index, None when it has none.
        samples: waveform blocks.
    """

    cls: ReadingClass
    measurements: tuple[Measurement, ...]
    quality: Quality = Quality.GOOD
    measured: DeviceTime | None = None
    record: int | None = None
    stored: bool = False
    user: int | None = None
    samples: tuple[Samples, ...] = ()


class ClockState(StrEnum):
    """How good the hub's wall clock was at a stamp."""

    SYNCED = "synced"
    UNSYNCED = "unsynced"


class Stamp(NamedTuple):
    """When something reached the hub.

    Attributes:
        boot: 16 hex digits that name this boot of the machine; monotonic stamps compare only within it.
        monotonic_ns: CLOCK_BOOTTIME-like nanoseconds since the boot.
        wall_ns: UTC nanoseconds since 1970 as the wall clock had it, however wrong.
        clock: how good that clock was.
    """

    boot: str
    monotonic_ns: int
    wall_ns: int
    clock: ClockState


@dataclass(frozen=True, slots=True)
class ReceivedReading:
    """A reading with where and when it was received: what is stored, sealed and charted.

    Attributes:
        device: the hub's alias of the device (``[a-z0-9-]``), no identity.
        reading: what the driver emitted.
        stamp: when its last byte arrived.
        name: 32 hex digits that are the same whenever the device sends the same record again; empty for a live reading
            without record number or device time, which its place in the journal names.
    """

    device: str
    reading: Reading
    stamp: Stamp
    name: str = ""
