"""The real daemon, ``hub-agent run``, as a process that is looked at from outside.

Owns: its life. Never: reaches into it; what it says of itself comes over its control socket.
"""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hub_agent.config import Config
from hub_agent.control import ask_status
from hub_agent.errors import LinkError
from scripts.benchlib.site import cpu_s, rss_mib


@dataclass
class Daemon:
    """A running hub.

    Attributes:
        pid: its process.
        config: what it runs on.
        began_s: when it was started (perf_counter).
    """

    pid: int
    config: Config
    began_s: float

    async def status(self) -> dict[str, Any]:
        """Ask it how it is."""
        return await ask_status(self.config.hub.runtime_dir)

    async def until(self, condition: Callable[[dict[str, Any]], bool], within_s: float, every_s: float = 0.1) -> float:
        """Ask until something is so; give the seconds since the start."""
        async with asyncio.timeout(within_s):
            while True:
                with contextlib.suppress(LinkError):
                    if condition(await self.status()):
                        return time.perf_counter() - self.began_s
                await asyncio.sleep(every_s)

    def cpu_s(self) -> float:
        """CPU used so far."""
        return cpu_s(self.pid)

    def rss_mib(self) -> float:
        """Resident memory now."""
        return rss_mib(self.pid)

    def threads(self) -> int:
        """Count its threads."""
        return len(os.listdir(f"/proc/{self.pid}/task"))  # noqa: PTH208 - names are enough

    def descriptors(self) -> int:
        """Count its open files."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))  # noqa: PTH208 - the same


@asynccontextmanager
async def daemon(path: Path, config: Config, before: Sequence[str] = ()) -> AsyncIterator[Daemon]:
    """Run ``hub-agent run`` while the context is open; ``before`` is a command that runs it, as ``nice`` would."""
    began_s = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        *before, sys.executable, "-m", "hub_agent", "run", "--config", str(path),
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield Daemon(process.pid, config, began_s)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(10):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


def waiting(status: dict[str, Any]) -> int:
    """Count the batches that a status says are not confirmed."""
    return sum(int(lane["batches"]) for lane in status["delivery"]["waiting"].values())
