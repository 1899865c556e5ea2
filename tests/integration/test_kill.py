"""``kill -9`` at any moment: what was committed is charted, and charted once."""

import asyncio
import random
import sqlite3
from collections import Counter
from pathlib import Path

import pytest

from hub_agent.demo.relay import Relay
from tests.broker import Broker
from tests.integration.site import Seen, Site, device, noc_options, oximeters, tls_site

pytestmark = [pytest.mark.broker, pytest.mark.slow]

KILLS = 22
_SEED = 20261122


async def _one_life(site: Site, relay: Relay, rng: random.Random) -> None:
    """Run the hub with or without a way to the broker, and kill it at some moment of its life."""
    relay.set_cut(rng.random() < 0.4)
    async with site.daemon() as daemon:
        if rng.random() < 0.8:  # else while it starts, opens and restores
            await site.until(lambda: b"hub_started" in daemon.said)
        await asyncio.sleep(rng.uniform(0.0, 3.5))
        if rng.random() < 0.3:
            relay.set_cut(not relay.cut)
            await asyncio.sleep(rng.uniform(0.0, 1.5))
        assert daemon.process.returncode is None, daemon.said.decode()
        await daemon.kill()


@pytest.mark.timeout(420)
async def test_nothing_committed_is_lost_and_nothing_is_charted_twice(broker: Broker, tmp_path: Path) -> None:
    rng = random.Random(_SEED)  # noqa: S311 - moments, no secret
    ports = [tmp_path / "bed-1", tmp_path / "bed-2"]
    more = "[commit]\ncontinuous_s = 0.2\n" + "".join(device(port.name, port, form=2) for port in ports)
    more += '[[limits]]\nmeasure = "spo2"\nlow = 98\npriority = "high"\n'
    committed: Counter[Seen] = Counter()
    async with Relay(broker.port).serving() as relay, oximeters(ports):
        site = tls_site(tmp_path, broker, relay.port, more)
        async with site.collecting(*noc_options(broker)):
            kills = 0
            while kills < KILLS or len(committed) <= 2 * KILLS:  # the kills hit a hub that has something to lose
                await _one_life(site, relay, rng)
                kills += 1
                if site.outbox.exists() and site.outbox.stat().st_size:
                    committed |= _waiting(site)
            relay.set_cut(False)
            async with site.daemon() as daemon:
                await site.until(lambda: b"uplink_up" in daemon.said)
                await site.until_drained()
                assert await daemon.stop() == 0
            charted = site.charted()
    assert not committed - charted
    assert max(charted.values()) == 1
    assert site.faults() == []
    assert len(site.events("start")) > kills // 2


def _waiting(site: Site) -> Counter[Seen]:
    try:
        return site.waiting()
    except sqlite3.OperationalError:  # killed before the first life had made its tables
        return Counter()
