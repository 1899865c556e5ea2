"""How often the parts look at what does not change by itself: seldom while nothing goes on.

An idle second of hub and NOC costs as much as one in which everything happens, and a home has many. So while nobody
measures, and neither breaks nor heals anything, their turns are a minute long. What is due, and what comes, is not put
off by that: the parts sleep until then, or until they are woken.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from unittest import mock

from hub_agent import app, forwarder, housekeeping, intake, parts, uplink
from hub_agent.noc import collector

BUSY_TURN_S = 10.0
CALM_TURN_S = 60.0
_CALM_AFTER_S = 120.0
_NOBODY_S = 600.0
"""Nobody looks at the lamp while nothing goes on, and nobody gives a command."""

_TURNS: tuple[tuple[ModuleType, str, float, float], ...] = (
    (forwarder, "TURN_S", BUSY_TURN_S, CALM_TURN_S),
    (intake, "TURN_S", BUSY_TURN_S, CALM_TURN_S),
    (housekeeping, "TURN_S", BUSY_TURN_S, CALM_TURN_S),
    (housekeeping, "SETTLE_S", 60.0, 300.0),
    (uplink, "BEAT_S", 30.0, 600.0),
    (collector, "TURN_S", CALM_TURN_S, _NOBODY_S),
    (parts, "SHOW_S", BUSY_TURN_S, _NOBODY_S),
)
"""Module, name, seconds while something goes on, seconds while nothing does."""


_HURRY = "HURRY_CAP_S"
_HURRY_S = uplink.HURRY_CAP_S


class Turns:
    """Whether anything goes on."""

    def __init__(self) -> None:
        self._doings = 0
        self._since_s = 0.0
        self._hopeless = 0
        self._calm = False
        self._set(calm=False)

    def stir(self) -> None:
        """Something happens now."""
        self._since_s = asyncio.get_running_loop().time()
        if self._calm:
            self._set(calm=False)

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Something goes on inside."""
        self.stir()
        self._doings += 1
        try:
            yield
        finally:
            self._doings -= 1
            self.stir()

    @contextmanager
    def hopeless(self) -> Iterator[None]:
        """Nothing that the hub tries reaches its broker inside: it may try as seldom as with nothing in hand.

        Each attempt of a cut of days costs as much as a reading, and the broker sees none of them.
        """
        self._hopeless += 1
        self._set(calm=self._calm)
        try:
            yield
        finally:
            self._hopeless -= 1
            self._set(calm=self._calm)

    async def run(self) -> None:
        """Calm down again and again, for ever."""
        while True:
            await asyncio.sleep(_CALM_AFTER_S)
            if not self._doings and asyncio.get_running_loop().time() - self._since_s >= _CALM_AFTER_S:
                self._set(calm=True)

    def _set(self, *, calm: bool) -> None:
        self._calm = calm
        for module, name, busy_s, calm_s in _TURNS:
            setattr(module, name, calm_s if calm else busy_s)
        setattr(uplink, _HURRY, _HURRY_S if not self._hopeless else uplink.CALM_CAP_S)


@contextmanager
def quick() -> Iterator[None]:
    """Let turns be changed inside, and allow for them where progress is watched."""
    names = [(module, name) for module, name, _, _ in _TURNS]
    before = [getattr(module, name) for module, name in names]
    with (
        mock.patch.object(uplink, _HURRY, _HURRY_S),
        mock.patch.object(app, "_INTAKE_S", app._INTAKE_S + CALM_TURN_S),
        mock.patch.object(app, "_UPLINK_S", app._UPLINK_S + CALM_TURN_S),
    ):
        try:
            yield
        finally:
            for (module, name), value in zip(names, before, strict=True):
                setattr(module, name, value)
