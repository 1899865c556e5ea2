"""Reads fault scripts: text to events, strictly.

Owns: the grammar, and for every mistake its line, column, reason and remedy.
Never: guesses. A line is either understood whole or refused.

Grammar (words in capitals are numbers with their unit; the parts of a verb come in any order)::

    event  = ("at" TIME | "every" TIME ["from" TIME]) device verb {part}
    part   = word NUMBER                                  as ``VERBS`` lists them
"""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple, NoReturn

from hub_agent.errors import ConfigError
from hub_agent.simulate.script import VERBS, Event, Kind, Part, Verb, in_seconds

_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_TIME: Final = re.compile(r"(-?)(\d{1,9}(?:\.\d{1,6})?)(ms|s|m|h)", re.ASCII)
_NAME: Final = re.compile(r"[a-z][a-z0-9-]*")
_LARGEST_COUNT: Final = 65_536


class Mistake(NamedTuple):
    """Why a line cannot be read: where (from 1), why, and what to do."""

    line: int
    column: int
    reason: str
    remedy: str

    def __str__(self) -> str:
        """Write it for a screen."""
        return f"line {self.line}, column {self.column}: {self.reason}; {self.remedy}"


class ScriptError(ConfigError):
    """A script with mistakes, all of them in ``mistakes``."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__("\n".join(map(str, mistakes)))
        self.mistakes = tuple(mistakes)


def parse(text: str) -> tuple[Event, ...]:
    """Read a script, in the order written.

    Raises:
        ScriptError: with the first mistake of each line that has one.
    """
    events, mistakes = [], []
    for number, line in enumerate(text.split("\n"), start=1):
        reader = _Line(number, line)
        try:
            if not reader.done():
                events.append(reader.event())
        except _MistakeError as found:
            mistakes.append(found.mistake)
    if mistakes:
        raise ScriptError(mistakes)
    return tuple(events)


class _MistakeError(Exception):
    def __init__(self, mistake: Mistake) -> None:
        super().__init__(str(mistake))
        self.mistake = mistake


class _Line:
    """The words of one line, taken from left to right."""

    def __init__(self, number: int, text: str) -> None:
        self._number = number
        code = text.partition("#")[0]
        self._words = [(found.start() + 1, found.group()) for found in re.finditer(r"\S+", code)]
        self._end = len(code.rstrip()) + 1
        self._place = 0

    def done(self) -> bool:
        return self._place == len(self._words)

    def event(self) -> Event:
        when = self._one_of("at", "every")
        every_s = None
        at_s = first = self._time("a time such as 12s")
        if when == "every":
            every_s, at_s = first, first
            if every_s <= 0:
                self._back("a repetition takes time", "write how often, such as every 60s")
            if self._peek() == "from":
                self._place += 1
                at_s = self._time("a time such as 10s")
        device = self._name()
        verb = self._one_of(*VERBS)
        args, for_s = self._parts(VERBS[verb])
        if every_s is not None and for_s is not None and for_s >= every_s:
            self._back("it lasts longer than until its next time", f"for less than {in_seconds(every_s)}")
        return Event(at_s, device, verb, args, for_s, every_s, self._number)

    def _parts(self, verb: Verb) -> tuple[tuple[tuple[str, float], ...], float | None]:
        wanted = {part.word: part for part in verb.parts}
        if verb.lasts:
            wanted["for"] = Part("for", "time", float("inf"))
        found: dict[str, float] = {}
        while not self.done():
            word = "" if "" in wanted and "" not in found else self._one_of(*(w for w in wanted if w not in found))
            found[word] = self._value(wanted[word].kind)
        for word, part in wanted.items():
            if word not in found and part.default is None:
                self._fail(self._end, f"{word or 'a number'} is missing", f"add {_example(part)}")
            found.setdefault(word, part.default or 0.0)
        for_s = found.pop("for") if verb.lasts else None
        return tuple((part.word, found[part.word]) for part in verb.parts), for_s

    def _value(self, kind: Kind) -> float:
        match kind:
            case "time":
                return self._time("a time such as 5s")
            case "offset":
                return self._time("a time such as -2h", signed=True)
            case "percent":
                return self._number_of(r"(\d{1,3}(?:\.\d+)?)%", 100, "a percentage such as 84%")
            case "count":
                return self._number_of(r"(\d{1,6})", _LARGEST_COUNT, f"a number up to {_LARGEST_COUNT}")

    def _time(self, wanted: str, *, signed: bool = False) -> float:
        column, word = self._take(wanted)
        found = _TIME.fullmatch(word)
        if found is None or (found[1] and not signed):
            self._fail(column, f"{word!r} is no time", f"write {wanted}")
        seconds = round(float(found[2]) * _UNITS[found[3]], 6)
        return -seconds if found[1] else seconds

    def _number_of(self, pattern: str, largest: float, wanted: str) -> float:
        column, word = self._take(wanted)
        found = re.fullmatch(pattern, word, re.ASCII)
        if found is None or float(found[1]) > largest:
            self._fail(column, f"{word!r} does not fit", f"write {wanted}")
        return float(found[1])

    def _name(self) -> str:
        column, word = self._take("a device's name")
        if not _NAME.fullmatch(word):
            self._fail(column, f"{word!r} is no name", "names are small letters, digits and -, a letter first")
        return word

    def _one_of(self, *words: str) -> str:
        wanted = ", ".join(words)
        if not words:
            self._fail(self._words[self._place][0], f"{self._peek()!r} is too much", "end the line before it")
        column, word = self._take(f"one of: {wanted}")
        if word not in words:
            self._fail(column, f"{word!r} is not known here", f"write one of: {wanted}")
        return word

    def _peek(self) -> str:
        return "" if self.done() else self._words[self._place][1]

    def _take(self, wanted: str) -> tuple[int, str]:
        if self.done():
            self._fail(self._end, "the line ends too soon", f"add {wanted}")
        self._place += 1
        return self._words[self._place - 1]

    def _back(self, reason: str, remedy: str) -> None:
        self._fail(self._words[self._place - 1][0], reason, remedy)

    def _fail(self, column: int, reason: str, remedy: str) -> NoReturn:
        raise _MistakeError(Mistake(self._number, column, reason, remedy))


def _example(part: Part) -> str:
    number = {"time": "5s", "offset": "-2h", "percent": "84%", "count": "64"}[part.kind]
    return f"{part.word} {number}".strip()
