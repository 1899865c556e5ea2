"""What a fleet of any size needs, computed from what one broker and one collector were measured to take. Pure.

Owns: the arithmetic of ``docs/scale.md``. Never: measures, or knows a figure by heart.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Final

from scripts.benchlib.figures import number

DEVICES: Final = 8
MESSAGES_S: Final = 1.1
"""Of a hub, at the default window: a batch a second, a heartbeat every ten."""
LOADED: Final = 0.7
"""The part of a core that a collector may use while all is well; the rest is for what comes back."""
OUTAGE_S: Final = 3600
BACKLOG_BATCHES: Final = OUTAGE_S // 60
"""Batches of a minute each that a hub brings after an hour."""


@dataclass(frozen=True, slots=True)
class Costs:
    """What one hub's traffic costs, as measured.

    Attributes:
        collector_us: CPU of the collector for a fresh batch.
        backlog_us: the same for a batch of a minute.
        broker_us: CPU of the broker for a batch and its confirmation.
        handshake_us: CPU of the broker for a connection.
        connection_kib: memory of the broker for one.
        batch_bytes: of a fresh batch.
        backlog_bytes: of a batch of a minute.
    """

    collector_us: float
    backlog_us: float
    broker_us: float
    handshake_us: float
    connection_kib: float
    batch_bytes: float
    backlog_bytes: float


@dataclass(frozen=True, slots=True)
class Demand:
    """What so many hubs need.

    Attributes:
        hubs: how many.
        readings_s: eight devices at 1 Hz.
        messages_s: to the collectors.
        bytes_s: of fresh batches, to the broker.
        collector_cores: of work.
        collectors: processes that share it, each at most ``LOADED``.
        broker_cores: of work.
        connections_mib: the broker's memory for all of them.
        handshakes_s: of one core, when all connect at once.
        backlog_bytes: what an hour without a network leaves.
        catch_up_s: until the collectors have it, with what fresh traffic leaves them.
    """

    hubs: int
    readings_s: float
    messages_s: float
    bytes_s: float
    collector_cores: float
    collectors: int
    broker_cores: float
    connections_mib: float
    handshakes_s: float
    backlog_bytes: float
    catch_up_s: float


def demand(costs: Costs, hubs: int) -> Demand:
    """Compute what a fleet needs; a heartbeat is taken to cost what a batch does."""
    messages_s = hubs * MESSAGES_S
    cores = messages_s * costs.collector_us / 1e6
    collectors = max(1, ceil(cores / LOADED))
    return Demand(
        hubs=hubs,
        readings_s=hubs * float(DEVICES),
        messages_s=messages_s,
        bytes_s=hubs * costs.batch_bytes,
        collector_cores=cores,
        collectors=collectors,
        broker_cores=messages_s * costs.broker_us / 1e6,
        connections_mib=hubs * costs.connection_kib / 1024,
        handshakes_s=hubs * costs.handshake_us / 1e6,
        backlog_bytes=hubs * BACKLOG_BATCHES * costs.backlog_bytes,
        catch_up_s=hubs * BACKLOG_BATCHES * costs.backlog_us / 1e6 / (collectors - cores),
    )


def markdown(costs: Costs, fleets: Sequence[int]) -> str:
    """Give the model as a table, with a column for each size of fleet."""
    columns = [demand(costs, hubs) for hubs in fleets]
    rows = {
        "readings/s": [number(one.readings_s) for one in columns],
        "messages/s to the collectors": [number(one.messages_s) for one in columns],
        "bytes to the broker, fresh": [f"{number(one.bytes_s / 1e6)} MB/s" for one in columns],
        "collectors: work": [f"{number(one.collector_cores)} cores" for one in columns],
        f"collectors: processes, {LOADED:.0%} of a core each": [number(one.collectors) for one in columns],
        "broker: work": [f"{number(one.broker_cores)} cores" for one in columns],
        "broker: memory for TLS connections": [f"{number(one.connections_mib)} MiB" for one in columns],
        "all connect at once: broker": [f"{number(one.handshakes_s)} s of a core" for one in columns],
        "after an hour without network: waits": [f"{number(one.backlog_bytes / 1e6)} MB" for one in columns],
        "the same: the collectors have it after": [f"{number(one.catch_up_s)} s" for one in columns],
    }
    lines = [["on paper", *(f"{one.hubs:,} hubs" for one in columns)], ["---"] * (len(columns) + 1)]
    lines += [[name, *cells] for name, cells in rows.items()]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
