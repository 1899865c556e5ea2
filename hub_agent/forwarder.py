"""Sends what waits, and lets go of it when the NOC has it.

Owns: the lanes, the resending, the latency figures, what the broker and the NOC said no to.
Never: reads a device, judges, deletes an unconfirmed batch, or waits for the broker with an alarm in hand.
"""

import asyncio
import contextlib
import random
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from hub_agent.clock import Clock
from hub_agent.delivery import Figures, Policy, Publisher, Trouble
from hub_agent.envelope import open_confirmation, parse_batch
from hub_agent.errors import DeliveryError, SealError
from hub_agent.flights import Choice
from hub_agent.forms import Form, Sealed
from hub_agent.lanes import Lanes
from hub_agent.logs import get_logger
from hub_agent.mqtt import NO_MATCHING_SUBSCRIBERS, PUBACK_TIMEOUT_S, Message
from hub_agent.opening import UnusableError
from hub_agent.outbox.outbox import Committed, Outbox
from hub_agent.outbox.rows import class_of, seq_of
from hub_agent.pace import Pace
from hub_agent.reluctance import Reluctance
from hub_agent.telling import Telling
from hub_agent.topics import Topics

_log = get_logger("forwarder")

TURN_S: Final = 1.0
"""It turns at least this often, so that the watchdog sees its progress."""
_PAGE: Final = 256
_PACKET_TOO_LARGE: Final = 0x95  # reason code "Packet too large" (MQTT 5, 2.4)


