"""Asking a device that answers on demand only, again and again.

Owns: when to ask again, and when to say that nobody answers.
Never: knows what is asked.
"""

from collections.abc import Callable, Iterable
from typing import Final

from hub_agent.driver import Action, Wait, Warn

__all__ = ["Poll"]

_AGAIN_S: Final = 60.0
_TRIES: Final = 3


class Poll:
    """Asks, three times if need be; warns ``no_answer`` and rests when nobody answers; asks again every minute.

    Args:
        ask: what to send.
        answer_s: the silence in which an answer is given up.
    """

    def __init__(self, ask: Callable[[], Iterable[Action]], answer_s: float) -> None:
        self._ask = ask
        self._answer_s = answer_s
        self._tries = 0
        self.asked = False

    def ask(self) -> tuple[Action, ...]:
        """Ask now."""
        self.asked = True
        return (*self._ask(), self.wait())

    def wait(self) -> Wait:
        """Wait for an answer, or for the rest of it."""
        return Wait(self._answer_s)

    def heard(self) -> None:
        """Take note of an answer, while more of it is to come."""
        self._tries = 0

    def rest(self) -> Wait:
        """Take note that the answer is whole."""
        self.asked = False
        self._tries = 0
        return Wait(_AGAIN_S)

    def silent(self) -> Iterable[Action]:
        """The rest is over, or nobody answers."""
        if self.asked:
            self._tries += 1
            if self._tries == _TRIES:
                yield Warn("no_answer")
                yield self.rest()
                return
        yield from self.ask()
