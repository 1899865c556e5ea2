"""A mosquitto without TLS and without rules: for tests that look at, or meddle with, what goes over the wire."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from hub_agent.demo.broker import find_mosquitto
from tests.broker import running

_CONF = """listener {port} 127.0.0.1
allow_anonymous true
persistence false
max_packet_size 131072
max_queued_messages 100000
"""


@asynccontextmanager
async def plain_broker(here: Path, port: int) -> AsyncIterator[int]:
    """Run it while the context is open; give its port."""
    binary = find_mosquitto()
    if binary is None:
        pytest.skip("mosquitto is not installed: apt-get install mosquitto")
    (here / "plain.conf").write_text(_CONF.format(port=port), encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        binary, "-c", str(here / "plain.conf"), stderr=asyncio.subprocess.PIPE
    )
    try:
        await running(process)
        yield port
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.communicate()
