"""The one signal in the home: the most urgent thing there is, shown and sounded.

Owns: the choice of the signal, and telling every output when it changes.
Never: knows limits, readings or storage. It is told before anything else may fail: an alarm sounds even when it cannot
be stored. What it shows never holds a value or a name: it hangs where visitors see it.

Urgency: high, medium, then "not being monitored", then low: that nobody watches ranks above what only asks for
awareness, because it hides whatever comes next.
"""

from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from hub_agent.alarms.alarm import Alarm
from hub_agent.alarms.book import AlarmBook
from hub_agent.alarms.limits import Priority


class Shown(StrEnum):
    """What the signal says."""

    HIGH = "high"
    MEDIUM = "medium"
    UNMONITORED = "unmonitored"
    LOW = "low"
    CALM = "calm"
    """Watched, and nothing to report."""


class Signal(NamedTuple):
    """What is shown now.

    Attributes:
        shown: the most urgent thing.
        audible: whether to make a sound of it: False while acknowledged or in an audio pause.
        escalated: nobody acknowledged in time: as loud as it goes.
    """

    shown: Shown
    audible: bool = False
    escalated: bool = False

    def __str__(self) -> str:
        """Spell it as outputs and hooks are given it: ``high audible escalated``."""
        return " ".join(
            (self.shown, *(("audible",) if self.audible else ()), *(("escalated",) if self.escalated else ()))
        )


Output = Callable[[Signal, bool], None]
"""Shows a signal; the flag says that it is the same as before, for what must be repeated to go on. Returns at once.

Raises:
    OSError: it could not; the other outputs are told all the same.
"""

_BY_PRIORITY: Final = {Priority.HIGH: Shown.HIGH, Priority.MEDIUM: Shown.MEDIUM, Priority.LOW: Shown.LOW}
_ORDER: Final = tuple(Shown)

REPEAT_S: Final = {Shown.HIGH: 5.0, Shown.MEDIUM: 15.0, Shown.UNMONITORED: 15.0, Shown.LOW: 30.0, Shown.CALM: 5.0}
"""How often outputs are told again. Calm too: a lamp that blinks while all is well stops when the hub does."""

SHOW_S: Final = 1.0
"""How often the book is looked at: an alarm whose commit takes longer sounds after at most this."""


def choose(alarms: Iterable[Alarm], audible: Iterable[Alarm], *, monitored: bool) -> Signal:
    """Choose the signal of a state: pure.

    What nobody has taken on comes before what somebody has, and within that the most urgent.

    Args:
        alarms: all that are not over.
        audible: those of them that may sound.
        monitored: whether a device delivers and the NOC can be reached.
    """
    sounding = list(audible)
    loud = {_BY_PRIORITY[alarm.condition.priority] for alarm in sounding}
    if not monitored:
        loud.add(Shown.UNMONITORED)
    present = loud or {_BY_PRIORITY[alarm.condition.priority] for alarm in alarms}
    if not present:
        return Signal(Shown.CALM)
    shown = min(present, key=_ORDER.index)
    escalated = any(alarm.escalated for alarm in sounding if _BY_PRIORITY[alarm.condition.priority] is shown)
    return Signal(shown, audible=bool(loud), escalated=escalated)


class Annunciator:
    """Shows the state of the alarm book on every output.

    Args:
        outputs: what shows and sounds it.
        unmonitored_after_s: NOC out of reach for so long: the home is told.
        at_ns: monotonic time of now; the NOC's silence counts from here.
    """

    def __init__(self, outputs: Sequence[Output], *, unmonitored_after_s: float, at_ns: int) -> None:
        self.signal = Signal(Shown.CALM)
        self._outputs = tuple(outputs)
        self._patience_ns = round(unmonitored_after_s * 1e9)
        self._noc_ns = at_ns
        self._told_ns: int | None = None

    def noc_reached(self, at_ns: int) -> None:
        """The NOC has confirmed something, or answered."""
        self._noc_ns = max(self._noc_ns, at_ns)

    def show(self, book: AlarmBook, at_ns: int) -> tuple[OSError, ...]:
        """Show how things stand; outputs are told of a change, and again as often as ``REPEAT_S`` says.

        Returns:
            What went wrong with outputs, for the caller to report: a broken lamp must not keep the bell from ringing.
        """
        monitored = book.delivering() and at_ns < self._noc_ns + self._patience_ns
        signal = choose(book.alarms(), book.audible(), monitored=monitored)
        same = self._told_ns is not None and signal == self.signal
        if same and at_ns < self._repeats_ns():
            return ()
        self.signal, self._told_ns = signal, at_ns
        failures: list[OSError] = []
        for output in self._outputs:
            try:
                output(signal, same)
            except OSError as error:
                failures.append(error)
        return tuple(failures)

    def _repeats_ns(self) -> int:
        return (self._told_ns or 0) + round(REPEAT_S[self.signal.shown] * 1e9)
