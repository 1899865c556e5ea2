"""Plays scenarios side by side: they share nothing but the machine, and mostly wait."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.broker import Broker

AT_ONCE: Final = 3
LONGEST_S: Final = 150.0

Scenario = Callable[[Broker, Path], Awaitable[None]]
Play = asyncio.Task[BaseException | None]
"""Ends with what went wrong, which must not end the others."""


async def _play(scenario: Scenario, here: Path, room: asyncio.Semaphore) -> BaseException | None:
    async with room:
        (here / "broker").mkdir()
        broker = Broker(here / "broker")
        try:
            await broker.start()
            async with asyncio.timeout(LONGEST_S):
                await scenario(broker, here)
        except (Exception, pytest.skip.Exception) as error:  # noqa: BLE001 - the scenario's test raises it
            return error
        finally:
            await broker.stop()
    return None


@asynccontextmanager
async def playing(scenarios: Sequence[Scenario], here: Path) -> AsyncIterator[Mapping[Scenario, Play]]:
    """Play scenarios, ``AT_ONCE`` of them at a time, each with a broker and a directory of its own."""
    room = asyncio.Semaphore(AT_ONCE)
    async with asyncio.TaskGroup() as tasks:
        plays = {}
        for scenario in scenarios:
            (here / scenario.__name__).mkdir()
            plays[scenario] = tasks.create_task(_play(scenario, here / scenario.__name__, room))
        yield plays
        for play in plays.values():
            play.cancel()
