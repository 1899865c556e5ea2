"""The driver of the FreeStyle Optium: asks for a dump of its records.

Owns: the dialogue, the dump's sum, and how records become readings. Never: parses bytes.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from hub_agent.driver import (
    SERIAL,
    Action,
    Chunk,
    DecodeError,
    Driver,
    Emit,
    Moment,
    Rejected,
    SerialLink,
    Session,
    Write,
)
from hub_agent.model import Reading
from hub_agent.nomenclature import GLUCOSE_CAPILLARY_PLASMA
from hub_drivers.codec.checksum import sum16
from hub_drivers.codec.glucose import glucose
from hub_drivers.codec.poll import Poll
from hub_drivers.codec.stream import Deframer, framed, measure_line
from hub_drivers.freestyle_optium import frame

__all__ = ["DRIVER", "OptiumSession"]

_DUMP: Final = b"$xmem\r\n"
_ANSWER_S: Final = 5.0
_LONGEST_LINE: Final = 96
_MOST_RECORDS: Final = 500  # the meter holds 450


class OptiumSession:
    """Asks for the dump, which reports nothing before its sum is right; asks again every minute.

    What was reported before in this connection is not reported again.
    """

    def __init__(self) -> None:
        self._deframer = Deframer(measure_line, _LONGEST_LINE)
        self._poll = Poll(self._dump, _ANSWER_S)
        self._sum = 0
        self._readings: list[Reading] = []
        self._reported: list[Reading] = []

    def opened(self, moment: Moment) -> Iterable[Action]:
        """Ask."""
        del moment
        return self._poll.ask()

    def received(self, chunk: Chunk) -> Iterable[Action]:
        """Gather lines until the last one."""
        return framed(chunk, SERIAL, self._deframer, self._line, noise="no line")

    def silent(self, moment: Moment) -> Iterable[Action]:
        """The rest is over, or nobody answers: ask."""
        del moment
        return self._poll.silent()

    def command(self, name: str, moment: Moment) -> Iterable[Action]:
        """``read``: read now."""
        del moment
        return self._poll.ask() if name == "read" else ()

    def _dump(self) -> tuple[Action, ...]:
        self._sum = 0
        self._readings.clear()
        return (Write(SERIAL, _DUMP),)

    def _line(self, data: bytes) -> Iterable[Action]:
        if not self._poll.asked:
            return
        told = frame.decode_end(data)
        if told is None:
            self._sum = (self._sum + sum16(data)) & 0xFFFF
            self._gather(data)
            return
        rest = self._poll.rest()
        if told == self._sum:
            known = set(self._reported)
            yield from (Emit(reading) for reading in self._readings if reading not in known)
            self._reported = self._readings.copy()
        else:
            yield Rejected("checksum", data)
        self._readings.clear()
        yield rest

    def _gather(self, data: bytes) -> None:
        """Keep a record; the header's lines are none."""
        try:
            found = frame.decode_result(data)
        except DecodeError:
            return
        if found.glucose and len(self._readings) < _MOST_RECORDS:
            self._readings.append(glucose(found.value, found.taken))


def _session(options: Mapping[str, Any]) -> Session:
    del options
    return OptiumSession()


DRIVER: Final = Driver(
    name="freestyle-optium",
    title="Abbott FreeStyle Optium (serial cable)",
    link=SerialLink(19200),
    measures=frozenset((GLUCOSE_CAPILLARY_PLASMA,)),
    session=_session,
    commands=frozenset(("read",)),
    quirks=(
        "Read on demand: asked every minute; a dump counts only with the right sum.",
        "Ketone results are passed over.",
        "HI is a result above its range, not a number.",
    ),
)
"""Configure it as ``freestyle-optium``."""
