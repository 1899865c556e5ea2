"""What a fuzzing run came to: how much was tried, the slowest step, the heaviest session.

Owns: the figures and their limits. Never: decodes.
"""

import gc
from collections import Counter
from dataclasses import dataclass, field
from time import process_time
from types import TracebackType

STEP_S = 0.25
"""No call may take more CPU, whatever its bytes; a chunk of a serial line is read every 50 ms."""


@dataclass(slots=True)
class Figures:
    """Of one process."""

    inputs: Counter[str] = field(default_factory=Counter)
    slowest: tuple[float, str] = (0.0, "")
    heaviest: tuple[int, str] = (0, "")

    def weighed(self, target: str, size: int) -> None:
        """Note how heavy a session became."""
        self.heaviest = max(self.heaviest, (size, target))


FIGURES = Figures()


class Step:
    """Counts a call and holds its CPU time to the limit."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._began_s = 0.0

    def __enter__(self) -> None:
        gc.disable()  # the collector walks what every other test left behind: none of this call's CPU
        self._began_s = process_time()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        took_s = process_time() - self._began_s
        gc.enable()
        FIGURES.inputs[self._target] += 1
        FIGURES.slowest = max(FIGURES.slowest, (took_s, self._target))
        if kind is None:
            assert took_s < STEP_S, f"{took_s:.3f} s of CPU for one call"
