"""The driver of the OneTouch Ultra Easy and Ultra Mini: asks for its records, the newest first.

Owns: the link control dialogue, and how records become readings. Never: parses bytes.

Every message is acknowledged, and each side counts its messages in one bit: a host message carries the count of what it
sends (bit 0) and of what it expects (bit 1); bit 3 starts both counts anew.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal

from hub_agent.driver import (
    SERIAL,
    Action,
    Chunk,
    Driver,
    Emit,
    Moment,
    SerialLink,
    Session,
    Write,
)
from hub_drivers.codec.glucose import MEASURES, glucose
from hub_drivers.codec.poll import Poll
from hub_drivers.codec.stream import Deframer, framed
from hub_drivers.lifescan import frame
from hub_drivers.lifescan.frame import Count, Frame, Result

__all__ = ["DRIVER", "UltraEasySession"]

_ANSWER_S: Final = 2.0


class UltraEasySession:
    """Asks how many records there are, then for each, until one that it knows; and again every minute."""

    def __init__(self) -> None:
        self._deframer = Deframer(frame.measure, frame.LONGEST)
        self._state: Literal["starting", "counting", "reading"] = "starting"
        self._sent = 0
        self._expected = 0
        self._poll = Poll(self._start, _ANSWER_S)
        self._records = 0
        self._at = 0
        self._known: Result | None = None
        self._newest: Result | None = None

    def opened(self, moment: Moment) -> Iterable[Action]:
        """Start the link."""
        del moment
        return self._poll.ask()

    def received(self, chunk: Chunk) -> Iterable[Action]:
        """Acknowledge and follow."""
        return framed(chunk, SERIAL, self._deframer, lambda data: self._frame(frame.decode_frame(data)))

    def silent(self, moment: Moment) -> Iterable[Action]:
        """The rest is over, or nobody answers: start anew."""
        del moment
        return self._poll.silent()

    def command(self, name: str, moment: Moment) -> Iterable[Action]:
        """``read``: read now."""
        del moment
        return self._poll.ask() if name == "read" else ()

    def _start(self) -> tuple[Action, ...]:
        self._state = "starting"
        self._sent = self._expected = 0
        return (Write(SERIAL, frame.encode_frame(frame.DISCONNECT)),)

    def _ask(self, number: int) -> tuple[Action, ...]:
        link = self._sent | self._expected << 1
        return (Write(SERIAL, frame.encode_frame(link, frame.record_request(number))), self._poll.wait())

    def _frame(self, found: Frame) -> Iterable[Action]:
        if not self._poll.asked:
            return
        if found.link & frame.DISCONNECT:
            if self._state == "starting":
                self._state = "counting"
                yield from self._ask(frame.COUNT_RECORD)
            return
        if found.link & frame.ACKNOWLEDGE:
            if self._state != "starting":
                self._sent = found.link >> 1 & 1
            return
        if self._state == "starting":
            return
        repeated = found.link & frame.SENT != self._expected
        self._expected = ~found.link & 1
        acknowledge = frame.ACKNOWLEDGE | self._sent | self._expected << 1
        yield Write(SERIAL, frame.encode_frame(acknowledge))
        if not repeated:  # else the meter missed an acknowledgement
            yield from self._message(frame.decode_message(found.message))

    def _message(self, found: Count | Result) -> Iterable[Action]:
        self._poll.heard()
        if isinstance(found, Count):
            self._records = min(found.records, frame.COUNT_RECORD)
            self._at = 0
            self._newest = self._known
            self._state = "reading"
        elif self._state == "reading":
            if found == self._known:
                self._at = self._records
            else:
                if self._at == 0:
                    self._newest = found
                yield Emit(glucose(found.mg_dl, found.taken))
                self._at += 1
        if self._at < self._records:
            yield from self._ask(self._at)
        else:
            self._known = self._newest
            yield self._poll.rest()


def _session(options: Mapping[str, Any]) -> Session:
    del options
    return UltraEasySession()


DRIVER: Final = Driver(
    name="onetouch-ultraeasy",
    title="LifeScan OneTouch Ultra Easy, Ultra Mini (serial cable)",
    link=SerialLink(9600),
    measures=MEASURES,
    session=_session,
    commands=frozenset(("read",)),
    quirks=(
        "Read on demand: asked every minute, records the hub has seen are not read again within a connection.",
        "Always tells mg/dL, whatever it shows; its clock is not set.",
    ),
)
"""Configure it as ``onetouch-ultraeasy``."""
