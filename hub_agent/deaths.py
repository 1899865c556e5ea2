"""With which device's driver at work the hub's process died, and how often of late.

Owns: these notes, over restarts. Never: parks a device, or guesses: what is not noted did not happen.

A driver that computes for ever stops the event loop, and the watchdog ends the process; the next life would feed the
same device and end in the same way. After the second death within a day that device is left alone instead. A driver
whose package does so when it is imported is noted by its own name, and costs every device that it is for. An end that
somebody asked for (``agent.restart``, systemctl) forgives all: the next life tries every device again.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from hub_agent.clock import Clock
from hub_agent.devices.mark import LONGEST, Mark, tag_of
from hub_agent.errors import StuckDriverError
from hub_agent.outbox.outbox import Outbox

STATE: Final = "deaths"
"""The name of the notes among the outbox's local state: a JSON object, who → instants in nanoseconds since 1970."""
DEATHS: Final = 2
"""With so many deaths behind it a device is left alone."""
_DAY_NS: Final = 86_400 * 10**9


def _import_of(driver: str) -> str:
    """Name the import of a driver's package as no alias can be spelled."""
    return f"import {driver}"[:LONGEST]


class Deaths:
    """Knows the devices that killed.

    Args:
        outbox: keeps the notes.
        mark: tells which device's driver was at work when the life before ended.
        clock: stamps.
        devices: those of the configuration, each with its driver; others are forgotten.

    Attributes:
        mark: the same.
    """

    def __init__(self, outbox: Outbox, mark: Mark, clock: Clock, devices: Mapping[str, str]) -> None:
        self.mark = mark
        self._outbox = outbox
        self._clock = clock
        self._noted: dict[str, list[int]] = {}
        self._causes = {device: (device, _import_of(driver)) for device, driver in devices.items()}

    async def restore(self) -> None:
        """Take up the notes of earlier lives, and add how the last of them ended.

        Raises:
            StorageError: they cannot be read or written.
        """
        kept: dict[str, list[int]] = json.loads(await self._outbox.state(STATE) or b"{}")
        now_ns = self._clock.stamp().wall_ns
        for cause in {cause for causes in self._causes.values() for cause in causes}:
            at_ns = [one for one in kept.get(cause, ()) if now_ns - one < _DAY_NS]
            if cause == self.mark.left:
                at_ns.append(now_ns)
            if at_ns:
                self._noted[cause] = at_ns[-DEATHS:]
        if self._noted != kept:
            await self._outbox.save(STATE, json.dumps(self._noted).encode())
        self.mark.forget()  # only now: a death that is not noted is one that happens again

    def of(self, device: str) -> int:
        """Say how often the process died with this device's driver at work or being imported, up to ``DEATHS``."""
        return max(len(self._noted.get(cause, ())) for cause in self._causes[device])

    def killed(self, device: str) -> bool:
        """Say whether the life before died with this device's driver."""
        return self.mark.left in self._causes[device]

    def check(self, device: str) -> None:
        """Ask whether a device may be fed.

        Raises:
            StuckDriverError: it has killed too often.
        """
        if self.of(device) >= DEATHS:
            raise _stuck("this device's driver was at work or being imported")

    @contextmanager
    def importing(self, driver: str) -> Iterator[None]:
        """Note that a driver's package is being imported, while the context is open.

        Raises:
            StuckDriverError: that has killed too often.
        """
        cause = _import_of(driver)
        if len(self._noted.get(cause, ())) >= DEATHS:
            raise _stuck("this driver was being imported")
        self.mark.note(tag_of(cause))
        try:
            yield
        finally:
            self.mark.clear()

    async def forgive(self) -> None:
        """Let every device be tried again in the next life.

        Raises:
            StorageError: that could not be stored.
        """
        if self._noted:
            self._noted = {}
            await self._outbox.save(STATE, b"{}")


def _stuck(when: str) -> StuckDriverError:
    return StuckDriverError(
        f"the hub's process died {DEATHS} times within a day while {when}",
        hint="its device is parked; a restart on request tries it again",
    )
