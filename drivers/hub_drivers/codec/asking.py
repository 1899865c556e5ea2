"""One question at a time to a device that answers, and that may say other things meanwhile.

Owns: when a question is repeated, put off or given up.
Never: knows what is asked, or which bytes are the answer.

``Wait`` counts from each chunk, so it alone cannot tell that an answer is overdue while values stream in: a question is
therefore due at an instant, and each chunk waits for the rest of the time.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from hub_agent.driver import Action, Moment, Wait, Warn

__all__ = ["Asking"]

Words = Callable[[Moment], Iterable[Action]]
"""What to do about it now."""

_NEVER: Final = float("inf")
_REST_S: Final = 60.0


def _nothing(moment: Moment) -> tuple[Action, ...]:
    del moment
    return ()


class Asking:
    """The question of a session that is open.

    Args:
        answer_s: how long an answer may take.
        tries: how often a question is asked before ``no_answer`` is warned of.
    """

    def __init__(self, answer_s: float, tries: int = 3) -> None:
        self._answer_s = answer_s
        self._tries = tries
        self._question: Words = _nothing
        self._otherwise: Words | None = None
        self._asked = 0
        self._due_s = _NEVER

    def ask(self, moment: Moment, question: Words, otherwise: Words | None = None) -> tuple[Action, ...]:
        """Ask, in place of what was asked before.

        Args:
            moment: now.
            question: what to do to ask; is made anew each time.
            otherwise: what follows if nobody answers; without it, the question rests for a minute.
        """
        self._question, self._otherwise = question, otherwise
        self._asked, self._due_s = 1, moment.monotonic_s + self._answer_s
        return tuple(question(moment))

    def again(self, moment: Moment, after_s: float) -> None:
        """Ask the same again after so long, as if for the first time: the device is busy, or must be kept alive."""
        self._asked, self._due_s = 0, moment.monotonic_s + after_s

    def more(self, moment: Moment) -> None:
        """Take note of a part of the answer: the rest has as long again."""
        self._due_s = moment.monotonic_s + self._answer_s

    def answered(self) -> None:
        """Ask no more."""
        self._due_s = _NEVER

    def due(self, moment: Moment) -> Iterator[Action]:
        """Do what is due and wait for what is not. To be called last, whenever the session is."""
        if moment.monotonic_s >= self._due_s:
            yield from self._repeat(moment)
        if self._due_s < _NEVER:
            yield Wait(self._due_s - moment.monotonic_s)

    def _repeat(self, moment: Moment) -> Iterator[Action]:
        if self._asked < self._tries:
            self._asked += 1
            self._due_s = moment.monotonic_s + self._answer_s
            yield from self._question(moment)
            return
        yield Warn("no_answer")
        if self._otherwise is None:
            self.again(moment, _REST_S)
        else:
            self.answered()
            yield from self._otherwise(moment)
