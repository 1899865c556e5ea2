"""What a measurement gives: rows with their limit and target, and tables of them. Pure.

Owns: medians, spreads, ratios, and how a table looks. Never: measures.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any, Final

_GROUPED: Final = 1000.0
_TENS: Final = 100.0


@dataclass(frozen=True, slots=True)
class Target:
    """What a figure should be.

    Attributes:
        bound: the number.
        most: whether it is an upper bound.
        of_limit: whether it bounds the ratio to the limit, not the figure.
        text: how the issue says it.
    """

    bound: float
    most: bool = False
    of_limit: bool = False
    text: str = ""

    def met(self, value: float) -> bool:
        """Say whether a value keeps it."""
        return value <= self.bound if self.most else value >= self.bound

    def __str__(self) -> str:
        """Give it as the table shows it."""
        sign = "≤" if self.most else "≥"
        return self.text or f"{sign} {number(self.bound)}{' ×' if self.of_limit else ''}"


def at_least(bound: float, *, of_limit: bool = False, text: str = "") -> Target:
    """Make a lower bound."""
    return Target(bound, most=False, of_limit=of_limit, text=text)


def at_most(bound: float, *, of_limit: bool = False, text: str = "") -> Target:
    """Make an upper bound."""
    return Target(bound, most=True, of_limit=of_limit, text=text)


@dataclass(frozen=True, slots=True)
class Row:
    """One figure.

    Attributes:
        name: what it is.
        values: one for each round.
        unit: of the values.
        limit: the limit's values of the same rounds; empty where there is none.
        target: what it should be, where somebody said so.
        shown: stands for the median in the table, where one number does not say it.
    """

    name: str
    values: Sequence[float]
    unit: str
    limit: Sequence[float] = ()
    target: Target | None = None
    shown: str = ""

    @property
    def value(self) -> float:
        """The median."""
        return median(self.values)

    @property
    def ratio(self) -> float | None:
        """The median over rounds of figure by limit; None without a limit."""
        if not self.limit:
            return None
        return median(mine / other for mine, other in zip(self.values, self.limit, strict=True) if other)

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without one."""
        if self.target is None:
            return None
        judged = self.ratio if self.target.of_limit else self.value
        return judged is not None and self.target.met(judged)

    def cells(self) -> list[str]:
        """Give it as a line of a table."""
        low, high = min(self.values), max(self.values)
        spread = "" if len(self.values) == 1 else f"{number(low)}–{number(high)}"
        return [
            self.name,
            self.shown or f"{number(self.value)} {self.unit}".rstrip(),
            spread,
            "" if self.ratio is None else f"{number(self.ratio)} ×",
            "" if self.target is None else str(self.target),
            {None: "", True: "yes", False: "**no**"}[self.met],
        ]


@dataclass(slots=True)
class Table:
    """The figures of one area.

    Attributes:
        title: of the area.
        limit: what the ratios are to.
        rows: the figures.
        notes: what one must know to read them.
    """

    title: str
    limit: str = ""
    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def markdown(self) -> str:
        """Give it as a table in Markdown."""
        head = ["figure", "median", "spread", f"× {self.limit}" if self.limit else "", "target", "met"]
        lines = [head, ["---"] * len(head), *(row.cells() for row in self.rows)]
        keep = [column for column in range(len(head)) if any(line[column] for line in lines[2:])]
        table = "\n".join("| " + " | ".join(line[column] for column in keep) + " |" for line in lines)
        return "\n\n".join([f"## {self.title}", table, *self.notes]) + "\n"

    def plain(self) -> dict[str, Any]:
        """Give it for programs."""
        rows = [
            asdict(row) | {"median": row.value, "ratio": row.ratio, "met": row.met, "target": str(row.target or "")}
            for row in self.rows
        ]
        return {"title": self.title, "limit": self.limit, "rows": rows, "notes": self.notes}


def number(value: float) -> str:
    """Write a number with three digits that matter."""
    if value == 0:
        return "0"
    size = abs(value)
    if size >= _GROUPED:
        digits = len(str(int(size))) - 4
        return f"{round(value, -digits) if digits > 0 else round(value):,.0f}"
    if size >= _TENS:
        return f"{value:.0f}"
    return f"{value:.3g}"


def interleaved(rounds: int, cases: Iterable[tuple[str, Callable[[], float]]]) -> dict[str, list[float]]:
    """Measure each case once a round, one after the other, so that a noisy minute hits all alike."""
    held = list(cases)
    values: dict[str, list[float]] = {name: [] for name, _ in held}
    for _ in range(rounds):
        for name, measure in held:
            values[name].append(measure())
    return values
