"""What happens to the hub's clock while its readings wait."""

import asyncio
import os
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from hub_agent.clock import SystemClock
from tests.broker import NOC, Broker
from tests.faults.trial import Trial, trial
from tests.integration.site import Life

_PROGRAM: Final = """
import os
from pathlib import Path
from hub_agent import cli, clock
clock.kernel_synced = Path(os.environ["HUB_SYNCED"]).exists
cli.main()
"""
"""``hub-agent`` on a machine whose clock is synchronised while a file exists."""
_AWAY_MS: Final = 50
"""How far from the truth a re-dated reading may be."""


def _faked() -> dict[str, str]:
    """The environment of a process whose wall clock is not the machine's; durations stay true."""
    library = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
    if library is None:
        pytest.skip("libfaketime is not installed: apt-get install faketime")
    return {"LD_PRELOAD": str(library), "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


async def booted_in_1970(broker: Broker, here: Path) -> None:
    past = _faked() | {"FAKETIME": "@1970-01-02 00:00:00"}
    broker.authority.context(NOC)
    refused = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _PLAIN, str(broker.here), str(broker.port)),
        env=os.environ | past,
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await refused.communicate()
    assert b"certificate is not yet valid" in said  # so it would be without the floor
    async with trial(here, broker, around=Life(environment=past)) as run:
        run.injected = 1
        await run.deliver(5)
        await run.finish()
        run.reckon("booted in 1970 over TLS, no NTP")


_PLAIN = """
import socket, ssl, sys
here, port = sys.argv[1:]
context = ssl.create_default_context(cafile=f"{here}/ca.pem")
context.wrap_socket(socket.create_connection(("127.0.0.1", int(port))), server_hostname="127.0.0.1")
"""


async def stepped_while_buffering(broker: Broker, here: Path) -> None:
    """NTP comes late, goes, and comes again; the clock is a year off, jumps, runs too fast."""
    shown, synced = here / "shown", here / "synced"
    shown.write_text("-365d")
    environment = _faked() | {
        "FAKETIME_TIMESTAMP_FILE": str(shown),
        "FAKETIME_NO_CACHE": "1",
        "HUB_SYNCED": str(synced),
    }
    async with trial(here, broker, around=Life(program=_PROGRAM, environment=environment)) as run:
        for steps in (("+300", "-300", "+365d", "+0 x1.1"), ("+300", "-365d")):
            await run.deliver(3)
            async with run.trouble():
                run.wire.set_cut(True)
                for step in steps:
                    synced.unlink(missing_ok=True)  # a clock that is set is not synchronised: the kernel says so
                    shown.write_text(step)
                    await asyncio.sleep(2.5)
                    run.injected += 1
                shown.write_text("+0 x1")
                synced.touch()
                await asyncio.sleep(2.5)
                run.wire.set_cut(False)
            run.injected -= 1
        await run.deliver(5)
        await run.finish()
        run.reckon("clock stepped by 5 min and a year, fast")
        assert _astray(run) == []


def _astray(run: Trial) -> list[tuple[int, int]]:
    """Give (when by the monotonic clock, how far off), in milliseconds, of readings that the chart dates wrong."""
    stamp = SystemClock().stamp()
    booted_ms = (stamp.wall_ns - stamp.monotonic_ns) // 1_000_000
    with closing(sqlite3.connect(run.site.store)) as db:
        rows = db.execute("SELECT r.monotonic_ms, c.received_ms FROM readings r JOIN chart c USING (id)").fetchall()
    return [
        (at_ms, dated_ms - at_ms - booted_ms)
        for at_ms, dated_ms in rows
        if abs(dated_ms - at_ms - booted_ms) > _AWAY_MS
    ]
