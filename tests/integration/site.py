"""One home and its NOC, run as processes: the daemon, the collector, a broker between them, virtual devices on ptys."""

import asyncio
import contextlib
import json
import os
import sqlite3
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hub_agent import identity, wire
from hub_agent.control import ask_status
from hub_agent.envelope import parse_batch, parse_epoch
from hub_agent.errors import LinkError
from hub_agent.model import ReceivedReading
from hub_agent.noc.keyring import Keyring
from hub_agent.noc.store import Store
from hub_agent.seal import open_epoch
from hub_agent.simulate.pace import RealPace
from hub_agent.simulate.physiology import Patient
from hub_agent.simulate.serial_devices import VirtualSerial
from tests.broker import NOC, Broker
from tests.configs import HUB, make_keys, tls, write
from tests.opening import open_batch

_BEGAN = datetime(2026, 11, 22, 12)  # noqa: DTZ001 - what a device's own clock shows
_SYNCED = "from hub_agent import cli, clock; clock.kernel_synced = lambda: True; cli.main()"
"""``hub-agent`` on a machine whose clock is synchronised, which that of a test need not be."""
PATIENCE_S = 120.0


class Life(NamedTuple):
    """What a hub's process finds around it.

    Attributes:
        before: the command that starts it.
        program: Python, ``hub-agent`` in the end.
        environment: beside everybody's.
    """

    before: tuple[str, ...] = ()
    program: str = _SYNCED
    environment: Mapping[str, str] = MappingProxyType({})


AS_IT_IS = Life()


class Seen(NamedTuple):
    """A reading by what no other reading shares: its device sends one to three a second."""

    device: str
    boot: str
    monotonic_ms: int


def device(name: str, port: Path, form: int = 8, cadence_s: int = 1) -> str:
    """Spell a Nonin on a port for the configuration."""
    return (
        f'[[devices]]\nname = "{name}"\ndriver = "nonin-serial"\nport = "{port}"\n'
        f"cadence_s = {cadence_s}\noptions = {{ format = {form} }}\n"
    )


@dataclass
class Daemon:
    """A running ``hub-agent run``."""

    process: asyncio.subprocess.Process
    said: bytearray = field(default_factory=bytearray)

    async def listen(self) -> None:
        """Take what it logs, until it ends."""
        assert self.process.stderr is not None
        while data := await self.process.stderr.read(65_536):
            self.said += data

    async def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        await self.process.wait()

    async def stop(self) -> int:
        """End it politely; give its exit code."""
        if self.process.returncode is None:
            self.process.terminate()
        async with asyncio.timeout(PATIENCE_S):
            return await self.process.wait()


