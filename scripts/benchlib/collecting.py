"""The NOC's collector as a process: ``python -m scripts.benchlib.collecting DIRECTORY PORT tls|plain``.

Owns: nothing; it runs :class:`Collector` on the site's store and prints ``ready`` once it is connected.
"""

import asyncio
import contextlib
import signal
import sys
from pathlib import Path

from hub_agent import logs
from hub_agent.clock import SystemClock
from hub_agent.mqtt import Profile
from hub_agent.noc.collector import Collector, Keys
from hub_agent.noc.keyring import Keyring
from hub_agent.noc.store import Store
from tests.broker import NOC, client_context


async def _main(here: Path, port: int, *, tls: bool) -> None:
    ring = Keyring.open(here / "noc")
    context = client_context(here / "tls", NOC) if tls else None
    profile = Profile(client_id=NOC, host="127.0.0.1", port=port, tls=context)
    keys = Keys(ring.opening_keys(), ring.confirming_key().private)
    with Store(here / "noc.db") as store:
        collector = Collector(store, keys, profile, SystemClock(synced=lambda: True))
        running = asyncio.current_task()
        assert running is not None  # noqa: S101 - this is a task
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_say_ready(collector))
            tasks.create_task(collector.run())


async def _say_ready(collector: Collector) -> None:
    await collector.connected.wait()
    print("ready", flush=True)


if __name__ == "__main__":
    logs.configure("critical", "json")
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(_main(Path(sys.argv[1]), int(sys.argv[2]), tls=sys.argv[3] == "tls"))
