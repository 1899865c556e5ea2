"""A site without a NOC: its broker gets JSON, its card holds nothing clear, nobody commands the hub."""

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from hub_agent import mqtt
from hub_agent.demo.broker import free_port
from hub_agent.mqtt import Message, Profile
from hub_agent.topics import Topics
from tests.configs import CLEAR, HUB
from tests.integration.plain import plain_broker
from tests.integration.site import Site, device, oximeters

pytestmark = [pytest.mark.broker, pytest.mark.slow]

_TOPICS = Topics(HUB)


@pytest.mark.timeout(120)
async def test_readings_arrive_once_as_json_and_wait_sealed(tmp_path: Path) -> None:
    port = tmp_path / "bed-1"
    more = device("bed-1", port) + '[delivery]\nform = "clear"\nconfirm = "broker"\n'
    site = Site(tmp_path, free_port(), CLEAR, more)
    text = site.config.read_text().replace('[noc]\ntrust = "noc/noc-public.json"\n', "")
    site.config.write_text(text)
    where = int(text.partition("port = ")[2].split()[0])
    seen: Counter[tuple[str, int]] = Counter()
    items: list[dict[str, Any]] = []
    topics: set[str] = set()

    def take(message: Message) -> None:
        topics.add(message.topic)
        if message.topic in {_TOPICS.alarm, _TOPICS.live, _TOPICS.backlog}:
            said = json.loads(message.payload)
            seen[said["journal"], said["seq"]] += 1
            items.extend(said["items"])

    async with oximeters([port]), site.daemon() as daemon:
        await site.until(site.outbox.exists)
        await site.until(lambda: site.batches() >= 5)  # they wait for a broker
        for file in site.state.iterdir():
            assert b"bed-1" not in file.read_bytes()
        async with plain_broker(tmp_path, where):
            reader = Profile("reader", "127.0.0.1", where, subscriptions=(f"hubs/v1/{HUB}/#",))
            async with mqtt.connect(reader) as link, asyncio.TaskGroup() as tasks:
                listening = tasks.create_task(_listen(link, take))
                state = await site.until_drained()
                await site.until(lambda: sum(one["type"] == "reading" for one in items) >= state["intake"]["stored"])
                listening.cancel()
        assert state["delivery"]["form"] == "clear"
        assert await daemon.stop() == 0
    assert max(seen.values()) == 1
    assert len({one["monotonic_ms"] for one in items if one["type"] == "reading"}) >= 5
    reading = next(one for one in items if one["type"] == "reading")
    assert reading["device"] == "bed-1"
    assert {one["refid"] for one in reading["measurements"]} >= {"MDC_PULS_OXIM_SAT_O2"}
    assert _TOPICS.keys not in topics


async def _listen(link: mqtt.Link, take: Any) -> None:  # noqa: ANN401 - a callback of the test
    while True:
        message = await link.inbox.get()
        link.acknowledge(message)
        take(message)
