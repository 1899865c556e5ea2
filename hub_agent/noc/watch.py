"""``hub-noc watch``: the fleet on a screen, or its changes as lines.

Owns: the table. Never: judges (``fleet`` does), or writes to the store.
"""

import contextlib
import json
import threading
from collections.abc import Sequence
from pathlib import Path
from textwrap import fill
from typing import Any, Final

from rich import box
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from hub_agent.clock import Clock, SystemClock
from hub_agent.errors import ConfigError
from hub_agent.noc.fleet import HubView, changes, judge
from hub_agent.noc.store import Store

LOOK_S: Final = 1.0

_OTHERS: Final = 86
"""Columns that all but the conditions take."""
_COLOURS: Final = {"online": "green", "offline": "red", "silent": "red", "stranger": "yellow", "never": "dim"}


class Watch:
    """Looks at a store again and again.

    Args:
        store: the collector's, opened a second time.
        beat_s: how often hubs send a heartbeat.
        clock: the NOC's.
    """

    def __init__(self, store: Store, beat_s: float, clock: Clock) -> None:
        self._store = store
        self._beat_s = beat_s
        self._clock = clock
        self.views: list[HubView] = []

    def look(self) -> list[dict[str, Any]]:
        """Look anew; give what has changed."""
        before, now_ms = self.views, self._clock.stamp().wall_ns // 1_000_000
        with self._store.look():
            hubs, faults = self._store.hubs.seen(), self._store.faults.open()
            self.views = judge(hubs, faults, self._store.collector_ms(), now_ms, self._beat_s)
        return list(changes(before, self.views, now_ms))


def watch_fleet(path: Path, beat_s: float, *, once: bool, as_json: bool) -> bool:
    """Watch until interrupted, or look once; True if anything was wrong at the last look.

    Raises:
        ConfigError: there is no store.
        StorageError: it cannot be read.
    """
    if not path.exists():
        raise ConfigError(f"{path}: no such file", hint="give the store of `hub-noc collect`")
    with Store(path) as store:
        watch = Watch(store, beat_s, SystemClock())
        with contextlib.suppress(KeyboardInterrupt):
            if as_json:
                _print_changes(watch, once=once)
            elif once:
                watch.look()
                console = Console()
                console.print(table(watch.views, console.width))
            else:
                _draw(watch)
    return any(view.conditions for view in watch.views)


def _print_changes(watch: Watch, *, once: bool) -> None:
    pause = threading.Event()
    while True:
        for change in watch.look():
            print(json.dumps(change), flush=True)  # noqa: T201 - the command's output
        if once:
            return
        pause.wait(LOOK_S)


def _draw(watch: Watch) -> None:
    pause = threading.Event()
    with Live(auto_refresh=False) as live:
        while True:
            watch.look()
            live.update(table(watch.views, live.console.width), refresh=True)
            pause.wait(LOOK_S)


def table(views: Sequence[HubView], width: int) -> Table:
    """Draw the fleet, hubs with alarms first. From 80 columns on no word of an alarm is cut; a long hub id is folded.

    Args:
        views: what to draw.
        width: columns of the screen.
    """
    drawn = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False, pad_edge=False)
    drawn.add_column("hub", overflow="fold")
    for name in ("state", "beat", "p99", "backlog", "devices", "alarms"):
        drawn.add_column(name, no_wrap=True)
    drawn.add_column("conditions", no_wrap=True)
    for view in sorted(views, key=lambda view: not view.conditions):
        drawn.add_row(
            view.hub or "(NOC)",
            Text(view.state, style=_COLOURS.get(view.state, "")),
            _span(view.beat_age_s),
            "" if view.latency_p99_s is None else f"{view.latency_p99_s:.1f} s",
            _backlog(view),
            f"{view.devices[0]}/{view.devices[1]}" if view.devices[1] else "",
            Text("" if view.alarms is None else str(view.alarms), style="bold red" if view.alarms else ""),
            Text(fill(" ".join(view.conditions), max(16, width - _OTHERS), break_long_words=False), style="red"),
        )
    return drawn


def _backlog(view: HubView) -> str:
    if view.waiting is None:
        return ""
    return f"{view.waiting}" + (f", {_span(view.oldest_s)}" if view.oldest_s is not None else "")


def _span(seconds: float | None) -> str:
    """Spell a duration in the largest unit that leaves two digits or so."""
    if seconds is None:
        return ""
    for unit, length_s in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length_s:
            return f"{seconds / length_s:.0f} {unit}"
    return f"{seconds:.0f} s"
