"""What an area of the bench is."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Effort:
    """How much work a measurement may do.

    Attributes:
        scratch: a directory of its own, on the disk that is measured.
        quick: a tenth of the work, for a look.
    """

    scratch: Path
    quick: bool = False

    @property
    def rounds(self) -> int:
        """How often each case is measured."""
        return 3 if self.quick else 5

    def times(self, full: int, quick: int | None = None) -> int:
        """Give how many repetitions: ``full``, or a tenth of it (or ``quick``) for a look."""
        return full if not self.quick else (quick if quick is not None else max(1, full // 10))


class Shown(Protocol):
    """What a measurement gives: a table, or several."""

    def markdown(self) -> str:
        """Give it in Markdown, under a heading of the second level."""
        ...

    def plain(self) -> dict[str, Any]:
        """Give it for programs."""
        ...


Measure = Callable[[Effort], Shown]
