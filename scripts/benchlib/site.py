"""A home and a hospital for measurements: broker, NOC and hubs in one directory, on this machine.

Owns: keys, configuration files, the broker's and the collector's processes. Never: measures.
"""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from hub_agent import config as configuration
from hub_agent import identity, seal
from hub_agent.builder import Builder
from hub_agent.clock import SystemClock
from hub_agent.config import Config
from hub_agent.demo.broker import broker as plain_broker
from hub_agent.noc.hubs import load_public_key
from hub_agent.noc.keyring import keygen
from hub_agent.noc.store import Store
from hub_agent.outbox.box import LocalBox
from hub_agent.outbox.outbox import Outbox
from hub_agent.outbox.store import Store as OutboxStore
from tests.broker import NOC, Broker

CLOCK: Final = SystemClock(synced=lambda: True)
HUB: Final = "hub-bench"
WATCHER: Final = "watcher"
"""A client that may read what the NOC says to any hub."""

_CONFIG: Final = """
[hub]
id = "{hub}"
state_dir = "{state}"
runtime_dir = "{hub}-run"

[broker]
host = "127.0.0.1"
port = {port}
{tls}

[noc]
trust = "noc/noc-public.json"

[identity]
key = "{hub}.pem"

[[limits]]
measure = "spo2"
low = 90
hysteresis = 1
priority = "high"

[[limits]]
measure = "pulse"
low = 40
high = 130
{rest}
"""

_TLS: Final = """
[broker.tls]
ca = "tls/ca.pem"
certificate = "tls/{hub}.pem"
key = "tls/{hub}.key"
"""

_PLAIN: Final = 'insecure = true\ntls = "off"'


@dataclass
class Site:
    """What runs, and where its files are.

    Attributes:
        here: the directory.
        port: the broker's.
        tls: the TLS broker; None where the wire is plain.
        broker_pid: of the broker's process.
    """

    here: Path
    port: int
    tls: Broker | None
    broker_pid: int
    _collector: asyncio.subprocess.Process | None = field(default=None, init=False)

    def add_hubs(self, names: Iterable[str]) -> None:
        """Make hubs' identities and register them at the NOC."""
        with Store(self.here / "noc.db") as store, store.transaction():
            for name in names:
                key = identity.make(self.here / f"{name}.pem")
                public = load_public_key(identity.public_pem(key), name)
                store.hubs.add(name, public, CLOCK.stamp().wall_ns // 1_000_000)

    def config(
        self, hub: str = HUB, *, port: int | None = None, state: Path | None = None, rest: str = ""
    ) -> tuple[Path, Config]:
        """Write a hub's configuration and load it; ``rest`` is more of it, in TOML."""
        tls = _PLAIN
        if self.tls is not None:
            tls = _TLS.format(hub=hub)
            self.tls.authority.issue(hub)
        where = state or self.here / f"{hub}-state"
        text = _CONFIG.format(hub=hub, state=where, port=port or self.port, tls=tls, rest=rest)
        path = self.here / f"{hub}.toml"
        path.write_text(text, encoding="utf-8")
        return path, configuration.load(path)

    @property
    def collector_pid(self) -> int:
        """The collector's process."""
        if self._collector is None:
            raise RuntimeError("no collector runs")
        return self._collector.pid

    @asynccontextmanager
    async def collecting(self) -> AsyncIterator[None]:
        """Run ``hub-noc collect`` until it is connected, and on."""
        began_ms = CLOCK.stamp().wall_ns // 1_000_000
        self._collector = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "hub_agent.noc", "collect", "--quiet",
            "--keys", "noc", "--store", "noc.db", "--host", "127.0.0.1", "--port", str(self.port), *self._secure(),
            cwd=self.here, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        try:
            async with asyncio.timeout(60):
                while self._collected_ms() < began_ms:  # noqa: ASYNC110 - another process
                    await asyncio.sleep(0.05)
            yield
        finally:
            if self._collector.returncode is None:
                self._collector.terminate()
            await self._collector.wait()
            self._collector = None

    def _secure(self) -> list[str]:
        if self.tls is None:
            return []
        return ["--ca", "tls/ca.pem", "--cert", f"tls/{NOC}.pem", "--key", f"tls/{NOC}.key"]

    def _collected_ms(self) -> int:
        """Say when the collector was last at work."""
        with Store(self.here / "noc.db") as store:
            return store.collector_ms() or 0


@asynccontextmanager
async def site(here: Path, hubs: Sequence[str] = (HUB,), *, tls: bool = True) -> AsyncIterator[Site]:
    """Build a site in an empty directory and run its broker."""
    here.mkdir(parents=True)  # noqa: ASYNC240 - before anything runs
    keygen(here / "noc")
    if not tls:
        async with plain_broker(here) as plain:
            built = Site(here, plain.port, None, plain.pid)
            built.add_hubs(hubs)
            yield built
        return
    (here / "tls").mkdir()
    secure = Broker(here / "tls", persistence=False)
    secure.authority.issue(NOC)
    with (secure.here / "acl").open("a", encoding="utf-8") as rights:
        rights.write(f"\nuser {WATCHER}\ntopic read hubs/v1/+/down/#\n")
    await secure.start()
    try:
        built = Site(here, secure.port, secure, secure.pid)
        built.add_hubs(hubs)
        yield built
    finally:
        await secure.stop()


def open_outbox(config: Config) -> Outbox:
    """Open a hub's outbox as the agent does; nobody else is at work there."""
    config.hub.state_dir.mkdir(mode=0o700, exist_ok=True)
    return Builder(config, CLOCK).outbox()


def bare_outbox(path: Path) -> Outbox:
    """Make an outbox that belongs to no site: sealed to a NOC and a recovery key, as a hub's is."""
    key = identity.make(path.with_suffix(".pem"))
    recipients = [seal.Recipient(kid, seal.HYBRID, _public_key()) for kid in ("noc", "recovery")]
    return Outbox(
        OutboxStore(path, os.urandom(16)),
        lambda journal: seal.Sealer(HUB, journal, key, recipients),
        LocalBox(key),
        CLOCK,
    )


def _public_key() -> seal.PublicKey:
    halves = MLKEM768PrivateKey.generate().public_key(), X25519PrivateKey.generate().public_key()
    return seal.public_key(seal.HYBRID, b"".join(half.public_bytes_raw() for half in halves))


def cpu_s(pid: int | None = None) -> float:
    """Seconds of CPU that a process has used, in all the threads that it has now."""
    if pid is None:
        return time.process_time()
    tasks = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(task.read_text(encoding="ascii").split()[0]) for task in tasks) / 1e9


def rss_mib(pid: int) -> float:
    """Resident memory of a process in MiB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
