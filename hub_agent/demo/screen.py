"""The live screen of the demo.

Owns: the layout. Never: counts or decides; it is given what it shows.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from hub_agent.demo.scene import names
from hub_agent.demo.tally import Tally
from hub_agent.model import ReadingClass
from hub_agent.parts import Agent

_WIDE: Final = 110
"""Columns from which on drivers and batteries have room."""
_ABOVE_NEWS: Final = 20
"""Lines that the rest may take; what is left of the screen is for alarm events."""
_LINK = {"connected": "green", "waiting": "", "parked": "red"}
_PRIORITY = {"high": "bold white on red", "medium": "black on yellow", "low": "cyan"}


@dataclass(frozen=True, slots=True)
class View:
    """What the screen shows at one instant."""

    agent: Agent
    tally: Tally
    emitted: int
    elapsed_s: float
    broker: str
    cut: bool
    interactive: bool


@dataclass(frozen=True, slots=True)
class Page:
    """Everything, drawn as wide as the screen is; at 80 columns and 24 lines nothing that matters is cut."""

    view: View

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw it."""
        view, wide = self.view, options.max_width >= _WIDE
        state = view.agent.health.snapshot()
        yield from _head(view)
        yield _devices(view, state["devices"], wide=wide)
        yield _delivery(view, state["delivery"])
        yield _counts(view)
        yield _alarms(view, max(1, console.height - _ABOVE_NEWS))


def _head(view: View) -> Iterator[Text]:
    yield Text.assemble(
        ("hub-agent demo", "bold"), f"  {view.elapsed_s:5.0f} s   virtual devices → agent → {view.broker} → NOC"
    )
    wire = Text(" CUT ", "bold white on red") if view.cut else Text(" whole ", "bold black on green")
    line = Text.assemble("wire to the broker: ", wire)
    if view.interactive:
        line.append("   [c] cut or heal it   [q] quit", "dim")
    yield line


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, expand=True)


def _devices(view: View, states: Mapping[str, Any], *, wide: bool) -> Table:
    """Draw the devices; on a narrow screen the driver and the battery make room for the values."""
    table = _table("Devices (values as the NOC charted them)")
    names_ = ("device", "driver", "link", "battery", "newest values", "charted")
    shown = [name for name in names_ if wide or name not in {"driver", "battery"}]
    for name in shown:
        table.add_column(name, no_wrap=name != "newest values", ratio=1 if name == "newest values" else None)
    drivers = {device.name: device.driver for device in view.agent.config.devices}
    for name in names():
        state = states[name]
        rssi = "" if state["rssi_dbm"] is None else f" {state['rssi_dbm']} dBm"
        seen_s = view.tally.charted_at_s.get(name)
        cells: dict[str, str | Text] = {
            "device": name,
            "driver": drivers[name],
            "link": Text(state["state"] + rssi, _LINK[state["state"]]),
            "battery": "-" if state["battery_percent"] is None else f"{state['battery_percent']} %",
            "newest values": view.tally.values.get(name, "-"),
            "charted": "-" if seen_s is None else f"{max(0.0, view.elapsed_s - seen_s):.1f} s ago",
        }
        table.add_row(*(cells[column] for column in shown))
    return table


def _delivery(view: View, delivery: Mapping[str, Any]) -> Table:
    table = _table("Delivery")
    for name in ("class", "waiting", "at the broker p50 · p99", "confirmed p50 · p95 · p99"):
        table.add_column(name)
    for cls in (ReadingClass.ALARM, ReadingClass.EPISODIC, ReadingClass.CONTINUOUS):
        name = cls.name.lower()
        waiting = delivery["waiting"][name]
        published = view.agent.forwarder.figures.published[cls].summary()
        confirmed = delivery["latency_s"][name]
        waits = f"{waiting['items']} in {waiting['batches']}" if waiting["items"] else "nothing"
        table.add_row(
            name,
            Text(waits, "bold" if waiting["batches"] > 2 else ""),  # noqa: PLR2004 - what is on its way is no backlog
            " · ".join(_ms(published[q]) for q in ("p50", "p99")),
            " · ".join(_ms(confirmed[q]) for q in ("p50", "p95", "p99")),
        )
    return table


def _ms(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return f"{seconds * 1e3:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def _counts(view: View) -> RenderableType:
    stored = view.agent.intake.counts.stored
    return Text.assemble(
        ("Readings  ", "bold"),
        f"given {view.emitted} · stored {stored} (battery too) · charted {view.tally.charted} · "
        f"charted twice {view.tally.duplicates}",
    )


def _alarms(view: View, lines: int) -> RenderableType:
    live = [
        Text(
            f" {alarm.condition.priority.name} {alarm.condition.code} {alarm.condition.device or 'hub'} "
            f"{alarm.presence.value} ",
            _PRIORITY[alarm.condition.priority.name.lower()],
        )
        for alarm in view.agent.book.alarms()
    ]
    now: RenderableType = Text("  ").join(live) if live else Text("no alarm", "green")
    news = Text("\n".join([*view.tally.news][:lines]) or "no event yet", "dim")
    return Panel(Group(now, news), title="Alarms: at the bedside now, and as the NOC heard them", title_align="left")
