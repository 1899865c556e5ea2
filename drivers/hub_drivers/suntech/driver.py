"""The driver of the SunTech Advantage module: measures when it is told to.

Owns: the dialogue start, progress, result, abort, and how a result becomes a reading. Never: parses bytes; inflates a
cuff unasked.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from hub_agent.driver import (
    SERIAL,
    Action,
    Chunk,
    Driver,
    Emit,
    Moment,
    SerialLink,
    Session,
    Wait,
    Warn,
    Write,
)
from hub_agent.model import Quality, Reading
from hub_drivers.codec.pressure import MEASURES, blood_pressure
from hub_drivers.codec.stream import Deframer, framed
from hub_drivers.suntech import frame
from hub_drivers.suntech.frame import Answer, Cuff, Result

__all__ = ["DRIVER", "SuntechSession", "result_reading"]

_POLL_S: Final = 2.0
_LONGEST_S: Final = 180.0  # the module itself gives up before

_ERRORS: Final = {
    1: Quality.WEAK_SIGNAL,
    2: Quality.ARTEFACT | Quality.BODY_MOVEMENT,
    3: Quality.ARTEFACT,
    4: Quality.INCOMPLETE,
    85: Quality.SENSOR_FAULT,
    87: Quality.CUFF_LOOSE,
    89: Quality.ARTEFACT,
    90: Quality.SENSOR_FAULT,
}


def result_reading(found: Result) -> Reading:
    """Make the reading of a result; one with an error, or without pressures, has no values."""
    quality = Quality.GOOD
    if found.error or not found.systolic or not found.diastolic:
        quality = Quality.INVALID | _ERRORS.get(found.error, Quality.INCOMPLETE)
    return blood_pressure(found.systolic, found.diastolic, found.pulse_rate, quality, mean=found.mean)


class SuntechSession:
    """Starts and aborts on command; while a measurement runs, asks for the cuff pressure to see that it does."""

    def __init__(self) -> None:
        self._deframer = Deframer(frame.measure, frame.LONGEST)
        self._running_until_s: float | None = None
        self._fetching = False

    def opened(self, moment: Moment) -> Iterable[Action]:
        """Do nothing: a cuff inflates on command only."""
        del moment
        return ()

    def received(self, chunk: Chunk) -> Iterable[Action]:
        """Follow the measurement."""
        return framed(chunk, SERIAL, self._deframer, self._frame)

    def silent(self, moment: Moment) -> Iterable[Action]:
        """Ask how it goes; abort what takes too long."""
        if self._running_until_s is None:
            return
        if moment.monotonic_s >= self._running_until_s:
            self._running_until_s = None
            yield Write(SERIAL, frame.ABORT)
            yield Warn("no_result")
            return
        yield Write(SERIAL, frame.RESULT if self._fetching else frame.CUFF_PRESSURE)
        yield Wait(_POLL_S)

    def command(self, name: str, moment: Moment) -> Iterable[Action]:
        """``start``, ``abort``."""
        if name == "start" and self._running_until_s is None:
            self._running_until_s = moment.monotonic_s + _LONGEST_S
            self._fetching = False
            yield Write(SERIAL, frame.START)
            yield Wait(_POLL_S)
        elif name == "abort":
            self._running_until_s = None
            yield Write(SERIAL, frame.ABORT)

    def _frame(self, data: bytes) -> Iterable[Action]:
        found = frame.decode(data)
        if self._running_until_s is None:
            return
        if isinstance(found, Answer):
            yield from self._answer(found.letter)
        elif isinstance(found, Result) and self._fetching:
            self._running_until_s = None
            yield Emit(result_reading(found))
        elif isinstance(found, Cuff):
            yield Wait(_POLL_S)

    def _answer(self, letter: str) -> Iterable[Action]:
        if letter == "K":
            self._fetching = True
            yield Write(SERIAL, frame.RESULT)
            yield Wait(_POLL_S)
        elif letter == "A":
            self._running_until_s = None
            yield Warn("aborted")
        elif letter in "BN":
            yield Warn("busy" if letter == "B" else "not_understood")


def _session(options: Mapping[str, Any]) -> Session:
    del options
    return SuntechSession()


DRIVER: Final = Driver(
    name="suntech-nibp",
    title="SunTech Advantage blood-pressure module",
    link=SerialLink(9600),
    measures=MEASURES,
    session=_session,
    commands=frozenset(("start", "abort")),
    quirks=("Inflates on command only.", "A measurement without a result after 180 s is aborted."),
)
"""Configure it as ``suntech-nibp``."""
