"""What delivery is told, whom it speaks to, and what it achieves: its policy, its link, its troubles, its figures.

Owns: these values. Never: delivers; the forwarder does.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from hub_agent.latency import Latency
from hub_agent.model import ReadingClass

Trouble = Literal["uplink_refused", "no_subscribers"]
"""Why the broker does not pass on what is sent: it says no, or it has nobody to give it to."""


class Publisher(Protocol):
    """The part of a broker link that the forwarder needs."""

    closed: "asyncio.Future[str]"

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> "asyncio.Future[Any]":
        """Publish at QoS 1; the future gives the PUBACK's reason code."""
        ...

    def lose(self, why: str) -> None:
        """Give the link up."""
        ...


@dataclass(frozen=True, slots=True)
class Policy:
    """How delivery behaves; the configuration's ``[delivery]``.

    Attributes:
        confirm: who must have a batch before it is deleted: the NOC, or, where the NOC cannot confirm, the broker.
        on_no_subscribers: whether "no matching subscribers" counts as taken (``accept``) or as not taken (``hold``).
        resend_s: how long to wait for a confirmation.
        window: PUBACKs that may be outstanding.
        drain_bytes_s: the most that backlog may send a second; None: as much as the link takes.
        drain_spread_s: the longest that a drain may be put off after an outage, so that a fleet does not come at once.
    """

    confirm: Literal["noc", "broker"] = "noc"
    on_no_subscribers: Literal["hold", "accept"] = "hold"
    resend_s: float = 10.0
    window: int = 20
    drain_bytes_s: float | None = None
    drain_spread_s: float = 30.0


@dataclass(slots=True)
class Figures:
    """What delivery has achieved since the start.

    Attributes:
        latency: by class: received by the hub → confirmed by the NOC, of batches that were sent while fresh.
        published: received → handed to the broker, the same batches.
        round_trip: a batch's PUBLISH → its PUBACK, since the last whole heartbeat.
        confirmed: items confirmed.
        confirmed_readings: those of classes episodic and continuous, which hold nothing but readings.
        resent: confirmed batches that were sent more than once.
        refused: batches that the broker or the NOC refused, or with which the link died again and again.
        last_confirmed_s: monotonic time of the newest confirmation; None before the first.
    """

    latency: dict[ReadingClass, Latency] = field(default_factory=lambda: {cls: Latency() for cls in ReadingClass})
    published: dict[ReadingClass, Latency] = field(default_factory=lambda: {cls: Latency() for cls in ReadingClass})
    round_trip: Latency = field(default_factory=Latency)
    confirmed: int = 0
    confirmed_readings: int = 0
    resent: int = 0
    refused: int = 0
    last_confirmed_s: float | None = None

    def delivered(self, cls: ReadingClass, items: int, received_ns: Iterable[int], attempts: int, now_s: float) -> None:
        """Count a batch that the NOC has confirmed.

        Args:
            cls: its class.
            items: how many it holds.
            received_ns: monotonic stamps of its items, of those that were sent while fresh.
            attempts: how often it was sent.
            now_s: monotonic.
        """
        self.confirmed += items
        if cls in {ReadingClass.EPISODIC, ReadingClass.CONTINUOUS}:
            self.confirmed_readings += items
        self.resent += attempts > 1
        for one_ns in received_ns:
            self.latency[cls].add(now_s - one_ns / 1e9)
