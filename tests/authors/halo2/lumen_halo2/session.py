"""The dialogue with a Halo-2: hello, the stored records, what is safe, live values, and start again every half minute.

Owns: when to say what, and how a message becomes a reading. Never: takes bytes apart; ``frame`` does.

"Safe" covers all records up to a number, so it goes only as far as no number is missing. What came damaged is asked for
again; what never comes whole stays in the device.
"""

from collections.abc import Iterator
from datetime import timedelta

from hub_agent.driver import Action, Chunk, Emit, Moment, Rejected, Warn, Write
from hub_agent.model import DeviceTime, Quality, Reading, ReadingClass
from hub_drivers.battery import frame as battery
from hub_drivers.battery.frame import BATTERY_LEVEL
from hub_drivers.codec.asking import Asking
from hub_drivers.codec.bits import Bit, StatusWord
from hub_drivers.codec.oximetry import oximetry, perfusion
from hub_drivers.codec.steps import taken
from hub_drivers.codec.stream import Deframer, framed
from lumen_halo2 import frame
from lumen_halo2.frame import BUSY, HELLO, NEVER, RECORDS, SAFE, START, Answer, End, Live, Off, Record

__all__ = ["BATTERY_LEVEL", "FROM_DEVICE", "TO_DEVICE", "HaloSession"]

FROM_DEVICE = "9f5c0002-3b1e-4a0b-8f59-6d1b5c3e77a0"
TO_DEVICE = "9f5c0003-3b1e-4a0b-8f59-6d1b5c3e77a0"

STATUS = StatusWord(
    Bit(0, "no_finger", Quality.SENSOR_OFF),
    Bit(1, "searching", Quality.SEARCHING),
    Bit(2, "weak_signal", Quality.WEAK_SIGNAL),
    Bit(3, "motion", Quality.ARTEFACT),
)
OFF = {2: "battery_empty", 3: "device_fault"}
REFUSED = {HELLO: "hello_refused", START: "start_refused", SAFE: "safe_refused"}
DATED_S = 366 * 86400
"""A time before is of a clock that began at a hello without one."""
PASSES = 3


def live(values: Live) -> Reading:
    """Make a reading of the values of a second."""
    quality = STATUS.quality(values.status)
    return oximetry(values.spo2, values.pulse_rate, quality, more=(perfusion(values.perfusion, quality),))


def stored(record: Record) -> Reading:
    """Make a reading of a record."""
    dated = record.seconds >= DATED_S
    return oximetry(
        record.spo2,
        record.pulse_rate,
        Quality.GOOD if dated else Quality.CLOCK_NOT_SET,
        cls=ReadingClass.EPISODIC,
        measured=DeviceTime(frame.EPOCH + timedelta(seconds=record.seconds), offset_min=0) if dated else None,
        record=record.number,
        stored=True,
    )


def level(data: bytes) -> Iterator[Action]:
    """Say what follows from a battery level."""
    yield Emit(battery.reading(data))


class HaloSession:
    """One connection."""

    def __init__(self) -> None:
        self._deframer = Deframer(frame.measure, frame.LONGEST)
        self._asking = Asking(answer_s=2.0)
        self._asked = HELLO
        self._timed = False
        self._whole = -1
        """Up to this record, none is missing; -1 before the first."""
        self._safe = -1
        """Up to this record, the device knows it."""
        self._gap = False
        self._passes = 0

    def opened(self, moment: Moment) -> Iterator[Action]:
        """Say hello."""
        yield from self._ask(moment, HELLO)
        yield from self._asking.due(moment)

    def received(self, chunk: Chunk) -> Iterator[Action]:
        """Take what came, and go on with the dialogue."""
        moment = chunk.moment
        if chunk.channel == BATTERY_LEVEL:
            yield from taken(level(chunk.data), chunk.data)
        else:
            for action in framed(chunk, FROM_DEVICE, self._deframer, lambda data: self._said(data, moment)):
                self._gap |= isinstance(action, Rejected)  # it may have been a record
                yield action
        if self._asked == START and not self._timed and moment.utc is not None:
            yield from self._ask(moment, HELLO)
        yield from self._asking.due(moment)

    def silent(self, moment: Moment) -> Iterator[Action]:
        """Ask again, if that is due."""
        return self._asking.due(moment)

    def command(self, name: str, moment: Moment) -> tuple[Action, ...]:
        """Know no command."""
        del name, moment
        return ()

    def _ask(self, moment: Moment, what: int) -> tuple[Action, ...]:
        self._asked = what
        return self._asking.ask(moment, self._words, self._start if what in {RECORDS, SAFE} else None)

    def _start(self, moment: Moment) -> tuple[Action, ...]:
        return self._ask(moment, START)

    def _words(self, moment: Moment) -> Iterator[Action]:
        if self._asked == HELLO:
            self._timed = moment.utc is not None
            words = frame.hello(moment.utc)
        elif self._asked == RECORDS:
            self._gap = False
            words = frame.message(RECORDS, self._next().to_bytes(2, "little"))
        elif self._asked == SAFE:
            words = frame.message(SAFE, self._whole.to_bytes(2, "little"))
        else:
            words = frame.message(START)
        yield Write(TO_DEVICE, words)

    def _next(self) -> int:
        return (self._whole + 1) & 0xFFFF

    def _said(self, data: bytes, moment: Moment) -> Iterator[Action]:
        match frame.decode(data):
            case Live() as values:
                yield Emit(live(values))
            case Record() as record:
                yield Emit(stored(record))
                self._count(record.number, moment)
            case End(newest) if self._asked == RECORDS:
                self._gap |= self._whole not in {-1, newest}
                self._passes += 1
                yield from self._ask(moment, SAFE) if self._whole != self._safe else self._onward(moment)
            case Answer(request, result) if request == self._asked != RECORDS:
                yield from self._answered(result, moment)
            case Off(why):
                yield Warn(OFF.get(why, "switched_off"))
            case _:
                pass  # an answer that comes too late

    def _count(self, number: int, moment: Moment) -> None:
        if self._asked != RECORDS:
            return
        self._asking.more(moment)
        self._gap |= self._whole not in {-1, number} and number != self._next()
        if not self._gap:
            self._whole = number

    def _answered(self, result: int, moment: Moment) -> Iterator[Action]:
        if result == BUSY:
            self._asking.again(moment, after_s=1.0)
            return
        if result == NEVER:
            yield Warn(REFUSED[self._asked])
        if self._asked == SAFE:
            self._safe = self._whole
            yield from self._onward(moment)
        elif result == NEVER:
            self._asking.answered()
        elif self._asked == HELLO:
            self._passes = 0
            yield from self._ask(moment, RECORDS)
        else:
            self._asking.again(moment, after_s=30.0)  # it stops after 60

    def _onward(self, moment: Moment) -> Iterator[Action]:
        """Ask for what is missing, a few times; then for live values."""
        if self._gap and self._passes < PASSES:
            yield from self._ask(moment, RECORDS)
            return
        if self._gap:
            yield Warn("records_incomplete")
        yield from self._start(moment)
