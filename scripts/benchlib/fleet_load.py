"""Hubs that are only simulated: what they say is sealed and signed as a hub does it, on one connection for all.

Owns: their batches and their pace; bare connections, to weigh them. Never: knows what the far end makes of it.
"""

import asyncio
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import chain, islice
from socket import create_connection
from typing import Final

from hub_agent import identity, mqtt, seal
from hub_agent.envelope import digest
from hub_agent.model import ReadingClass
from hub_agent.noc.keyring import Keyring
from hub_agent.topics import Topics
from hub_agent.wire import encode
from scripts.benchlib.readings import history
from scripts.benchlib.site import CLOCK, WATCHER, Site, cpu_s, rss_mib

_GRAIN_S: Final = 0.005
"""A timer's."""
_IN_A_ROW: Final = 20
_CONNECT: Final = b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00"
"""MQTT 3.1.1 §3.1: clean session, keep alive 60 s, no client id."""
_CONNACK_BYTES: Final = 4


@dataclass
class SimulatedHub:
    """A hub as the NOC sees it: an epoch, then batches, chained, sealed and signed."""

    name: str
    epoch: bytes = b""
    batches: list[bytes] = field(default_factory=list)

    def prepare(self, built: Site, keys: Sequence[seal.Recipient], batches: int, seconds: int) -> None:
        """Make what it is going to say: so many batches of eight devices' readings of so many seconds."""
        sealer = seal.Sealer(
            self.name, self.name.encode().ljust(16, b"-"), identity.load(built.here / f"{self.name}.pem"), keys
        )
        epoch = sealer.open_epoch(CLOCK.stamp().wall_ns)
        self.epoch, link = epoch.record, bytes(16)
        source = history(CLOCK.stamp(), batches * seconds)
        for seq in range(1, batches + 1):
            rows = list(chain.from_iterable(islice(source, seconds)))
            envelope = sealer.seal(epoch, seq, ReadingClass.CONTINUOUS, len(rows), link, encode(rows))
            self.batches.append(envelope)
            link = digest(envelope)


def prepared(built: Site, names: Sequence[str], batches: int, seconds: int = 1) -> list[SimulatedHub]:
    """Make hubs that are ready to talk."""
    trust = Keyring.open(built.here / "noc").trust
    keys = [seal.Recipient(who.kid, who.suite, who.key()) for who in trust.recipients]
    hubs = [SimulatedHub(name) for name in names]
    for hub in hubs:
        hub.prepare(built, keys, batches, seconds)
    return hubs


async def introduce(link: mqtt.Link, hubs: Sequence[SimulatedHub]) -> None:
    """Publish every hub's epoch.

    Raises:
        DeliveryError: the link is gone.
    """
    for hub in hubs:
        await link.publish(Topics(hub.name).keys, hub.epoch)


async def talk(link: mqtt.Link, hubs: Sequence[SimulatedHub], every_s: float = 1.0) -> float:
    """Publish one batch of each hub a turn, evenly over it; give for how long.

    Raises:
        DeliveryError: the link is gone.
    """
    began = time.perf_counter()
    for turn in range(len(hubs[0].batches)):
        for number, hub in enumerate(hubs):
            late_s = (turn + number / len(hubs)) * every_s - (time.perf_counter() - began)
            if late_s > _GRAIN_S:
                await asyncio.sleep(late_s)
            elif number % _IN_A_ROW == 0:
                await asyncio.sleep(0)  # the connection lives on this loop
            answered = link.publish(Topics(hub.name).live, hub.batches[turn])
            del answered  # what counts is what the NOC charts
    return time.perf_counter() - began


@contextmanager
def confirmations(built: Site) -> Iterator[bool]:
    """Let somebody take all hubs' confirmations, so that the broker has to hand them out; say whether one does."""
    program = shutil.which("mosquitto_sub")
    if program is None or built.tls is None:
        yield False
        return
    built.tls.authority.issue(WATCHER)
    files = built.tls.here
    command = [
        program, "-p", str(built.port), "-q", "1", "-t", "hubs/v1/+/down/ack", "--tls-version", "tlsv1.3", "-V", "5",
        "--cafile", f"{files}/ca.pem", "--cert", f"{files}/{WATCHER}.pem", "--key", f"{files}/{WATCHER}.key",
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:  # noqa: S603
        try:
            yield True
        finally:
            process.terminate()


def weigh_connections(built: Site, count: int) -> tuple[float, float]:
    """Connect so many hubs over TLS, each with its certificate; give the broker's CPU (µs) and memory (KiB) for one."""
    if built.tls is None:
        raise RuntimeError("the fleet speaks TLS")
    contexts = [built.tls.authority.context(f"connection-{number}") for number in range(count)]
    cpu, rss = cpu_s(built.broker_pid), rss_mib(built.broker_pid)
    with ExitStack() as stack:
        for context in contexts:
            stack.enter_context(_connected(context, built.port))
        used_us = (cpu_s(built.broker_pid) - cpu) / count * 1e6
        return used_us, (rss_mib(built.broker_pid) - rss) / count * 1024


def _connected(context: ssl.SSLContext, port: int) -> ssl.SSLSocket:
    wrapped = context.wrap_socket(create_connection(("127.0.0.1", port), 10), server_hostname="127.0.0.1")
    wrapped.sendall(_CONNECT)
    if wrapped.recv(_CONNACK_BYTES)[-1:] != b"\x00":
        raise ConnectionError("the broker refuses a hub")
    return wrapped
