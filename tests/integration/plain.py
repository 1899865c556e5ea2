"""A mosquitto without TLS and without rules: for tests that look at, or meddle with, what goes over the wire."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.broker import mosquitto

_CONF = """listener {port} 127.0.0.1
allow_anonymous true
persistence false
max_packet_size 131072
max_queued_messages 100000
"""


@asynccontextmanager
async def plain_broker(here: Path, port: int) -> AsyncIterator[int]:
    """Run it while the context is open; give its port."""
    binary = mosquitto()
    if binary is None:
        pytest.skip("mosquitto is not installed: apt-get install mosquitto")
    (here / "plain.conf").write_text(_CONF.format(port=port), encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        binary, "-c", str(here / "plain.conf"), stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    async with asyncio.timeout(10):
        while not (await process.stderr.readline()).rstrip().endswith(b"running"):
            pass
    try:
        yield port
    finally:
        process.terminate()
        await process.communicate()
