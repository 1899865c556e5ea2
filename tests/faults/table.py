"""The table that ``scripts/test --faults`` ends with: what was injected, and what became of the readings."""

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

WIDTH: Final = 100
"""Columns of a terminal."""

Counted = Literal["healed → charted", "measured → cut", "started → stored", "healed → stored", ""]
"""From what to what a delay is counted: of a broken network from its healing, or the reading if that is later; of a
power cut, how old the oldest reading was that it took; of a broken disk, how long until readings were stored again."""


class Row(NamedTuple):
    """One fault.

    Attributes:
        fault: in a few words.
        injected: how often.
        readings: at stake.
        lost: of them; where a window is promised (power cuts), beyond it.
        duplicated: charted more than once.
        worst_delay_s: the worst of them; None where nothing was timed.
        counted: from what to what.
    """

    fault: str
    injected: int
    readings: int
    lost: int
    duplicated: int
    worst_delay_s: float | None = None
    counted: Counted = ""


ROWS: Final[list[Row]] = []
"""What this run has booked."""

_HEAD: Final = ("fault", "times", "readings", "lost", "twice", "worst delay", "counted")


def book(row: Row) -> None:
    """Take a row; it is shown at the end of the run."""
    ROWS.append(row)


def _cells(rows: Sequence[Row]) -> list[tuple[str, ...]]:
    total = Row("total", *(sum(row[column] for row in rows) for column in range(1, 5)))  # type: ignore[arg-type, misc]
    return [
        (
            row.fault,
            *(f"{count:,}".replace(",", " ") for count in row[1:5]),
            "" if row.worst_delay_s is None else f"{row.worst_delay_s:.2f} s",
            row.counted,
        )
        for row in (*sorted(rows, key=lambda row: row.fault), total)
    ]


def text(rows: Sequence[Row], took_s: float) -> str:
    """Spell the table for a terminal of ``WIDTH`` columns."""
    lines = [_HEAD, *_cells(rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(_HEAD))]
    widths[0] = min(widths[0], WIDTH - sum(widths[1:]) - 2 * (len(widths) - 1))
    spelled = [
        "  ".join(
            cell[:width].ljust(width) if column in {0, len(_HEAD) - 1} else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
    rule = "─" * (sum(widths) + 2 * (len(widths) - 1))
    return "\n".join([spelled[0], rule, *spelled[1:-1], rule, spelled[-1], _took(took_s)])


def markdown(rows: Sequence[Row], took_s: float) -> str:
    """Spell the table for a document."""
    head = [f"| {' | '.join(_HEAD)} |", "|---|---:|---:|---:|---:|---:|---|"]
    return "\n".join([*head, *(f"| {' | '.join(cells)} |" for cells in _cells(rows)), "", _took(took_s), ""])


def _took(took_s: float) -> str:
    return f"in {int(took_s) // 60} min {int(took_s) % 60} s"
