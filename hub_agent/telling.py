"""Tells events without a flood: a code at once, then seldom, with how many it stands for.

Owns: how often one code is told. Never: reads a clock by itself, or keeps an event for later.

An event is stored and delivered like everything else. Told each time, an event *about* delivery would breed the next
one: the broker has nobody to give it to, the NOC refuses it, and so on for ever.
"""

from collections.abc import Callable
from typing import Any, Final

AGAIN_S: Final = 300.0

Tell = Callable[[str, dict[str, Any]], None]


class Telling:
    """Passes events on to ``tell``; call it with a code and fields.

    Args:
        tell: takes them; ``times`` is added to the fields: how many such events this one stands for.
        monotonic_s: the clock.
        again_s: the shortest time between two events of one code.
    """

    def __init__(self, tell: Tell, monotonic_s: Callable[[], float], again_s: float = AGAIN_S) -> None:
        self._tell = tell
        self._monotonic_s = monotonic_s
        self._again_s = again_s
        self._told_s: dict[str, float] = {}
        self._times: dict[str, int] = {}

    def __call__(self, code: str, fields: dict[str, Any]) -> None:
        """Tell the event, or count it for the next one of its code."""
        now_s = self._monotonic_s()
        self._times[code] = self._times.get(code, 0) + 1
        if code not in self._told_s or now_s - self._told_s[code] >= self._again_s:
            self._told_s[code] = now_s
            self._tell(code, {**fields, "times": self._times.pop(code)})