class Forwarder:
    """Moves batches from the outbox to the NOC.

    Args:
        outbox: where batches wait.
        topics: this hub's topic names.
        confirmation_keys: the NOC's Ed25519 keys whose word lets a batch go.
        policy: see :class:`Policy`.
        clock: monotonic time.
        on_event: is told (code, fields) of what the NOC's technicians should know, each code seldom; never blocks.
        on_trouble: is told (code, active) when the broker begins and ceases to refuse what is sent.
        on_noc_time: is told of each new word of who confirms: the NOC's signed wall clock (UTC ns), None for a broker.
        draw: gives this hub's share of a spread, 0 to 1, anew each time.
        form: in which batches leave.
    """

    def __init__(
        self,
        outbox: Outbox,
        topics: Topics,
        confirmation_keys: Sequence[Ed25519PublicKey],
        policy: Policy,
        clock: Clock,
        on_event: Callable[[str, dict[str, Any]], None],
        on_trouble: Callable[[Trouble, bool], None],
        on_noc_time: Callable[[int | None], None] = lambda _wall_ns: None,
        draw: Callable[[], float] = random.random,
        form: Form | None = None,
    ) -> None:
        self._outbox = outbox
        self._topics = topics
        self._confirmation_keys = tuple(confirmation_keys)
        self._policy = policy
        self._clock = clock
        self._reluctance = Reluctance(on_trouble, clock.monotonic_s)
        self._on_event = Telling(on_event, clock.monotonic_s)
        self._on_noc_time = on_noc_time
        self._noc_ns = 0
        self._draw = draw
        self.form = form or Sealed()
        self._lost_s: float | None = None
        pace = Pace(policy.drain_bytes_s, policy.drain_spread_s)
        self.lanes = Lanes(policy.window, resend_s=policy.resend_s, pace=pace)
        outbox.on_removed = self.lanes.forget
        self.figures = Figures()
        self._wake = asyncio.Event()
        self._announced: set[bytes] = set()
        self._pubacks: dict[asyncio.Future[Any], float] = {}

    def offer(self, batches: list[Committed]) -> None:
        """Take what was committed just now; called by the intake, never blocks."""
        self.lanes.add(batches, self._clock.monotonic_s())
        self._wake.set()

    async def rewrite(self) -> None:
        """Let the outbox put a minute of batches that wait unsent into one; called now and then.

        Raises:
            StorageError: the outbox did not take it; the batches wait as before.
        """
        group = self._outbox.recent.due(self._clock.monotonic_s())
        if not group:
            return
        keys = [one.batch.key for one in group]
        self.lanes.withhold(keys)
        try:
            await self._outbox.rewrite(group)
        finally:
            self.lanes.release(keys)
            self._wake.set()

    def urgent(self) -> bool:
        """Say whether a reconnect should hurry."""
        return self.lanes.urgent()

    async def run(self, link: Publisher, turned: Callable[[], None] = lambda: None) -> None:
        """Send over one connection until it is gone.

        Raises:
            DeliveryError: the link is gone, or the broker does not answer.
        """
        self._announced.clear()
        self._pubacks.clear()
        self._wake.set()
        now_s = self._clock.monotonic_s()
        self.lanes.connected(now_s, 0.0 if self._lost_s is None else now_s - self._lost_s, self._draw())
        link.closed.add_done_callback(lambda _why: self._wake.set())
        try:
            while True:
                turned()
                self._wake.clear()
                await self._send_what_may_go(link)
                await self._wait(link)
        finally:
            self._lost_s = self._clock.monotonic_s()
            for flight in self.lanes.disconnected(self._lost_s):
                self._report(flight.batch.key, "kills_the_link")

    async def _send_what_may_go(self, link: Publisher) -> None:
        while len(self._pubacks) < self._policy.window:  # epoch records count too: paho holds no more than the window
            wanted = self.lanes.wants()
            if wanted is not None:
                cls, behind = wanted
                rows = await self._outbox.after(cls, behind, _PAGE)
                batches = [Committed(row.key, row.items, row.envelope, numbers=row.numbers) for row in rows]
                self.lanes.refill(cls, behind, batches, exhausted=len(rows) < _PAGE)
            choice = self.lanes.choose(self._clock.monotonic_s()) if self._reluctance.may_send() else None
            if choice is not None:
                self._publish(link, choice)
            elif self.lanes.wants() is None:  # choosing may have left something to the outbox
                return

    def _publish(self, link: Publisher, choice: Choice) -> None:
        batch = choice.batch
        cls = class_of(batch.key)
        try:
            payload = self.form.payload(batch)
        except UnusableError as error:
            self.lanes.unsent(batch.key)
            self._put_aside(batch.key, error.code)
            return
        if self.form.announces:
            self._announce_epoch(link, batch)
        topic = self._topics.batch(cls, fresh=choice.fresh)
        self._outbox.sent(batch.key)
        future = link.publish(topic, payload)
        now_s = self._clock.monotonic_s()
        self._pubacks[future] = now_s
        future.add_done_callback(partial(self._answered, choice.batch.key))
        if choice.fresh:
            for received_ns in batch.received_ns:
                self.figures.published[cls].add(now_s - received_ns / 1e9)

    def _announce_epoch(self, link: Publisher, batch: Committed) -> None:
        """Publish the epoch's record before the first batch under it on this connection."""
        epoch = parse_batch(batch.envelope).header.epoch
        if epoch in self._announced:
            return
        record = self._outbox.epoch_record(epoch)
        if record is not None:
            future = link.publish(self._topics.keys, record)
            self._pubacks[future] = self._clock.monotonic_s()
            future.add_done_callback(self._key_answered)
        self._announced.add(epoch)

    def _key_answered(self, future: "asyncio.Future[Any]") -> None:
        self._pubacks.pop(future, None)
        self._wake.set()
        if future.cancelled() or future.exception() is not None:
            return
        reason = future.result()
        if reason is not None and reason.is_failure:
            self._announced.clear()
            self._reluctance.begin("uplink_refused")

    def _answered(self, key: int, future: "asyncio.Future[Any]") -> None:
        """Book a PUBACK. Runs on the event loop."""
        published_s = self._pubacks.pop(future, None)
        if future.cancelled() or future.exception() is not None:
            return  # the link is gone; what was not acknowledged goes again on the next one
        reason, now_s = future.result(), self._clock.monotonic_s()
        if published_s is not None:
            self.figures.round_trip.add(now_s - published_s)
        self._wake.set()
        if reason is not None and reason.value == _PACKET_TOO_LARGE:
            self.lanes.acknowledged(key, now_s)
            self._put_aside(key, "too_large_for_the_broker")
        elif reason is not None and reason.is_failure:
            self.figures.refused += 1
            self.lanes.returned(key, now_s)
            self._reluctance.begin("uplink_refused")
        elif (
            reason is not None and reason.value == NO_MATCHING_SUBSCRIBERS and self._policy.on_no_subscribers == "hold"
        ):
            self.lanes.returned(key, now_s)
            self._reluctance.begin("no_subscribers")
        else:
            self.lanes.acknowledged(key, now_s)
            if self._reluctance.end():
                self._announced.clear()  # a record that went to nobody is as good as never sent
            if self._policy.confirm == "broker":
                self._confirmed(seq_of(key), seq_of(key))
                self._on_noc_time(None)

    def refused(self) -> None:
        """Take note that the broker refused something else of this hub's."""
        self._reluctance.begin("uplink_refused")

    async def _wait(self, link: Publisher) -> None:
        """Sleep until there may be something to send, a timer is due, or the link is gone."""
        now_s = self._clock.monotonic_s()
        due_s = now_s + TURN_S
        next_s = self.lanes.next_s(now_s)
        if next_s is not None:
            due_s = min(due_s, max(next_s, now_s + 0.05))
        probe_s = self._reluctance.next_s()
        if probe_s is not None and probe_s > now_s:
            due_s = min(due_s, probe_s)
        oldest_s = min(self._pubacks.values(), default=now_s)
        if now_s - oldest_s > PUBACK_TIMEOUT_S:
            link.lose(f"no PUBACK within {PUBACK_TIMEOUT_S:g} s")
        if link.closed.done():
            raise DeliveryError(link.closed.result())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(due_s - now_s):
                await self._wake.wait()
        if link.closed.done():
            raise DeliveryError(link.closed.result())

    # --- the NOC's word -----------------------------------------------------------------------------------------------

    def confirmation(self, message: Message) -> None:
        """Take a confirmation: let go of what it names, tell again what the NOC lacks, report what it refuses."""
        try:
            word = open_confirmation(message.payload, self._confirmation_keys)
        except SealError as error:
            self._on_event("confirmation_rejected", {"why": str(error)})
            return
        if word.hub_id != self._topics.hub_id or message.topic != self._topics.confirm or message.retained:
            self._on_event("confirmation_rejected", {"why": "addressed to another hub, or retained"})
            return
        spans = {epoch: self._outbox.span(epoch) for epoch in word.epochs()}
        if not any(spans.values()):
            return  # of batches that are not here any more, or of an earlier life of this hub's storage
        self._hear(word.wall_ns)
        for epoch, first, last in word.confirmed:
            if 1 <= first <= last and last in spans[epoch]:
                self._confirmed(first, last)
        if word.wanted:
            self._announced.difference_update(word.wanted)
        for epoch, seq, code in word.refused:
            flight = self.lanes.flights.get(seq)
            if flight is not None and seq in spans[epoch]:
                self._put_aside(flight.batch.key, code)
        self._wake.set()

    def _hear(self, wall_ns: int) -> None:
        """Take the NOC's time, if it is news: an old word, sent again, must not pass for a NOC that watches."""
        if wall_ns > self._noc_ns:
            self._noc_ns = wall_ns
            self._on_noc_time(wall_ns)

    def _confirmed(self, first: int, last: int) -> None:
        now_s = self._clock.monotonic_s()
        flights = self.lanes.confirmed(first, last, now_s)
        self.figures.last_confirmed_s = now_s
        for flight in flights:
            batch = flight.batch
            self.figures.delivered(class_of(batch.key), batch.items, batch.received_ns, flight.attempts, now_s)
        self._outbox.confirm(first, last, [flight.batch for flight in flights])

    def _put_aside(self, key: int, code: str) -> None:
        """Keep a batch that nobody takes, but stop sending it; a person must look."""
        self.lanes.set_aside(key)
        self._report(key, code)

    def _report(self, key: int, code: str) -> None:
        self.figures.refused += 1
        _log.error("batch_refused", seq=seq_of(key), code=code)
        self._on_event("batch_refused", {"seq": seq_of(key), "why": code})
