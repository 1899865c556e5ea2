"""hub-agent itself, as ``hub-agent run`` with ``hub-noc collect`` at the far end."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Final

from hub_agent.noc.keyring import keygen
from hub_agent.noc.store import Store
from scripts.benchlib.peers.candidate import Ground, Rig
from scripts.benchlib.peers.feed import SerialFeed, number_of
from scripts.benchlib.readings import DEVICES
from scripts.benchlib.site import CLOCK, HUB, Site

_DEVICE: Final = """
[[devices]]
name = "{name}"
driver = "masimo-ascii"
port = "{port}"
cadence_s = 600
"""

_ALONE: Final = """
[delivery]
drain_spread_s = 0
"""
"""A hub alone need not wait for a fleet that comes back with it."""

_WINDOW: Final = """
[commit]
continuous_s = {window_s}
"""


def numbers(line: bytes) -> Iterator[int]:
    """Find the reading in a line of the collector."""
    said = json.loads(line)
    if said["type"] == "reading":
        yield number_of(said["device"], said["device_time"])


class Hub:
    """hub-agent, with its commit window as shipped or another.

    Args:
        window_s: how long a continuous reading may wait for company; None: as shipped, 1 s.
    """

    def __init__(self, window_s: float | None = None) -> None:
        self._window_s = window_s
        self.name = "hub-agent" if window_s is None else f"hub-agent, window {window_s:g} s"
        self.settings = (
            "as shipped: continuous readings are committed once a second; but `delivery.drain_spread_s = 0`, since no"
            " fleet comes back at the same time"
            if window_s is None
            else f"the same with `commit.continuous_s = {window_s:g}`"
        )

    def version(self) -> str:
        """Name this tree's."""
        return f"hub-agent {version('hub-agent')}"

    @contextmanager
    def rigged(self, ground: Ground) -> Iterator[Rig]:
        """Make keys and the configuration."""
        keygen(ground.here / "noc")
        site = Site(ground.here, ground.far_port, None, 0)
        site.add_hubs([HUB])
        ports = [ground.here / f"tty-{name}" for name in DEVICES]
        rest = "".join(_DEVICE.format(name=name, port=port) for name, port in zip(DEVICES, ports, strict=True))
        rest += _ALONE
        if self._window_s is not None:
            rest += _WINDOW.format(window_s=self._window_s)
        path, _ = site.config(port=ground.uplink_port, rest=rest)
        feed = SerialFeed(ports)  # devices are plugged in before the hub starts
        began_ms = CLOCK.stamp().wall_ns // 1_000_000
        yield Rig(
            [sys.executable, "-m", "hub_agent", "run", "--config", str(path)],
            Path.cwd(),
            lambda: feed,
            [sys.executable, "-m", "hub_agent.noc", "collect", "--json", "--keys", "noc", "--store", "noc.db",
             "--port", str(ground.far_port)],
            numbers,
            lambda: _collected_ms(ground.here / "noc.db") >= began_ms,
        )  # fmt: skip


def _collected_ms(path: Path) -> int:
    with Store(path) as store:
        return store.collector_ms() or 0
