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


def _site(directory: Path, broker: int, port: Path) -> Site:
    more = device("bed-1", port) + '[delivery]\nform = "clear"\nconfirm = "broker"\n'
    site = Site(directory, broker, CLEAR, more)
    site.config.write_text(site.config.read_text().replace('[noc]\ntrust = "noc/noc-public.json"\n', ""))
    return site


@pytest.mark.timeout(120)
async def test_readings_arrive_once_as_json_and_wait_sealed(tmp_path: Path) -> None:
    port = tmp_path / "bed-1"
    where = free_port()
    site = _site(tmp_path, where, port)
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


@pytest.mark.timeout(120)
async def test_what_the_hub_subscribed_to_while_it_had_a_noc_is_over(tmp_path: Path) -> None:
    port, where = tmp_path / "bed-1", free_port()
    site = _site(tmp_path, where, port)
    async with oximeters([port]), plain_broker(tmp_path, where):
        before = Profile(HUB, "127.0.0.1", where, subscriptions=(_TOPICS.confirm, _TOPICS.commands))
        async with mqtt.connect(before):
            pass
        reader = Profile("reader", "127.0.0.1", where, subscriptions=(f"hubs/v1/{HUB}/up/#",))
        async with mqtt.connect(reader) as link, asyncio.TaskGroup() as tasks:
            for topic in before.subscriptions:
                await link.publish_and_wait(topic, b"{}")
            taken: list[Message] = []
            listening = tasks.create_task(_listen(link, taken.append))
            async with site.daemon() as daemon:
                await site.until(lambda: any(message.topic == _TOPICS.live for message in taken))
                state = await site.until_drained()
                assert await daemon.stop() == 0
            listening.cancel()
    assert state["security_events"] == 0
    assert not any(b"confirmation_rejected" in message.payload for message in taken)


async def _listen(link: mqtt.Link, take: Any) -> None:  # noqa: ANN401 - a callback of the test
    while True:
        message = await link.inbox.get()
        link.acknowledge(message)
        take(message)
