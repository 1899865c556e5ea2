"""The fault script: what happens to which virtual device, and when.

Owns: the words of the language, and the order in which things happen.
Never: waits, or knows what a device does about it; ``script_parser`` reads the text, ``player`` plays.

One event a line; ``#`` begins a comment::

    at 12s  oximeter desaturate to 84% over 5s for 20s
    at 30s  oximeter silent for 10s
    every 60s from 10s cuff measure
    at 40s  nonin unplug for 5s
    at 58s  nonin garbage 64
    at 70s  nonin wrong-clock by -2h

Times are numbers with a unit: ms, s, m, h. Names are those of the scene's devices. What can happen is in ``VERBS``.
"""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

Kind = Literal["time", "offset", "percent", "count"]


class Part(NamedTuple):
    """A word and what follows it.

    Attributes:
        word: ``to``, ``over``…; empty for a bare number.
        kind: what the number is.
        default: its value when the part is left out; None when it must be there.
    """

    word: str
    kind: Kind
    default: float | None = None


@dataclass(frozen=True, slots=True)
class Verb:
    """Something that can happen.

    Attributes:
        parts: in any order, each at most once.
        lasts: it goes on until it ends: takes ``for``, and without it lasts to the scene's end.
    """

    parts: tuple[Part, ...] = ()
    lasts: bool = False


VERBS: Final[dict[str, Verb]] = {
    "desaturate": Verb((Part("to", "percent"), Part("over", "time", 5.0), Part("for", "time"))),
    "measure": Verb(),
    "garbage": Verb((Part("", "count"),)),
    "lose-bond": Verb(),
    "silent": Verb(lasts=True),
    "nan": Verb(lasts=True),
    "unplug": Verb(lasts=True),
    "out-of-range": Verb(lasts=True),
    "low-battery": Verb(lasts=True),
    "wrong-clock": Verb((Part("by", "offset"),), lasts=True),
}
"""``nan``: no value, the finger is out; ``unplug``: a cable; ``out-of-range``: a radio; ``garbage``: so many bytes."""


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a script.

    Attributes:
        at_s: when it first happens.
        device: to whom.
        verb: what, a key of ``VERBS``.
        args: its parts by word (``""`` for the bare number), times in seconds.
        for_s: how long it lasts; None for what does not last, infinity for what never ends.
        every_s: how often it happens; None for once.
        line: where it was written, from 1.
    """

    at_s: float
    device: str
    verb: str
    args: tuple[tuple[str, float], ...] = ()
    for_s: float | None = None
    every_s: float | None = None
    line: int = 0

    def __str__(self) -> str:
        """Write it in the language."""
        parts = VERBS[self.verb].parts
        written = [_written(part, value) for part in parts for word, value in self.args if word == part.word]
        when = f"at {in_seconds(self.at_s)}"
        if self.every_s is not None:
            when = f"every {in_seconds(self.every_s)} from {in_seconds(self.at_s)}"
        lasting = [f"for {in_seconds(self.for_s)}"] if self.for_s is not None and self.for_s != float("inf") else []
        return " ".join([when, self.device, self.verb, *written, *lasting])


class Step(NamedTuple):
    """Something that happens now.

    Attributes:
        at_s: when.
        device: to whom.
        verb: what.
        on: False when something that lasted ends.
        args: as in ``Event``.
    """

    at_s: float
    device: str
    verb: str
    on: bool = True
    args: tuple[tuple[str, float], ...] = ()

    def arg(self, word: str) -> float:
        """Give the number behind a word."""
        return dict(self.args)[word]


def steps(events: Sequence[Event]) -> Iterator[Step]:
    """Give what happens, in the order of time; endless if something is repeated; what overlaps begins and ends once."""
    pending = [(event.at_s, 1, index, event) for index, event in enumerate(events)]
    heapq.heapify(pending)
    lasting: dict[tuple[str, str], int] = {}
    while pending:
        at_s, begins, index, event = heapq.heappop(pending)
        key = (event.device, event.verb)
        if not begins:
            lasting[key] -= 1
            if not lasting[key]:
                yield Step(at_s, event.device, event.verb, on=False)
            continue
        if event.every_s is not None:
            heapq.heappush(pending, (at_s + event.every_s, 1, index, event))
        if event.for_s is None:
            yield Step(at_s, event.device, event.verb, args=event.args)
            continue
        lasting[key] = lasting.get(key, 0) + 1
        if lasting[key] == 1 or event.args:
            yield Step(at_s, event.device, event.verb, args=event.args)
        if event.for_s != float("inf"):
            heapq.heappush(pending, (at_s + event.for_s, 0, index, event))


def in_seconds(value: float) -> str:
    """Write a time as the language does."""
    return f"{value:.6f}".rstrip("0").rstrip(".") + "s"


def _written(part: Part, value: float) -> str:
    number = {"percent": f"{value:g}%", "count": f"{value:.0f}"}.get(part.kind, in_seconds(value))
    return f"{part.word} {number}".strip()
