"""What happens to the broker, and to the NOC behind it."""

import asyncio
import contextlib
import os
import shutil
import signal
from pathlib import Path

from tests.broker import PREFIX, Authority, Broker
from tests.faults.trial import trial
from tests.integration.site import noc_options


async def restarted(broker: Broker, here: Path) -> None:
    async with trial(here, broker) as run:
        for for_s in (0.0, 4.0):
            await run.deliver(4)
            async with run.trouble():
                await broker.stop()
                await asyncio.sleep(for_s)
                await broker.start()
        await run.deliver(8)
        await run.finish()
        run.reckon("broker restarted")


async def without_its_sessions(broker: Broker, here: Path) -> None:
    async with trial(here, broker) as run:
        for _ in range(3):
            await run.deliver(4)
            async with run.trouble():
                await broker.kill()
                for left in broker.here.glob("mosquitto.db*"):
                    left.unlink()
                await broker.start()
        await run.deliver(8)
        await run.finish()
        run.reckon("broker killed, sessions lost")


async def acl_withdrawn(broker: Broker, here: Path) -> None:
    acl = (broker.here / "acl").read_text()
    async with trial(here, broker) as run:
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


async def full(broker: Broker, here: Path) -> None:
    """It drops the newest, and acknowledges it all the same."""
    await broker.kill()  # it holds nothing yet, and may not listen to a polite word so soon
    conf = broker.here / "mosquitto.conf"
    conf.write_text(conf.read_text().replace("max_queued_messages 100000", "max_queued_messages 5"))
    await broker.start()
    async with trial(here, broker, noc=False) as run:
        async with run.site.collecting(*noc_options(broker)):
            await run.site.until(run.site.charted)
        async with run.trouble():
            await asyncio.sleep(12)  # the NOC's session holds five messages; of the rest, acknowledged, nothing is left
        async with run.site.collecting(*noc_options(broker)):
            await run.deliver(8)
            await run.finish()
            run.reckon("broker full, NOC away")


async def noc_killed(broker: Broker, here: Path) -> None:
    async with trial(here, broker, noc=False) as run, contextlib.AsyncExitStack() as stack:
        collector = await stack.enter_async_context(run.site.collecting(*noc_options(broker)))
        for away_s in (0.0, 2.0, 6.0):
            await run.deliver(3)
            collector.kill()
            async with run.trouble():
                charted = len(run.site.charted())
                await asyncio.sleep(away_s)
                collector = await stack.enter_async_context(run.site.collecting(*noc_options(broker)))
                await run.site.until(lambda before=charted: len(run.site.charted()) > before)  # type: ignore[misc]
        await run.deliver(6)
        await run.finish()
        run.reckon("NOC's collector killed -9")


async def certificate_of_a_stranger(broker: Broker, here: Path) -> None:
    """Somebody else's broker takes the place of ours; then ours is back, with a renewed certificate."""
    (here / "stranger").mkdir()
    Authority(here / "stranger").issue("broker", server=True)
    async with trial(here, broker) as run:
        await run.deliver(4)
        async with run.trouble():
            await broker.stop()
            for name in ("broker.pem", "broker.key"):
                shutil.copy(here / "stranger" / name, broker.here / name)
            await broker.start()
            await asyncio.sleep(8)
            charted = len(run.site.charted())
            await asyncio.sleep(2)
            assert len(run.site.charted()) == charted  # nobody has told the stranger anything
            await broker.stop()
            broker.authority.issue("broker", server=True)
            await broker.start()
        assert b"CERTIFICATE_VERIFY_FAILED" in run.daemon.said
        await run.deliver(6)
        await run.finish()
        run.reckon("broker with a stranger's certificate")
