"""Meters of the Bluetooth Glucose Profile.

Owns: the driver ``gatt-glucose``: reading the meter's records, joining each context to its measurement.
Never: takes apart bytes; ``frame`` and ``context`` do. Forgets records already read; the hub knows them by number.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from hub_agent import nomenclature as mdc
from hub_agent.driver import (
    Action,
    BleLink,
    Chunk,
    Driver,
    Emit,
    Finished,
    Match,
    Moment,
    Rejected,
    Session,
    Wait,
    Warn,
    sig_uuid,
)
from hub_agent.registry import Fields, Format, FormatDecoder
from hub_drivers.battery.frame import BATTERY_LEVEL
from hub_drivers.battery.frame import reading as battery
from hub_drivers.codec.options import flag, whole
from hub_drivers.codec.plausibility import gated
from hub_drivers.codec.steps import taken
from hub_drivers.current_time.clock import CLOCK_CHANNELS, OPTION, DeviceClock
from hub_drivers.current_time.frame import CURRENT_TIME, DATE_TIME
from hub_drivers.glucose.context import MEASURES, ContextFrame
from hub_drivers.glucose.context import decode as decode_context
from hub_drivers.glucose.context import fields as context_fields
from hub_drivers.glucose.frame import GlucoseFrame, decode, feature_fields, measurement_fields
from hub_drivers.glucose.reading import KINDS, device_time, reading
from hub_drivers.record_access.frame import CONTROL_POINT, REPORT_ALL, report_from
from hub_drivers.record_access.transfer import Transfer

MEASUREMENT: Final = sig_uuid(0x2A18)
CONTEXT: Final = sig_uuid(0x2A34)

_IDLE_S: Final = 60.0
_NUMBERS: Final = 1 << 16


class GlucoseSession:
    """Reads the meter's records, the new ones only if it is told from where."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._clock = DeviceClock(options, "never", "auto", "date-time")
        self._transfer = Transfer(erase=flag(options, "erase"))
        self._next = whole(options, "from_record", 0, _NUMBERS - 1)
        self._pending: tuple[GlucoseFrame, Moment] | None = None

    def opened(self, moment: Moment) -> Sequence[Action]:
        """Ask for the records."""
        return (*self._clock.opened(moment), *self._read())

    def _read(self) -> tuple[Action, ...]:
        return self._transfer.start(REPORT_ALL if self._next is None else report_from(self._next))

    def received(self, chunk: Chunk) -> Sequence[Action]:
        """Decode, or reject with the decoder's reason."""
        return taken(self._received(chunk), chunk.data)

    def _received(self, chunk: Chunk) -> Iterator[Action]:
        channel, data, moment = chunk
        if channel == MEASUREMENT:
            yield from self._measured(decode(data), moment)
        elif channel == CONTEXT:
            yield from self._explained(decode_context(data))
        elif channel == CONTROL_POINT:
            actions = self._transfer.answered(data)
            yield from self._flush()
            yield from actions or (Wait(_IDLE_S),)
        elif channel == BATTERY_LEVEL:
            yield Emit(battery(data))
        elif channel in CLOCK_CHANNELS:
            yield from self._clock.told(channel, data, moment)
        else:
            yield Rejected("channel", data)

    def _measured(self, frame: GlucoseFrame, moment: Moment) -> Iterator[Action]:
        """Take a record; one with a context waits for it, but never past the next record."""
        yield from self._flush()
        self._pending = (frame, moment)
        self._next = (frame.sequence + 1) % _NUMBERS
        if not frame.context_follows:
            yield from self._flush()
        yield from self._transfer.record()

    def _explained(self, context: ContextFrame) -> Iterator[Action]:
        if self._pending is None or self._pending[0].sequence != context.sequence:
            yield Warn("glucose_context_alone")
            return
        yield from self._flush(context)
        yield from self._transfer.record()

    def _flush(self, context: ContextFrame | None = None) -> Iterator[Action]:
        """Emit the record that waits. All come from memory; live is what the meter took in the last minutes."""
        if self._pending is None:
            return
        frame, moment = self._pending
        self._pending = None
        yield Emit(reading(frame, context, stored=not self._clock.fresh(device_time(frame), moment)))

    def silent(self, moment: Moment) -> Sequence[Action]:
        """Give up on a meter that does not answer; let go of one that has said all."""
        del moment
        waiting = tuple(self._flush())
        return (*waiting, *(self._transfer.silent()), Finished())

    def command(self, name: str, moment: Moment) -> Sequence[Action]:
        """Know ``read-memory`` (all records) and ``read-new`` (those after the last one read)."""
        del moment
        if name == "read-memory":
            return self._transfer.start()
        return self._read() if name == "read-new" else ()


def _session(options: Mapping[str, Any]) -> Session:
    return GlucoseSession(options)


DRIVER: Final = Driver(
    name="gatt-glucose",
    title="Bluetooth glucose meters: Accu-Chek Guide and Instant, Contour Next One and others of the profile",
    link=BleLink(
        notify=(MEASUREMENT, CONTEXT, CONTROL_POINT),
        match=Match(services=(sig_uuid(0x1808),)),
        read=(DATE_TIME, CURRENT_TIME, BATTERY_LEVEL),
        pairing="passkey",
        hold=False,
    ),
    measures=frozenset({*KINDS.values(), *MEASURES, mdc.BATTERY}),
    session=_session,
    commands=frozenset({"read-memory", "read-new"}),
    options={
        "from_record": "ask for records from this sequence number on; without it, for all",
        "erase": "true deletes the meter's records once all are durable; default false",
        "clock": OPTION.replace('"auto" (default)', '"auto"').replace('"never"', '"never" (default)'),
    },
    level="decoded",
    quirks=(
        "Accu-Chek: pairs with the six digits printed on the meter's back or shown on it.",
        "HI and LO are out of range, not numbers.",
        "Sequence numbers start again when a meter is reset; time tells such records apart.",
    ),
)


def _fields(frame: GlucoseFrame) -> Fields:
    return gated(measurement_fields(frame), reading(frame))


FORMATS: Final[Mapping[str, FormatDecoder]] = {
    "ble.2a18": Format(decode, _fields),
    "ble.2a34": Format(decode_context, context_fields),
    "ble.2a51": feature_fields,
}
