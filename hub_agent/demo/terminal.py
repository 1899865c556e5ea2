"""The demo's terminal: the live screen, single keys, and the last words.

Owns: what the terminal is set to meanwhile. Never: decides what a key does, or draws.
"""

import asyncio
import contextlib
import signal
import sys
import termios
import tty
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from rich.console import RenderableType
from rich.live import Live


@contextlib.contextmanager
def screen(*, silent: bool) -> Iterator[Callable[[RenderableType], None]]:
    """Give what shows a page; without a terminal the last page alone is printed."""
    if silent:
        yield lambda _page: None
        return
    with Live(auto_refresh=False, screen=sys.stdout.isatty()) as live:
        yield lambda page: live.update(page, refresh=True)


@contextlib.contextmanager
def keys() -> Iterator[list[str]]:
    """Collect single key presses without waiting for Enter, Ctrl-C as ``q``; nothing where there is no terminal."""
    pressed: list[str] = []
    if not sys.stdin.isatty():
        yield pressed
        return
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    loop = asyncio.get_running_loop()
    tty.setcbreak(descriptor, termios.TCSANOW)  # what was typed during the start counts
    loop.add_reader(descriptor, lambda: pressed.append(sys.stdin.read(1)))
    loop.add_signal_handler(signal.SIGINT, pressed.append, "q")
    try:
        yield pressed
    finally:
        loop.remove_signal_handler(signal.SIGINT)
        loop.remove_reader(descriptor)
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def last_words(summary: Mapping[str, Any]) -> str:
    """Say for people what the last line says for programs."""
    typical = (f"{cls} {row['p50']:.2f} s" for cls, row in summary["latency_s"].items() if row["p50"] is not None)
    return (
        f"The devices gave {summary['emitted']} readings; the NOC charted {summary['charted']}: "
        f"{summary['lost']} lost, {summary['duplicates']} twice.\n"
        f"Sensor to confirmation, p50: {', '.join(typical) or 'nothing was confirmed'}.\n"
        "Unattended, with figures: scripts/demo --seconds 60 --json --cut 20"
    )
