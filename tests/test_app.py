"""A running hub: what goes on though one of its parts stands still."""

import asyncio
import threading
from pathlib import Path

import pytest

from hub_agent import config as configuration
from hub_agent.alarms.annunciator import Shown, Signal
from hub_agent.app import running
from hub_agent.devices.ble.host import Host
from hub_agent.devices.ways import opener
from hub_agent.errors import StorageError
from tests.configs import make_keys, write

_PATIENCE_S = 100.0


def _no_radio() -> Host:
    raise AssertionError("no device here needs one")


async def test_two_hubs_do_not_share_an_outbox(tmp_path: Path) -> None:
    make_keys(tmp_path)
    config = configuration.load(write(tmp_path, port=1))
    async with running(config, opener(_no_radio)):
        with pytest.raises(StorageError, match="another hub-agent is at work"):
            async with running(config, opener(_no_radio)):
                raise AssertionError("two are at work")
    async with running(config, opener(_no_radio)) as agent:  # its place is free again
        assert agent.outbox.last_seq > 0


async def test_an_alarm_sounds_though_the_card_takes_its_time(tmp_path: Path) -> None:
    make_keys(tmp_path)
    shown: list[Shown] = []
    high = asyncio.Event()

    def output(signal: Signal, _same: bool) -> None:  # noqa: FBT001 - the shape of an Output
        shown.append(signal.shown)
        if signal.shown is Shown.HIGH:
            high.set()

    done = threading.Event()
    config = configuration.load(write(tmp_path, port=1))
    async with (
        running(config, opener(_no_radio), outputs=[output]) as agent,
        asyncio.timeout(_PATIENCE_S),
        asyncio.TaskGroup() as tasks,
    ):
        card = tasks.create_task(agent.outbox.run(lambda _store: done.wait(_PATIENCE_S)))
        try:
            while agent.outbox._hand._tasks.empty():  # noqa: ASYNC110 - until housekeeping waits for the card too
                await asyncio.sleep(0.05)
            assert shown[-1] is not Shown.HIGH
            stamp = agent.clock.stamp()
            agent.intake.raise_now(agent.book.technical("security", "", stamp, active=True))
            await high.wait()
            assert not card.done()
        finally:
            done.set()
