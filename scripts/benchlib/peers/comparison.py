"""What the page shows of a comparison: the same figures for everybody, side by side. Pure.

Owns: which figures there are and how they are spelled. Never: measures.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from scripts.benchlib.figures import Table, number
from scripts.benchlib.peers.trial import BUSY_HZ, Amount, Found


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the comparison.

    Attributes:
        name: what it is.
        keys: of the figures that it shows.
        unit: of them.
    """

    name: str
    keys: Sequence[str]
    unit: str

    def cell(self, found: Found) -> str:
        """Spell the figures of one system; the median where there are several rounds."""
        if any(key not in found for key in self.keys):
            return "-"
        spelled = " · ".join(number(median(found[key])) for key in self.keys)
        return f"{spelled} {self.unit}".rstrip()


def lines(amount: Amount) -> Sequence[Line]:
    """Give the rows."""
    home, busy, crash = amount.home, amount.busy, amount.crash
    everybody = (
        Line("start → first reading at the far end", ("start",), "s"),
        Line("8 devices at 1 Hz: CPU of one core", ("home cpu",), "%"),
        Line("the same: RSS", ("home rss",), "MiB"),
        Line("the same: latency p50 · p99", ("home p50", "home p99"), "ms"),
        Line(f"the same: lost · twice, of {home:,}", ("home lost", "home twice"), ""),
        Line(f"{BUSY_HZ:g} readings/s: latency p50 · p99", ("busy p50", "busy p99"), "ms"),
        Line(f"the same: lost · twice, of {busy:,}", ("busy lost", "busy twice"), ""),
        Line(f"outage, {amount.backlog:,} readings wait: peak RSS", ("outage peak",), "MiB"),
        Line("the same: CPU, stored and delivered", ("outage cpu",), "µs/reading"),
        Line("the same: connected again after", ("reconnect",), "s"),
        Line("the same: drained at", ("drain",), "readings/s"),
        Line("the same: lost · twice", ("outage lost", "outage twice"), ""),
    )
    if not crash:
        return everybody
    return (
        *everybody,
        Line(f"kill -9 while connected: lost · twice, of {crash:,}", ("online lost", "online twice"), ""),
        Line(f"kill -9 during an outage: lost · twice, of {crash:,}", ("offline lost", "offline twice"), ""),
    )


@dataclass(slots=True)
class Comparison:
    """Systems side by side, and what was hoped for.

    Attributes:
        title: of the area.
        amount: of what everybody was given.
        systems: what was found, by name.
        versions: of each.
        missing: why a system is not there, by name.
        targets: ratios between them.
        notes: what one must know to read it.
    """

    title: str
    amount: Amount
    systems: dict[str, Found] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    targets: Table = field(default_factory=lambda: Table(""))
    notes: list[str] = field(default_factory=list)

    def markdown(self) -> str:
        """Give it as tables in Markdown."""
        rows = [["figure", *self.systems], ["---"] * (len(self.systems) + 1)]
        rows += [[line.name, *(line.cell(found) for found in self.systems.values())] for line in lines(self.amount)]
        absent = [f"**{name} is not in this table: {why}**" for name, why in self.missing.items()]
        parts = [f"## {self.title}", *absent, _table(rows)]
        if self.targets.rows:
            parts.append(self.targets.markdown().partition("\n\n")[2].strip())  # it stands under this heading
        return "\n\n".join([*parts, *self.notes]) + "\n"

    def plain(self) -> dict[str, Any]:
        """Give it for programs."""
        return {
            "title": self.title,
            "systems": self.systems,
            "versions": self.versions,
            "missing": self.missing,
            "targets": self.targets.plain(),
            "notes": self.notes,
        }


def _table(rows: Sequence[Sequence[str]]) -> str:
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)
