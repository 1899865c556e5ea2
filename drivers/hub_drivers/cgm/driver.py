"""Sensors of the Bluetooth Continuous Glucose Monitoring Profile.

Owns: the driver ``gatt-cgm``: live values, values missed while away, the session's clock.
Never: takes apart bytes; ``frame`` and ``control`` do.

A value's time is the session's start and its offset in minutes; the sensor learns the start from the first collector
that writes it.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from hub_agent import nomenclature as mdc
from hub_agent.driver import (
    Action,
    BleLink,
    Chunk,
    Driver,
    Emit,
    Match,
    Moment,
    Read,
    Rejected,
    Session,
    Warn,
    Write,
    sig_uuid,
)
from hub_agent.errors import DecodeError
from hub_agent.model import Code, DeviceTime, Measurement, Quality, Reading, ReadingClass
from hub_agent.registry import Fields, Format, FormatDecoder
from hub_drivers.battery.frame import BATTERY_LEVEL
from hub_drivers.battery.frame import reading as battery
from hub_drivers.cgm.control import CONTROL_POINT, RESPONSE, START_SESSION, STOP_SESSION, SUCCESS, encode
from hub_drivers.cgm.control import decode as decode_operation
from hub_drivers.cgm.control import fields as control_fields
from hub_drivers.cgm.e2e import sealed
from hub_drivers.cgm.frame import (
    E2E_CRC,
    STATUS,
    CgmRecord,
    CgmStart,
    decode,
    decode_feature,
    decode_start,
    feature_fields,
    measurement_fields,
    run_time_fields,
    start_fields,
    status_fields,
)
from hub_drivers.codec.medfloat import measured
from hub_drivers.codec.plausibility import assess, gated, unless_zero
from hub_drivers.codec.sig_time import date_time
from hub_drivers.codec.steps import taken
from hub_drivers.glucose.reading import KINDS
from hub_drivers.record_access.frame import CONTROL_POINT as RECORD_ACCESS
from hub_drivers.record_access.transfer import Transfer

MEASUREMENT: Final = sig_uuid(0x2AA7)
FEATURE: Final = sig_uuid(0x2AA8)
SESSION_START: Final = sig_uuid(0x2AAA)

_SAMPLE: Final = mdc.GLUCOSE_ISF
_UNKNOWN_ZONE: Final = b"\x80\xff"
_DST_MIN: Final = 15


def reading(
    record: CgmRecord, code: Code = _SAMPLE, measured_at: DeviceTime | None = None, *, stored: bool = False
) -> Reading:
    """Make a reading of a record.

    Args:
        record: what the sensor sent.
        code: what it measures in, by its features.
        measured_at: when, by the session's start.
        stored: whether it was asked for.
    """
    measurements: tuple[Measurement, ...] = (unless_zero(measured(code, "mg/dL", record.glucose)),)
    if record.trend is not None:
        measurements += (measured(mdc.GLUCOSE_TREND, "mg/dL/min", record.trend),)
    word = record.status_word()
    quality = STATUS.quality(word) if word else Quality.GOOD
    return assess(ReadingClass.CONTINUOUS, measurements, quality, measured_at, stored=stored)


class CgmSession:
    """Listens, asks for what it missed, and starts or stops the sensor's session when told."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        del options
        self._transfer = Transfer()
        self._code = _SAMPLE
        self._crc = False
        self._start: datetime | None = None
        self._zone_min: int | None = None
        self._setting = False

    def opened(self, moment: Moment) -> Sequence[Action]:
        """Ask for the sensor's records."""
        del moment
        return self._transfer.start()

    def received(self, chunk: Chunk) -> Sequence[Action]:
        """Decode, or reject with the decoder's reason."""
        return taken(self._received(chunk), chunk.data)

    def _received(self, chunk: Chunk) -> Iterator[Action]:
        channel, data, moment = chunk
        if channel == MEASUREMENT:
            for record in decode(data):
                yield Emit(reading(record, self._code, self._time(record), stored=self._transfer.reporting))
            yield from self._transfer.record()
        elif channel == RECORD_ACCESS:
            yield from self._transfer.answered(data)
        elif channel == SESSION_START:
            yield from self._started(decode_start(data), moment)
        elif channel == FEATURE:
            feature = decode_feature(data)
            self._code = KINDS.get(feature.kind, _SAMPLE)
            self._crc = bool(feature.features & E2E_CRC)
        elif channel == CONTROL_POINT:
            yield from self._operated(data)
        elif channel == BATTERY_LEVEL:
            yield Emit(battery(data))
        else:
            yield Rejected("channel", data)

    def _time(self, record: CgmRecord) -> DeviceTime | None:
        if self._start is None:
            return None
        try:
            return DeviceTime(self._start + timedelta(minutes=record.offset_min), self._zone_min)
        except OverflowError:
            return None  # after the year 9999

    def _started(self, start: CgmStart, moment: Moment) -> Iterator[Action]:
        """Learn when the session started; give the sensor the time if it says that it has none."""
        setting, self._setting = self._setting, False
        self._start = start.time.local()
        self._zone_min = None
        if start.zone_min is not None and start.dst is not None:
            self._zone_min = start.zone_min + start.dst * _DST_MIN
        if self._start is None:
            if setting:
                yield Warn("device_clock_not_set")
            else:
                yield from self._set_start(moment)

    def _set_start(self, moment: Moment) -> Iterator[Action]:
        """Write the time, from which the sensor counts its session's start back, and read that."""
        if moment.local is None:
            return
        self._setting = True
        yield Write(SESSION_START, self._sealed(date_time(moment.local) + _UNKNOWN_ZONE))
        yield Read(SESSION_START)

    def _sealed(self, data: bytes) -> bytes:
        return sealed(data) if self._crc else data

    def _operated(self, data: bytes) -> Iterator[Action]:
        operation = decode_operation(data)
        if operation.opcode != RESPONSE:
            raise DecodeError("CGM control: not an answer to a request")
        if operation.operand[1] != SUCCESS:
            yield Warn("cgm_operation_refused")
        elif operation.operand[0] == START_SESSION:
            self._start = None
            yield Read(SESSION_START)

    def silent(self, moment: Moment) -> Sequence[Action]:
        """Give up on a memory that does not answer."""
        del moment
        return self._transfer.silent()

    def command(self, name: str, moment: Moment) -> Sequence[Action]:
        """Know ``read-memory``, ``set-session-time``, ``start-session`` and ``stop-session``."""
        if name == "read-memory":
            return self._transfer.start()
        if name == "set-session-time":
            return tuple(self._set_start(moment))
        opcodes = {"start-session": START_SESSION, "stop-session": STOP_SESSION}
        return (Write(CONTROL_POINT, encode(opcodes[name], crc=self._crc)),) if name in opcodes else ()


