"""With which device's driver at work the hub's process died, and how often of late.

Owns: these notes, over restarts. Never: parks a device, or guesses: what is not noted did not happen.

A driver that computes for ever stops the event loop, and the watchdog ends the process; the next life would feed the
same device and end in the same way. After the second death within a day that device is left alone instead. An end that
somebody asked for (``agent.restart``, systemctl) forgives all: the next life tries every device again.
"""

import json
from collections.abc import Collection
from typing import Final

from hub_agent.clock import Clock
from hub_agent.devices.mark import Mark
from hub_agent.errors import StuckDriverError
from hub_agent.outbox.outbox import Outbox

STATE: Final = "deaths"
"""The name of the notes among the outbox's local state: a JSON object, alias → instants in nanoseconds since 1970."""
DEATHS: Final = 2
"""With so many deaths behind it a device is left alone."""
_DAY_NS: Final = 86_400 * 10**9


class Deaths:
    """Knows the devices that killed.

    Args:
        outbox: keeps the notes.
        mark: tells which device's driver was at work when the life before ended.
        clock: stamps.
        devices: those of the configuration; others are forgotten.

    Attributes:
        last: the device with which the life before died; empty for any other end.
    """

    def __init__(self, outbox: Outbox, mark: Mark, clock: Clock, devices: Collection[str]) -> None:
        self._outbox = outbox
        self._mark = mark
        self._clock = clock
        self._devices = devices
        self._noted: dict[str, list[int]] = {}
        self.last = mark.left if mark.left in devices else ""

    async def restore(self) -> None:
        """Take up the notes of earlier lives, and add how the last of them ended.

        Raises:
            StorageError: they cannot be read or written.
        """
        kept: dict[str, list[int]] = json.loads(await self._outbox.state(STATE) or b"{}")
        now_ns = self._clock.stamp().wall_ns
        for device in self._devices:
            at_ns = [one for one in kept.get(device, ()) if now_ns - one < _DAY_NS]
            if device == self.last:
                at_ns.append(now_ns)
            if at_ns:
                self._noted[device] = at_ns[-DEATHS:]
        if self._noted != kept:
            await self._outbox.save(STATE, json.dumps(self._noted).encode())
        self._mark.clear()  # only now: a death that is not noted is one that happens again

    def of(self, device: str) -> int:
        """Say how often the process died with this device's driver at work, up to ``DEATHS``."""
        return len(self._noted.get(device, ()))

    def check(self, device: str) -> None:
        """Ask whether a device may be fed.

        Raises:
            StuckDriverError: it has killed too often.
        """
        if self.of(device) >= DEATHS:
            raise StuckDriverError(
                f"the hub's process died {DEATHS} times within a day while this device's driver was at work",
                hint="its device is parked; a restart on request tries it again",
            )

    async def forgive(self) -> None:
        """Let every device be tried again in the next life.

        Raises:
            StorageError: that could not be stored.
        """
        if self._noted:
            self._noted = {}
            await self._outbox.save(STATE, b"{}")
