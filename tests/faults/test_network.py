"""The network between hub and NOC breaks in every way: nothing is lost or comes twice, and what is fresh is in time."""

import asyncio
import os
import signal
import sys
from functools import partial
from pathlib import Path

import pytest

from hub_agent.model import ReadingClass
from tests.broker import NOC, PREFIX, Broker
from tests.faults.trial import Trial, seed, trial
from tests.integration.site import noc_options

pytestmark = [pytest.mark.faults, pytest.mark.broker, pytest.mark.timeout(240)]

_LIMIT = '[[limits]]\nmeasure = "spo2"\nlow = 98\npriority = "high"\n'
"""So close to a healthy patient's values that it comes and goes: alarms to be timed."""


async def _cut(run: Trial, for_s: float) -> None:
    async with run.trouble():
        run.wire.set_cut(True)
        await asyncio.sleep(for_s)
        run.wire.set_cut(False)


async def test_a_cut(broker: Broker, tmp_path: Path) -> None:
    async with trial(tmp_path, broker, _LIMIT) as run:
        for for_s in (1.0, 5.0, 12.0):
            await run.deliver(5)
            await _cut(run, for_s)
        await run.deliver(8)
        await run.finish()
        run.reckon("connection cut")


async def test_a_half_open_connection(broker: Broker, tmp_path: Path) -> None:
    async with trial(tmp_path, broker, _LIMIT) as run:
        for for_s in (8.0, 20.0):
            await run.deliver(4)
            async with run.trouble():
                run.wire.swallows = True
                await asyncio.sleep(for_s)
                run.wire.swallows = False
        await run.deliver(22)
        await run.finish()
        run.reckon("packets swallowed, no reset")


async def test_a_slow_link_with_a_long_backlog(broker: Broker, tmp_path: Path) -> None:
    async with trial(tmp_path, broker, _LIMIT, before=partial(seed, batches=400, each=700)) as run:
        async with run.trouble():
            run.wire.bits_s = 64_000
            run.wire.reset()
            await run.deliver(50)
            run.wire.bits_s = 0
        run.outages.clear()  # a slow link is no outage: whatever is fresh must go over it in time
        await run.finish()
        alarms_s, fresh_s = sorted(run.delays_s(ReadingClass.ALARM)), sorted(run.delays_s())
        run.reckon("64 kbit/s, 280 000 readings waiting")
    assert len(alarms_s) > 20
    assert alarms_s[int(0.9 * len(alarms_s))] <= 2.0
    assert fresh_s[int(0.9 * len(fresh_s))] <= 4.0


async def test_flapping(broker: Broker, tmp_path: Path) -> None:
    async with trial(tmp_path, broker) as run:
        await run.deliver(3)
        async with run.trouble():
            for up_s in (0.2, 0.5, 1.0, 1.5, 2.0, 0.1, 0.4, 0.8, 1.6, 3.0):
                run.wire.set_cut(True)
                await asyncio.sleep(0.7)
                run.wire.set_cut(False)
                await asyncio.sleep(up_s)
                run.injected += 1
        run.injected -= 1
        await run.deliver(8)
        await run.finish()
        run.reckon("flapping, up for 0.1 to 3 s")


async def test_a_broker_that_is_restarted(broker: Broker, tmp_path: Path) -> None:
    async with trial(tmp_path, broker) as run:
        for for_s in (0.0, 4.0):
            await run.deliver(4)
            async with run.trouble():
                await broker.stop()
                await asyncio.sleep(for_s)
                await broker.start()
        await run.deliver(12)
        await run.finish()
        run.reckon("broker restarted")


async def test_a_broker_that_comes_back_without_its_sessions(broker: Broker, tmp_path: Path) -> None:
    async with trial(tmp_path, broker) as run:
        for _ in range(3):
            await run.deliver(4)
            async with run.trouble():
                await broker.kill()
                for left in broker.here.glob("mosquitto.db*"):
                    left.unlink()
                await broker.start()
        await run.deliver(15)
        await run.finish()
        run.reckon("broker killed, sessions lost")


async def test_an_acl_that_is_withdrawn_and_given_back(broker: Broker, tmp_path: Path) -> None:
    acl = (broker.here / "acl").read_text()
    async with trial(tmp_path, broker) as run:
        for _ in range(2):
            await run.deliver(4)
            async with run.trouble():
                (broker.here / "acl").write_text(acl.replace(f"pattern write {PREFIX}/%u/up/#\n", ""))
                os.kill(broker.pid, signal.SIGHUP)
                await asyncio.sleep(8)
                (broker.here / "acl").write_text(acl)
                os.kill(broker.pid, signal.SIGHUP)
        await run.until_event("alarm", condition="uplink_refused", presence="off")
        assert run.daemon.said.count(b'"uplink_down"') <= 1  # it never gave the connection up for it
        await run.deliver(4)
        await run.finish()
        run.reckon("ACL withdrawn and given back")


async def test_a_broker_that_is_full_drops_the_newest_and_says_nothing(broker: Broker, tmp_path: Path) -> None:
    await broker.stop()
    conf = broker.here / "mosquitto.conf"
    conf.write_text(conf.read_text().replace("max_queued_messages 100000", "max_queued_messages 5"))
    await broker.start()
    async with trial(tmp_path, broker, noc=False) as run:
        async with run.site.collecting(*noc_options(broker)):
            await run.site.until(run.site.charted)
        async with run.trouble():
            await asyncio.sleep(15)  # the NOC's session holds five messages; of the rest, acknowledged, nothing is left
        async with run.site.collecting(*noc_options(broker)):
            await run.deliver(12)
            await run.finish()
            run.reckon("broker full, NOC away")


@pytest.fixture
def past() -> dict[str, str]:
    """The environment of a process that believes to be in 1970; durations stay true."""
    library = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
    if library is None:
        pytest.skip("libfaketime is not installed: apt-get install faketime")
    return {"LD_PRELOAD": str(library), "FAKETIME": "@1970-01-02 00:00:00", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


async def test_a_hub_that_boots_in_1970_delivers_over_tls(broker: Broker, tmp_path: Path, past: dict[str, str]) -> None:
    refused = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _PLAIN, str(broker.here), str(broker.port), NOC),
        env=os.environ | past,
        stderr=asyncio.subprocess.PIPE,
    )
    broker.authority.context(NOC)
    _, said = await refused.communicate()
    assert b"certificate is not yet valid" in said  # so it would be without the floor
    async with trial(tmp_path, broker, environment=past) as run:
        run.injected = 1
        await run.deliver(5)
        await run.finish()
        run.reckon("booted in 1970, no NTP", timed=False)


_PLAIN = """
import socket, ssl, sys
here, port, name = sys.argv[1:]
context = ssl.create_default_context(cafile=f"{here}/ca.pem")
context.wrap_socket(socket.create_connection(("127.0.0.1", int(port))), server_hostname="127.0.0.1")
"""
