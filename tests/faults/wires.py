"""What happens to the wire between hub and broker."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from hub_agent.clock import SystemClock
from hub_agent.model import ReadingClass
from tests.broker import SERVER, Broker
from tests.faults.trial import Trial, seed, trial
from tests.integration.site import Life

_LIMIT = '[[limits]]\nmeasure = "spo2"\nlow = 98\npriority = "high"\n'
"""So close to a healthy patient's values that it comes and goes: alarms to be timed."""


async def _cut(run: Trial, for_s: float) -> None:
    async with run.trouble():
        run.wire.set_cut(True)
        await asyncio.sleep(for_s)
        run.wire.set_cut(False)


async def cut(broker: Broker, here: Path) -> None:
    async with trial(here, broker, _LIMIT) as run:
        for for_s in (1.0, 5.0, 12.0):
            await run.deliver(5)
            await _cut(run, for_s)
        await run.deliver(6)
        await run.finish()
        run.reckon("connection cut")


async def half_open(broker: Broker, here: Path) -> None:
    async with trial(here, broker, _LIMIT) as run:
        for for_s in (8.0, 20.0):
            await run.deliver(4)
            async with run.trouble():
                run.wire.swallows = True
                await asyncio.sleep(for_s)
                run.wire.swallows = False
        await run.deliver(10)
        await run.finish()
        run.reckon("bytes swallowed, no reset")


@contextmanager
def _dropping(port: int) -> Iterator[None]:
    """Let the kernel drop every packet to and from a port of this machine."""
    if os.geteuid() != 0 or shutil.which("iptables") is None:
        pytest.skip("only root may drop packets, with iptables: apt-get install iptables")
    rules = [["-i", "lo", "-p", "tcp", end, str(port), "-j", "DROP"] for end in ("--dport", "--sport")]
    put: list[list[str]] = []
    try:
        for rule in rules:
            done = subprocess.run(["iptables", "-I", "INPUT", *rule], check=False, capture_output=True)  # noqa: S603, S607 - ours
            if done.returncode:
                pytest.skip("this kernel has no packet filter")
            put.append(rule)
        yield
    finally:
        for rule in put:
            subprocess.run(["iptables", "-D", "INPUT", *rule], check=True)  # noqa: S603, S607 - ours


async def packets_dropped(broker: Broker, here: Path) -> None:
    async with trial(here, broker, _LIMIT) as run:
        for for_s in (4.0, 15.0):
            await run.deliver(4)
            async with run.trouble():
                with _dropping(run.wire.port):
                    await asyncio.sleep(for_s)
        await run.deliver(10)
        await run.finish()
        run.reckon("packets dropped by the kernel, no reset")


async def slow_with_a_backlog(broker: Broker, here: Path) -> None:
    async with trial(here, broker, _LIMIT, before=partial(seed, batches=200, each=700)) as run:
        run.wire.bits_s = 64_000
        run.wire.reset()
        async with run.trouble():
            await asyncio.sleep(35)
        run.wire.bits_s = 0
        [slow] = run.outages
        run.outages.clear()  # a slow link is no outage: whatever is fresh must go over it in time
        await run.deliver(0)
        calm_at_s = SystemClock().monotonic_s()
        await run.deliver(5)
        await run.finish()
        alarms_s, fresh_s = run.delays_s(ReadingClass.ALARM, slow), run.delays_s(within=slow)
        calm_s = _most(run.delays_s(within=(calm_at_s, SystemClock().monotonic_s())))  # as fast as this machine is now
        run.reckon(f"64 kbit/s, {run.seeded // 1000} 000 readings waiting")
    assert len(alarms_s) > 3
    assert _most(alarms_s) <= calm_s + 1.5
    assert _most(fresh_s) <= calm_s + 3.0


def _most(delays_s: list[float]) -> float:
    """Give what nine of ten are below."""
    return sorted(delays_s)[int(0.9 * len(delays_s))]


async def flapping(broker: Broker, here: Path) -> None:
    async with trial(here, broker) as run:
        await run.deliver(3)
        async with run.trouble():
            for up_s in (0.2, 0.5, 1.0, 1.5, 2.0, 0.1, 0.4, 0.8, 1.6, 3.0):
                run.wire.set_cut(True)
                await asyncio.sleep(0.7)
                run.wire.set_cut(False)
                await asyncio.sleep(up_s)
                run.injected += 1
        run.injected -= 1
        await run.deliver(6)
        await run.finish()
        run.reckon("flapping, up for 0.1 to 3 s")


async def name_not_resolved(broker: Broker, here: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root may give a process names of its own")
    hosts, servers = here / "hosts", here / "resolv.conf"
    line = f"127.0.0.1 {SERVER}\n"
    hosts.write_text(line)
    servers.write_text("nameserver 127.0.0.1\n")  # where nobody answers
    mounts = f"mount --bind {hosts} /etc/hosts && mount --bind {servers} /etc/resolv.conf"
    around = Life(before=("unshare", "--mount", "sh", "-c", f'{mounts} && exec "$@"', "sh"))
    async with trial(here, broker, around=around, host=SERVER) as run:
        await run.deliver(4)
        async with run.trouble():
            hosts.write_text("")
            run.wire.reset()
            await asyncio.sleep(8)
            hosts.write_text(line)
        assert b"gaierror" in run.daemon.said
        await run.deliver(6)
        await run.finish()
        run.reckon("the broker's name not resolved")
