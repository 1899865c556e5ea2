"""A broker that drops, reorders, repeats, bends, forges and acknowledges what it swallowed: no act, no loss."""

import asyncio
from pathlib import Path

import pytest

from hub_agent import mqtt
from hub_agent.demo.broker import free_port
from hub_agent.envelope import Confirmation, sign_confirmation
from hub_agent.mqtt import Profile
from hub_agent.noc import signing
from hub_agent.noc.keyring import keygen
from hub_agent.topics import Topics
from hub_agent.trust import Role
from tests.configs import CLEAR, HUB
from tests.integration.evil import EvilBroker
from tests.integration.plain import plain_broker
from tests.integration.site import Site, device, now, oximeters

pytestmark = [pytest.mark.broker, pytest.mark.slow]

_EVIL_S = 25.0


async def _lie(site: Site, port: int) -> None:
    """Confirm what nobody has, command what nobody may, for as long as the evil lasts."""
    stranger = keygen(site.here / "stranger", "X25519")
    await site.until_connected()
    topics = Topics(HUB)
    word = Confirmation(HUB, 0, ((bytes(8), 1, 1 << 40),))
    claims = signing.draft("agent.restart", {}, hub_id=HUB, issuer=Role.OPERATOR, counter=1, now=now(), reason="T-1")
    async with mqtt.connect(Profile("liar", "127.0.0.1", port)) as link:
        while True:
            key = stranger.confirming_key().private
            await link.publish_and_wait(topics.confirm, sign_confirmation(word, key))
            await link.publish_and_wait(topics.commands, signing.sign(claims, [stranger.role_key(Role.OPERATOR)]))
            await asyncio.sleep(1)


@pytest.mark.timeout(240)
async def test_no_act_and_no_loss(tmp_path: Path) -> None:
    port = tmp_path / "bed-1"
    async with plain_broker(tmp_path, free_port()) as honest, EvilBroker(honest, 7).serving() as evil:
        site = Site(tmp_path, evil.port, CLEAR, device("bed-1", port, form=2) + "[delivery]\nresend_s = 2\n")
        async with site.collecting("--port", str(honest)), oximeters([port]), site.daemon() as daemon:
            await site.until(site.charted)
            evil.evil = True
            async with asyncio.TaskGroup() as tasks:
                lying = tasks.create_task(_lie(site, honest))
                await asyncio.sleep(_EVIL_S)
                lying.cancel()
            evil.evil = False
            before = site.charted()
            await site.until(lambda: len(site.charted()) > len(before))
            state = await site.until_drained()
            assert await daemon.stop() == 0
        charted = site.charted()
        assert not site.waiting() - charted
    assert sum(charted.values()) >= state["intake"]["stored"]  # of this one life: every reading that was stored
    assert max(charted.values()) == 1
    assert {"fake-ack", "drop", "double", "hold", "hang-up", "drop-word", "old-word", "bend"} <= evil.deeds.keys()
    assert len(site.events("start")) == 1  # the forged restart was none
    codes = {event["code"] for event in site.events("security")}
    assert "unknown_key" in codes
    assert not {fault for fault in site.faults() if fault not in {"gap", "malformed"}}
