"""What tests of several areas share."""

from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from hub_agent.demo.broker import find_mosquitto, held_port
from tests.broker import Broker

# No test depends on how busy the machine is: with deadlines the same input would pass here and fail there.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("brisk", settings.get_profile("unhurried"), max_examples=30)
"""Of the everyday tests; ``scripts/test --all`` looks harder."""
settings.load_profile("unhurried")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let several workers begin with the files that may take longest, so that none is left alone with one at the end.

    What a file may take is the sum of its tests' own time-outs; among the others those with the most tests are first.
    """
    if not hasattr(config, "workerinput"):
        return
    count = Counter(item.path for item in items)
    may_take_s: Counter[Path] = Counter()
    for item in items:
        if (mark := item.get_closest_marker("timeout")) is not None:
            may_take_s[item.path] += mark.args[0]
    items.sort(key=lambda item: (-may_take_s[item.path], -count[item.path]))


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[Broker]:
    """Give a running mosquitto of this test's own."""
    if find_mosquitto() is None:
        pytest.skip("mosquitto is not installed: apt-get install mosquitto")
    here = tmp_path / "broker"
    here.mkdir()
    with held_port() as port:
        broker = Broker(here, port)
        await broker.start()
        yield broker
        await broker.stop()
