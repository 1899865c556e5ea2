"""The live screen of the demo.

Owns: the layout. Never: counts or decides; it is given what it shows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from hub_agent.demo.scene import names
from hub_agent.demo.tally import Tally
from hub_agent.model import ReadingClass
from hub_agent.parts import Agent

_LINK = {"connected": "green", "waiting": "yellow", "parked": "red"}
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


def render(view: View) -> RenderableType:
    """Draw everything."""
    state = view.agent.health.snapshot()
    return Group(
        _head(view),
        _devices(view, state["devices"]),
        _delivery(view, state["delivery"]),
        _counts(view),
        _alarms(view),
    )


def _head(view: View) -> RenderableType:
    wire = Text(" CUT ", "bold white on red") if view.cut else Text(" whole ", "bold black on green")
    line = Text.assemble(
        ("hub-agent demo", "bold"),
        f"  {view.elapsed_s:5.0f} s   virtual devices → agent → {view.broker} → NOC   wire to the broker: ",
        wire,
    )
    if view.interactive:
        line.append("   [c] cut or heal the wire   [q] quit", "dim")
    return line


def _devices(view: View, states: Mapping[str, Any]) -> RenderableType:
    table = Table(title="Devices (values as the NOC charted them)", title_justify="left", expand=True)
    for name in ("device", "driver", "link", "battery", "newest values", "charted"):
        table.add_column(name, no_wrap=name != "newest values")
    drivers = {device.name: device.driver for device in view.agent.config.devices}
    for name in names():
        state = states[name]
        rssi = "" if state["rssi_dbm"] is None else f" {state['rssi_dbm']} dBm"
        battery = "-" if state["battery_percent"] is None else f"{state['battery_percent']} %"
        seen_s = view.tally.charted_at_s.get(name)
        age = "-" if seen_s is None else f"{view.elapsed_s - seen_s:.1f} s ago"
        link = Text(state["state"] + rssi, _LINK[state["state"]])
        table.add_row(name, drivers[name], link, battery, view.tally.values.get(name, "-"), age)
    return table


def _delivery(view: View, delivery: Mapping[str, Any]) -> RenderableType:
    table = Table(title="Delivery", title_justify="left", expand=True)
    for name in ("class", "waiting", "to the broker p50 · p99", "to the NOC and confirmed p50 · p95 · p99"):
        table.add_column(name)
    for cls in (ReadingClass.ALARM, ReadingClass.EPISODIC, ReadingClass.CONTINUOUS):
        name = cls.name.lower()
        waiting = delivery["waiting"][name]
        published = view.agent.forwarder.figures.published[cls].summary()
        confirmed = delivery["latency_s"][name]
        waits = f"{waiting['items']} in {waiting['batches']} batches" if waiting["items"] else "nothing"
        table.add_row(
            name,
            Text(waits, "yellow" if waiting["batches"] > 2 else ""),  # noqa: PLR2004 - what is on its way is no backlog
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
        f"given by the devices {view.emitted} · stored {stored} (with battery levels) · charted at the NOC "
        f"{view.tally.charted} · charted twice {view.tally.duplicates}",
    )


def _alarms(view: View) -> RenderableType:
    live = [
        Text(
            f" {alarm.condition.priority.name} {alarm.condition.code} {alarm.condition.device or 'hub'} "
            f"{alarm.presence.value} ",
            _PRIORITY[alarm.condition.priority.name.lower()],
        )
        for alarm in view.agent.book.alarms()
    ]
    now: RenderableType = Text("  ").join(live) if live else Text("no alarm", "green")
    news = Text("\n".join(view.tally.news) or "no event yet", "dim")
    return Panel(Group(now, news), title="Alarms: at the bedside now, and as the NOC heard them", title_align="left")
