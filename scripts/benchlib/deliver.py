"""Area *deliver*: outbox → NOC confirmation, against bare paho QoS 1 with the same bytes."""

import asyncio
import ssl
import threading
import time
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from hub_agent.config import Config
from hub_agent.model import ReadingClass
from scripts.benchlib.agent import hub, until, waiting
from scripts.benchlib.area import Effort
from scripts.benchlib.figures import Row, Table, at_least
from scripts.benchlib.readings import received
from scripts.benchlib.site import CLOCK, HUB, Site, cpu_s, open_outbox, site

WINDOW = 20
"""paho's best, as measured."""


async def fill(config: Config, batches: int, each: int) -> list[bytes]:
    """Put so many batches of readings into a hub's outbox; give the envelopes of the last commit's like."""
    outbox = open_outbox(config)
    envelopes = []
    for number in range(batches):
        committed = await outbox.commit({ReadingClass.CONTINUOUS: received(CLOCK, each, seed=number)})
        envelopes += [batch.envelope for batch in committed[:1]]
    await outbox.close()
    return envelopes


async def drain(config: Config, readings: int) -> tuple[float, float]:
    """Run the hub until all is confirmed; give readings/s from the connection on, and the hub's CPU in µs a reading."""
    async with hub(config) as agent:
        await until(lambda: agent.uplink.connects > 0, every_s=0.001)
        wall, cpu = time.perf_counter(), cpu_s()
        await until(lambda: waiting(agent) == 0, every_s=0.005)
        return readings / (time.perf_counter() - wall), (cpu_s() - cpu) / readings * 1e6


def bare(port: int, context: ssl.SSLContext | None, topic: str, payloads: Sequence[bytes]) -> float:
    """Publish with nothing but paho, at its best window; give messages/s to the last PUBACK."""
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id=HUB, protocol=MQTTProtocolVersion.MQTTv5)
    if context is not None:
        client.tls_set_context(context)
    client.max_inflight_messages_set(WINDOW)
    client.max_queued_messages_set(0)
    room, connected = threading.Semaphore(WINDOW), threading.Event()

    def answered(*_: Any) -> None:  # noqa: ANN401 - paho's five
        room.release()

    client.on_publish = answered
    client.on_connect = lambda *_: connected.set()
    client.connect("127.0.0.1", port)
    client.loop_start()
    connected.wait(10)
    began = time.perf_counter()
    for payload in payloads:
        room.acquire()
        client.publish(topic, payload, qos=1)
    for _ in range(WINDOW):
        room.acquire()
    rate = len(payloads) / (time.perf_counter() - began)
    client.disconnect()
    client.loop_stop()
    return rate


async def _rounds(effort: Effort, built: Site, found: dict[str, list[float]], kind: str) -> None:
    batches = effort.times(2000, 300)
    context = built.tls.authority.context(HUB) if built.tls else None
    for number in range(effort.rounds):
        _, config = built.config(HUB, state=built.here / f"state-{number}")
        envelopes = await fill(config, batches, 100)
        # nobody listens to this topic, so that it is the client alone that is measured
        limit = await asyncio.to_thread(bare, built.port, context, f"hubs/v1/{HUB}/up/bench", envelopes)
        async with built.collecting():
            before = cpu_s(built.collector_pid)
            rate, cpu = await drain(config, batches * 100)
            used_s = cpu_s(built.collector_pid) - before
            found.setdefault(f"{kind} noc cpu", []).append(used_s / batches / 100 * 1e6)
        found.setdefault(f"{kind} bare", []).append(limit)
        found.setdefault(kind, []).append(rate)
        found.setdefault(f"{kind} cpu", []).append(cpu)
        found.setdefault("bytes", []).append(sum(map(len, envelopes)) / len(envelopes) / 100)


def measure(effort: Effort) -> Table:
    """Measure plain and over TLS."""
    found: dict[str, list[float]] = {}
    numbers = count()

    async def run(*, tls: bool) -> None:
        here: Path = effort.scratch / f"site-{next(numbers)}"
        async with site(here, tls=tls) as built:
            await _rounds(effort, built, found, "tls" if tls else "plain")

    for tls in (False, True):
        asyncio.run(run(tls=tls))
    table = Table("deliver: outbox → broker → NOC, opened, de-duplicated, stored, confirmed", "bare paho")
    for kind in ("plain", "tls"):
        limit = [rate * 100 for rate in found[f"{kind} bare"]]
        table.rows += [
            Row(
                f"bare paho, QoS 1, window {WINDOW}, the same batches to the broker alone, {kind}", limit, "readings/s"
            ),
            Row(f"hub → NOC, 100 readings a batch, {kind}", found[kind], "readings/s", limit, at_least(50_000)),
            Row(f"CPU of the hub, {kind}", found[f"{kind} cpu"], "µs/reading"),
            Row(f"CPU of the NOC, {kind}", found[f"{kind} noc cpu"], "µs/reading"),
        ]
    table.rows.append(Row("payload", found["bytes"], "B/reading"))
    table.notes.append("Hub, broker and NOC share the machine's cores; bare paho has only the broker beside it.")
    return table
