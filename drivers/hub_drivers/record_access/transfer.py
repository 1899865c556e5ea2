"""One request to a device's memory, from the write to the answer.

Owns: whether a request is under way, and what its answer means for the session.
Never: makes a reading; whoever emits the records does so before the answer is looked at, so an erasure that follows is
one of records already durable.
"""

from enum import Enum, auto
from typing import Final

from hub_agent.driver import Action, Wait, Warn, Write
from hub_agent.errors import DecodeError
from hub_drivers.record_access.frame import (
    ABORT_ALL,
    CONTROL_POINT,
    DELETE_ALL,
    FILTER_REFUSED,
    NO_RECORDS,
    REPORT,
    REPORT_ALL,
    SUCCESS,
    Answer,
    decode,
)

PATIENCE_S: Final = 30.0
"""How long a device may think between two records; the services ask for 30 s (Glucose Profile 1.0, section 4.5.1)."""


class _State(Enum):
    IDLE = auto()
    REPORTING = auto()
    ERASING = auto()


class Transfer:
    """The record access of one session.

    Args:
        erase: delete the device's records once all are durable.
    """

    def __init__(self, *, erase: bool = False) -> None:
        self._erase = erase
        self._state = _State.IDLE
        self._records = 0
        self._narrow = False

    @property
    def reporting(self) -> bool:
        """Whether records that come now come from memory."""
        return self._state is _State.REPORTING

    def start(self, request: bytes = REPORT_ALL) -> tuple[Action, ...]:
        """Ask for records; nothing while another request is under way."""
        if self._state is not _State.IDLE:
            return ()
        self._state = _State.REPORTING
        self._narrow = request != REPORT_ALL
        self._records = 0
        return (Write(CONTROL_POINT, request), Wait(PATIENCE_S))

    def record(self) -> tuple[Action, ...]:
        """Note that a record came: the device has another while for the next."""
        if self._state is not _State.REPORTING:
            return ()
        self._records += 1
        return (Wait(PATIENCE_S),)

    def answered(self, data: bytes) -> tuple[Action, ...]:
        """Take in a value of the control point; ``reporting`` says whether the request goes on.

        Raises:
            DecodeError: not a value of the control point, or a request where an answer belongs.
        """
        answer = decode(data)
        if not isinstance(answer, Answer):
            raise DecodeError("record access: not an answer to a request")
        state, self._state = self._state, _State.IDLE
        if state is _State.IDLE:
            return ()  # the end of a request of an earlier connection
        if state is _State.REPORTING and self._narrow and answer.code in FILTER_REFUSED:
            return self.start()  # a device that cannot filter: read all, the hub knows what it has
        if answer.code not in {SUCCESS, NO_RECORDS}:
            return (Warn("record_access_refused"),)
        if answer.request == REPORT and self._erase and self._records:
            self._state = _State.ERASING
            return (Write(CONTROL_POINT, DELETE_ALL), Wait(PATIENCE_S))
        return ()

    def silent(self) -> tuple[Action, ...]:
        """Give up on a device that stopped answering; its records stay where they are."""
        if self._state is _State.IDLE:
            return ()
        self._state = _State.IDLE
        return (Warn("record_access_silent"), Write(CONTROL_POINT, ABORT_ALL))
