"""The driver of the OneTouch Ultra 2: asks for a dump of its records.

Owns: the dialogue, and how records become readings. Never: parses bytes.
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
    SerialLink,
    Session,
    Write,
)
from hub_agent.model import Quality
from hub_drivers.codec.glucose import MEASURES, glucose
from hub_drivers.codec.poll import Poll
from hub_drivers.codec.stream import Deframer, framed, measure_line
from hub_drivers.lifescan import frame
from hub_drivers.lifescan.frame import Ultra2Result

__all__ = ["DRIVER", "Ultra2Session"]

_DUMP: Final = b"\x11\rDMP\r"
_ANSWER_S: Final = 3.0
_LONGEST: Final = 128


class Ultra2Session:
    """Asks for the dump, newest first; reports what it has not reported in this connection; again every minute."""

    def __init__(self) -> None:
        self._deframer = Deframer(measure_line, _LONGEST)
        self._left = 0
        self._poll = Poll(self._dump, _ANSWER_S)
        self._known: Ultra2Result | None = None
        self._newest: Ultra2Result | None = None
        self._first = False
        self._caught_up = False

    def opened(self, moment: Moment) -> Iterable[Action]:
        """Ask."""
        del moment
        return self._poll.ask()

    def received(self, chunk: Chunk) -> Iterable[Action]:
        """Read lines."""
        return framed(chunk, SERIAL, self._deframer, lambda data: self._line(frame.decode_line(data)), noise="no line")

    def silent(self, moment: Moment) -> Iterable[Action]:
        """The rest is over, or nobody answers: ask."""
        del moment
        return self._poll.silent()

    def command(self, name: str, moment: Moment) -> Iterable[Action]:
        """``read``: read now."""
        del moment
        return self._poll.ask() if name == "read" else ()

    def _dump(self) -> tuple[Action, ...]:
        self._left = 0
        return (Write(SERIAL, _DUMP),)

    def _line(self, body: str) -> Iterable[Action]:
        count = frame.decode_ultra2_count(body)
        if count is not None:
            self._left = count
            self._first = True
            self._caught_up = False
        elif self._left:
            self._left -= 1
            yield from self._record(frame.decode_ultra2(body))
        else:
            raise DecodeError("line")
        if not self._left:
            self._known = self._newest
            yield self._poll.rest()

    def _record(self, found: Ultra2Result) -> Iterable[Action]:
        if self._first:
            self._first = False
            self._newest = found
        self._caught_up = self._caught_up or found == self._known
        if not self._caught_up:
            quality = Quality.INVALID if found.damaged else Quality.GOOD
            yield Emit(glucose(found.mg_dl, found.taken, control=found.control, quality=quality))


def _session(options: Mapping[str, Any]) -> Session:
    del options
    return Ultra2Session()


DRIVER: Final = Driver(
    name="onetouch-ultra2",
    title="LifeScan OneTouch Ultra 2 (serial cable)",
    link=SerialLink(9600),
    measures=MEASURES,
    session=_session,
    commands=frozenset(("read",)),
    quirks=("Read on demand: asked every minute.", "Always tells mg/dL, whatever it shows."),
)
"""Configure it as ``onetouch-ultra2``."""
