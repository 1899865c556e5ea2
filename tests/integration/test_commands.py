"""Commands from ``hub-noc send`` to the daemon and back, and those that nobody may send."""

import json
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from hub_agent import mqtt
from hub_agent.commands.claims import Claims
from hub_agent.daemon import RESTART
from hub_agent.noc import signing
from hub_agent.noc.keyring import keygen
from hub_agent.topics import Topics
from hub_agent.trust import Role
from tests.broker import INTRUDER, Broker
from tests.configs import HUB
from tests.integration.site import Site, device, noc_options, now, oximeters, tls_site

pytestmark = [pytest.mark.broker, pytest.mark.slow]

_LIMIT = '[[limits]]\nmeasure = "spo2"\nlow = 80\npriority = "high"\n'
_SPO2 = {
    "measure": "MDC_PULS_OXIM_SAT_O2",
    "device": None,
    "low": "80",
    "high": "90",
    "delay_s": 0,
    "hysteresis": "0",
    "priority": "high",
    "latching": False,
    "enabled": True,
}
"""A high limit that a healthy saturation is above: wrong for a patient, right to see the next judgement change."""


def _draft(counter: int, at: datetime, hub_id: str = HUB, session: str | None = None) -> Claims:
    return signing.draft(
        "ping",
        {},
        hub_id=hub_id,
        issuer=Role.OPERATOR,
        counter=counter,
        now=at,
        reason="T-1",
        nonce=session,
    )


def _has(site: Site, events: int) -> bool:
    return len(_codes(site)) == events


def _codes(site: Site) -> list[str]:
    return [event["code"] for event in site.events("security")]


@pytest.mark.timeout(600)
async def test_limits_that_the_noc_sets_judge_the_next_reading_and_outlive_a_restart(
    broker: Broker, tmp_path: Path
) -> None:
    port = tmp_path / "bed-1"
    async with oximeters([port]):
        site = tls_site(tmp_path, broker, broker.port, device("bed-1", port, cadence_s=60) + _LIMIT)
        async with site.collecting(*noc_options(broker)):
            async with site.daemon() as daemon:
                await site.until(lambda: len(site.charted()) >= 3)
                assert site.events("alarm") == []
                args = json.dumps({"revision": 1, "limits": [_SPO2]})
                answer = await site.send("limits.set", args, "--role", "clinician", "--reason", "T-2")
                assert answer["outcome"] == "done", answer
                await site.until(lambda: any(e["measure"] for e in site.events("alarm")))
                (alarm,) = [event for event in site.events("alarm") if event["measure"]]
                assert (alarm["presence"], alarm["device"], alarm["limit"], alarm["revision"]) == (
                    "on",
                    "bed-1",
                    "90",
                    1,
                )
                answer = await site.send("agent.restart", "--timeout", "1")
                assert answer["outcome"] is None  # the next process says that it is done
                assert await daemon.process.wait() == RESTART
            async with site.daemon() as daemon:
                answer = await site.send("status")
                assert answer["result"]["alarms"]["limits_revision"] == 1
                restarts = [event for event in site.events("result") if event["op"] == "agent.restart"]
                assert [event["outcome"] for event in restarts] == ["done"]
                assert await daemon.stop() == 0


@pytest.mark.timeout(600)
async def test_what_nobody_may_send_is_refused_each_with_its_own_code(broker: Broker, tmp_path: Path) -> None:
    site = tls_site(tmp_path, broker, broker.port)
    key = site.keyring.role_key(Role.OPERATOR)
    stranger = keygen(tmp_path / "stranger", "X25519").role_key(Role.OPERATOR)
    far = 10**14  # above every counter of ``hub-noc send``
    topic = Topics(HUB).commands
    async with site.collecting(*noc_options(broker)), mqtt.connect(broker.profile(INTRUDER)) as intruder:
        async with site.daemon() as daemon:
            answer = await site.send("ping")
            assert answer["outcome"] == "done"
            captured = site.command(answer["jti"])
            forged = {
                "bad_signature": signing.sign(_draft(far, now()), [replace(stranger, kid=key.kid)]),
                "unknown_key": signing.sign(_draft(far, now()), [stranger]),
                "expired": signing.sign(_draft(far + 1, now() - timedelta(hours=1)), [key]),
                "wrong_audience": signing.sign(_draft(far + 2, now(), "hub-0002"), [key]),
                "wrong_session": signing.sign(_draft(far + 3, now(), session="5e" * 16), [key]),
                "malformed": b"{}",
            }
            for number, (code, payload) in enumerate(forged.items()):
                await intruder.publish_and_wait(topic, payload)
                await site.until(partial(_has, site, number + 1))
                assert _codes(site)[-1] == code
            await intruder.publish_and_wait(topic, captured)
            await site.until(lambda: _codes(site)[-1] == "replayed")
            assert await daemon.stop() == 0
        async with site.daemon() as daemon:  # what was used is used in the next life too
            await site.until_connected()
            await intruder.publish_and_wait(topic, captured)
            await site.until(lambda: _codes(site).count("replayed") == 2)
            await site.until_drained()
            assert await daemon.stop() == 0
    pings = [event for event in site.events("result") if event["jti"] == answer["jti"]]
    assert {event["outcome"] for event in pings} == {"done"}
    assert {json.dumps(event["result"]) for event in pings} == {json.dumps(pings[0]["result"])}  # carried out once
    assert sorted(_codes(site)) == sorted([*forged, "replayed", "replayed"])


@pytest.mark.timeout(300)
async def test_a_retained_command_is_never_carried_out(broker: Broker, tmp_path: Path) -> None:
    site = tls_site(tmp_path, broker, broker.port)
    payload = signing.sign(_draft(10**14, now(), session="5e" * 16), [site.keyring.role_key(Role.OPERATOR)])
    async with site.collecting(*noc_options(broker)), mqtt.connect(broker.profile(INTRUDER)) as intruder:
        await intruder.publish_and_wait(Topics(HUB).commands, payload, retain=True)
        async with site.daemon() as daemon:
            answer = await site.send("ping")  # comes after the retained one would have
            assert answer["outcome"] == "done"
            assert await daemon.stop() == 0
    assert len(site.events("result")) == 1
