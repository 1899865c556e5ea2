"""What tests of several areas share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from hub_agent.demo.broker import find_mosquitto
from tests.broker import Broker

# No test depends on how busy the machine is: with deadlines the same input would pass here and fail there.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("brisk", settings.get_profile("unhurried"), max_examples=30)
"""Of the everyday tests; ``scripts/test --all`` looks harder."""
settings.load_profile("unhurried")


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[Broker]:
    """Give a running mosquitto of this test's own."""
    if find_mosquitto() is None:
        pytest.skip("mosquitto is not installed: apt-get install mosquitto")
    here = tmp_path / "broker"
    here.mkdir()
    broker = Broker(here)
    await broker.start()
    yield broker
    await broker.stop()