def _session(options: Mapping[str, Any]) -> Session:
    return CgmSession(options)


DRIVER: Final = Driver(
    name="gatt-cgm",
    title="Continuous glucose sensors of the Bluetooth profile",
    link=BleLink(
        notify=(MEASUREMENT, RECORD_ACCESS, CONTROL_POINT, BATTERY_LEVEL),
        match=Match(services=(sig_uuid(0x181F),)),
        read=(FEATURE, SESSION_START, BATTERY_LEVEL),
        pairing="bond",
    ),
    measures=frozenset({*KINDS.values(), mdc.GLUCOSE_TREND, mdc.BATTERY}),
    session=_session,
    commands=frozenset({"read-memory", "set-session-time", "start-session", "stop-session"}),
    cadence_s=300.0,
    level="decoded",
    quirks=(
        "A sensor knows when its session started only after a collector wrote the time once.",
        "Commercial sensors mostly speak protocols of their own instead.",
    ),
)


def _fields(records: tuple[CgmRecord, ...]) -> Fields:
    fields = measurement_fields(records)
    for record in records:
        fields = gated(fields, reading(record))
    return fields


FORMATS: Final[Mapping[str, FormatDecoder]] = {
    "ble.2aa7": Format(decode, _fields),
    "ble.2aa8": Format(decode_feature, feature_fields),
    "ble.2aa9": status_fields,
    "ble.2aaa": Format(decode_start, start_fields),
    "ble.2aab": run_time_fields,
    "ble.2aac": Format(decode_operation, control_fields),
}
