"""The driver of the A&D UA-767PC: opens the line and waits for measurements.

Owns: the dialogue, and how results become readings. Never: parses bytes; starts a measurement.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from hub_agent.driver import SERIAL, Action, Chunk, Driver, Emit, Moment, SerialLink, Session, Wait, Write
from hub_agent.model import Quality, Reading
from hub_agent.nomenclature import DIASTOLIC, PULSE_RATE_NIBP, SYSTOLIC
from hub_drivers.and_ua767 import frame
from hub_drivers.and_ua767.frame import Result
from hub_drivers.codec.pressure import blood_pressure
from hub_drivers.codec.stream import Deframer, framed

__all__ = ["DRIVER", "UaSession", "result_reading"]

_WELL: Final = 0x80
_WAKE_S: Final = 1.0
_REOPEN_S: Final = 30.0


def result_reading(found: Result) -> Reading:
    """Make the reading of a result; an error has no values."""
    quality = Quality.GOOD if found.code == _WELL else Quality.INVALID | Quality.INCOMPLETE
    return blood_pressure(found.systolic, found.diastolic, found.pulse_rate, quality)


class UaSession:
    """Opens the line twice (the first command only wakes the cuff), and again in every silence."""

    def __init__(self) -> None:
        self._deframer = Deframer(frame.measure, frame.LONGEST)
        self._open = False

    def opened(self, moment: Moment) -> Iterable[Action]:
        """Wake it."""
        del moment
        return (Write(SERIAL, frame.OPEN), Wait(_WAKE_S))

    def received(self, chunk: Chunk) -> Iterable[Action]:
        """Handle answers and results."""
        return framed(chunk, SERIAL, self._deframer, self._frame)

    def silent(self, moment: Moment) -> Iterable[Action]:
        """Open the line again: it falls asleep, and is off between measurements."""
        del moment
        wait_s = _REOPEN_S if self._open else _WAKE_S
        self._open = True
        return (Write(SERIAL, frame.OPEN), Wait(wait_s))

    def command(self, name: str, moment: Moment) -> Iterable[Action]:
        """Know no command."""
        del name, moment
        return ()

    def _frame(self, data: bytes) -> Iterable[Action]:
        if data in {frame.ACK, frame.NAK}:
            self._open = data == frame.ACK
            yield Wait(_REOPEN_S if self._open else _WAKE_S)
        else:
            yield Emit(result_reading(frame.decode(data)))


def _session(options: Mapping[str, Any]) -> Session:
    del options
    return UaSession()


DRIVER: Final = Driver(
    name="and-ua767",
    title="A&D UA-767PC with PC cable",
    link=SerialLink(9600, stopbits=2),
    measures=frozenset((SYSTOLIC, DIASTOLIC, PULSE_RATE_NIBP)),
    session=_session,
    quirks=(
        "The first command only wakes it and is not answered.",
        "Its dialogue is pieced together from public sources and not seen on a device.",
    ),
)
"""Configure it as ``and-ua767``."""