class Site:
    """The files of one home and its NOC.

    Args:
        here: an empty directory.
        port: of the broker as the hub sees it.
        broker: the broker's table of the configuration.
        more: devices and limits.
    """

    def __init__(self, here: Path, port: int, broker: str, more: str = "") -> None:
        self.here = here
        self.keyring: Keyring = make_keys(here)
        self.config = write(here, more, port=port, broker=broker)
        self.store = here / "noc.db"
        with Store(self.store) as store, store.transaction():
            store.hubs.add(HUB, identity.load(here / "identity.pem").public_key(), 0)

    @property
    def state(self) -> Path:
        """The hub's state directory."""
        return self.here / "state"

    @property
    def outbox(self) -> Path:
        """The hub's outbox."""
        return self.state / "outbox.db"

    # --- processes ----------------------------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def daemon(self, around: Life = AS_IT_IS) -> AsyncIterator[Daemon]:
        """Run the hub; whatever is left of it at the end is killed."""
        process = await asyncio.create_subprocess_exec(
            *(*around.before, sys.executable, "-c", around.program, "run", "--config", str(self.config)),
            env=os.environ | around.environment,
            stderr=asyncio.subprocess.PIPE,
        )
        daemon = Daemon(process)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(daemon.listen())
            try:
                yield daemon
            finally:
                if process.returncode is None:
                    await daemon.kill()

    @contextlib.asynccontextmanager
    async def collecting(self, *broker: str) -> AsyncIterator[asyncio.subprocess.Process]:
        """Run ``hub-noc collect`` with options that say how to reach the broker; give its process."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "hub_agent.noc", "collect", "--keys", str(self.here / "noc")),
            *("--store", str(self.store), "--quiet", *broker),
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()

    async def send(self, *args: str) -> dict[str, Any]:
        """Run ``hub-noc send`` once the hub is connected; give its answer."""
        await self.until_connected()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "hub_agent.noc", "send", HUB, *args, "--json"),
            *("--keys", str(self.here / "noc"), "--store", str(self.store)),
            stdout=asyncio.subprocess.PIPE,
        )
        output, _ = await process.communicate()
        answer: dict[str, Any] = json.loads(output)
        return answer

    # --- what is where ------------------------------------------------------------------------------------------------

    def waiting(self) -> Counter[Seen]:
        """Open every batch in the outbox, as only the NOC can; give its readings. The hub must not be running."""
        found: Counter[Seen] = Counter()
        with self._read(self.outbox) as db:
            records = [parse_epoch(bytes(record)) for (record,) in db.execute("SELECT record FROM epochs")]
            public = identity.load(self.here / "identity.pem").public_key()
            keys = {record.epoch: AESGCM(open_epoch(record, public, self.keyring.opening_keys())) for record in records}
            for (envelope,) in db.execute("SELECT envelope FROM batches"):
                batch = parse_batch(bytes(envelope))
                found.update(_readings(wire.decode(open_batch(batch, public, keys[batch.header.epoch]))))
        return found

    def batches(self) -> int:
        """How many batches wait in the outbox, which the hub may be making just now."""
        with self._read(self.outbox) as db, contextlib.suppress(sqlite3.OperationalError):
            return int(db.execute("SELECT count(*) FROM batches").fetchone()[0])
        return 0

    def charted(self) -> Counter[Seen]:
        """The readings that the NOC has."""
        with self._read(self.store) as db:
            return Counter(Seen(*row) for row in db.execute("SELECT device, boot, monotonic_ms FROM readings"))

    def measurements(self, device: str) -> list[list[list[Any]]]:
        """The readings that the NOC has of a device, as they came: code, unit and value of each part."""
        with self._read(self.store) as db:
            rows = db.execute("SELECT measurements FROM readings WHERE device = ? ORDER BY id", (device,))
            return [json.loads(measurements) for (measurements,) in rows]

    def events(self, kind: str) -> list[dict[str, Any]]:
        """The fields of the NOC's events of a kind, oldest first."""
        with self._read(self.store) as db:
            rows = db.execute("SELECT fields FROM events WHERE kind = ? ORDER BY id", (kind,))
            return [json.loads(fields) for (fields,) in rows]

    def faults(self, *, cleared: bool = True) -> list[str]:
        """What the NOC finds wrong with this hub's deliveries; by default also what was wrong only for a while."""
        with self._read(self.store) as db:
            return [kind for (kind,) in db.execute("SELECT kind FROM faults WHERE ? OR cleared_ms IS NULL", (cleared,))]

    def command(self, jti: str) -> bytes:
        """A command as it was sent."""
        with self._read(self.store) as db:
            return bytes(db.execute("SELECT payload FROM commands WHERE jti = ?", (jti,)).fetchone()[0])

    @staticmethod
    @contextlib.contextmanager
    def _read(path: Path) -> Iterator[sqlite3.Connection]:
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
            yield db

    async def until(self, condition: Callable[[], object], within_s: float = PATIENCE_S) -> None:
        """Look ten times a second until something is so: what one looks at belongs to other processes."""
        async with asyncio.timeout(within_s):
            while not condition():  # noqa: ASYNC110 - see above
                await asyncio.sleep(0.1)

    async def until_connected(self) -> Mapping[str, Any]:
        """Wait until the running hub has its broker; give its state."""
        return await self._until_state(lambda _state: True)

    async def until_drained(self, within_s: float = PATIENCE_S) -> Mapping[str, Any]:
        """Wait until the running hub has everything confirmed; give its state."""
        return await self._until_state(lambda state: not any(lane["items"] for lane in _lanes(state)), within_s)

    async def _until_state(
        self, good: Callable[[Mapping[str, Any]], bool], within_s: float = PATIENCE_S
    ) -> Mapping[str, Any]:
        async with asyncio.timeout(within_s):
            while True:
                with contextlib.suppress(LinkError):
                    state = await ask_status(self.here / "run")
                    if state["uplink"]["up"] and good(state):
                        return state
                await asyncio.sleep(0.1)


def _lanes(state: Mapping[str, Any]) -> Sequence[Mapping[str, int]]:
    return list(state["delivery"]["waiting"].values())


def _readings(items: Sequence[wire.Item]) -> Iterator[Seen]:
    for item in items:
        if isinstance(item, ReceivedReading):
            yield Seen(item.device, item.stamp.boot, item.stamp.monotonic_ns // 1_000_000)


def tls_site(here: Path, broker: Broker, port: int, more: str = "") -> Site:
    """A site whose hub and NOC reach the broker by TLS, each with its own certificate."""
    for name in (HUB, NOC):
        broker.authority.issue(name)
    return Site(here, port, tls(broker.here), more)


def noc_options(broker: Broker, port: int | None = None) -> tuple[str, ...]:
    """How the collector reaches a broker of :mod:`tests.broker`."""
    here = broker.here
    files = ("--ca", str(here / "ca.pem"), "--cert", str(here / f"{NOC}.pem"), "--key", str(here / f"{NOC}.key"))
    return ("--port", str(port or broker.port), *files)


@contextlib.asynccontextmanager
async def oximeters(ports: Sequence[Path]) -> AsyncIterator[list[VirtualSerial]]:
    """Virtual oximeters that live on ports, each on a patient of its own."""
    pace = RealPace()
    devices = [VirtualSerial("nonin", port, Patient(2 + number), _BEGAN, pace) for number, port in enumerate(ports)]
    async with asyncio.TaskGroup() as tasks:
        living = [tasks.create_task(one.run()) for one in devices]
        try:
            yield devices
        finally:
            for task in living:
                task.cancel()
            for one in devices:
                one.close()


def now() -> datetime:
    """What the NOC's clock says."""
    return datetime.now(UTC)  # noqa: TID251 - processes of their own have the machine's clock
