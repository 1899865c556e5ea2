"""The collector: the NOC's one connection to the broker.

Owns: the order store → acknowledge → confirm, the store's thread, reconnecting, the publishing of spooled commands.
Never: verifies or opens (its intake does), chooses what goes first (``turns`` does), or lets the broker forget a
message that is not durable.

What is lost between any two of these steps is made good: a message that was stored but not acknowledged comes again and
is recognised; a batch that was stored but not confirmed is sent again by its hub after ten seconds, and confirmed.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hub_agent import mqtt
from hub_agent.clock import Clock
from hub_agent.errors import DeliveryError
from hub_agent.logs import get_logger
from hub_agent.mqtt import NO_MATCHING_SUBSCRIBERS, PUBACK_TIMEOUT_S, Link, Message, Profile
from hub_agent.noc.confirming import Confirming
from hub_agent.noc.intake import Intake
from hub_agent.noc.outcome import Outcome
from hub_agent.noc.spool import Letter
from hub_agent.noc.store import Store
from hub_agent.noc.turns import Turns
from hub_agent.seal import PrivateKey
from hub_agent.supervise import keep_running
from hub_agent.topics import DEFAULT_PREFIX, Topics

_log = get_logger("collector")

WINDOW: Final = 64
"""Confirmations and commands that the broker may owe a PUBACK."""
FULL_S: Final = 0.01
"""How long a look at a full window may wait for the next."""
RECEIVE_MAXIMUM: Final = 1024
TURN_S: Final = 0.2
"""How often the spool of commands is looked at when nothing else happens."""

OnOutcome = Callable[[Outcome], Awaitable[None]]


async def _ignore(_outcome: Outcome) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Keys:
    """The private keys that the collector works with.

    Attributes:
        opening: kid → key that opens epochs.
        confirming: signs confirmations.
    """

    opening: Mapping[str, PrivateKey]
    confirming: Ed25519PrivateKey


class Collector:
    """Collects from all hubs of one broker.

    Args:
        store: where everything goes; the collector's alone in this process.
        keys: see :class:`Keys`.
        profile: how to connect; subscriptions, session and sizes are the collector's own choice.
        clock: the NOC's.
        prefix: of the topics.
        confirm_within_s: how long a confirmation that is not an alarm's may wait for company.
        on_outcome: is given what was charted and found, after it was confirmed; while it works, nothing more is taken.
    """

    def __init__(
        self,
        store: Store,
        keys: Keys,
        profile: Profile,
        clock: Clock,
        *,
        prefix: str = DEFAULT_PREFIX,
        confirm_within_s: float = 0.05,
        on_outcome: OnOutcome = _ignore,
    ) -> None:
        self._store = store
        self._intake = Intake(store, keys.opening, prefix)
        self._clock = clock
        self._prefix = prefix
        self._confirming = Confirming(keys.confirming, confirm_within_s)
        self._on_outcome = on_outcome
        self._profile = replace(
            profile,
            subscriptions=(f"{prefix}/+/up/#",),
            retained=True,
            clean=False,
            window=WINDOW,
            receive_maximum=RECEIVE_MAXIMUM,
            max_packet=mqtt.MAX_PACKET * 4,
        )
        self._pubacks: dict[asyncio.Future[Any], float] = {}
        self._sending: set[str] = set()
        self._settled: list[tuple[str, str]] = []
        self._turns = Turns()
        self.connected = asyncio.Event()

    async def run(self) -> None:
        """Collect for ever; returns only when the configuration must change first."""
        with ThreadPoolExecutor(1, thread_name_prefix="noc-store") as thread:
            await keep_running("collector", partial(self._connect_once, thread), clock=self._clock, cap_s=lambda: 4.0)

    async def _connect_once(self, thread: ThreadPoolExecutor) -> None:
        self._pubacks.clear()
        self._sending.clear()
        self._turns = Turns()  # what was not acknowledged comes again
        async with mqtt.connect(self._profile) as link:
            _log.info("collector_up")
            self.connected.set()
            try:
                while True:
                    await self._turn(link, thread)
            finally:
                self.connected.clear()

    async def _turn(self, link: Link, thread: ThreadPoolExecutor) -> None:
        """Take what came, make it durable, acknowledge, confirm; publish what is spooled."""
        messages = await self._gather(link)
        settled, self._settled = self._settled, []
        try:
            work = partial(self._work, messages, settled)
            outcome, letters = await asyncio.get_running_loop().run_in_executor(thread, work)
        except BaseException:
            self._settled = settled + self._settled
            raise
        for message in messages:
            link.acknowledge(message)
        self._confirming.add(outcome.words, self._clock.monotonic_s())
        try:
            self._publish_confirmations(link)
            self._publish_commands(link, letters)
        finally:  # what is charted is told even when the link has just died
            for fault in outcome.faults:
                _log.warning("fault", condition=fault.kind, journal=fault.journal.hex(), seq=fault.seq)
            if outcome.charted or outcome.faults:
                await self._on_outcome(outcome)
        self._check(link)

    async def _gather(self, link: Link) -> list[Message]:
        """Wait for a message, until something else is due; then take those whose turn it is."""
        due_s, now_s = self._confirming.next_due_s(), self._clock.monotonic_s()
        if due_s is not None and len(self._pubacks) >= WINDOW:
            due_s = now_s + FULL_S  # no word may go before a PUBACK has come
        wait_s = TURN_S if due_s is None else max(0.0, min(TURN_S, due_s - now_s))
        if not self._turns:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    self._turns.add(await link.inbox.get())
        while not link.inbox.empty():
            self._turns.add(link.inbox.get_nowait())
        return self._turns.take()

    def _work(self, messages: list[Message], settled: list[tuple[str, str]]) -> tuple[Outcome, list[Letter]]:
        """On the store's thread: book what became of commands, find those that wait, take messages in."""
        now_ms = self._clock.stamp().wall_ns // 1_000_000
        with self._store.transaction():
            for jti, delivery in settled:
                self._store.spool.sent(jti, delivery, now_ms)
            letters = self._store.spool.waiting(now_ms, WINDOW)
        outcome = self._intake.take(messages, now_ms) if messages else Outcome()  # says itself that it is at work
        if not messages and now_ms - (self._store.collector_ms() or 0) >= 1000:  # noqa: PLR2004 - once a second is life enough
            with self._store.transaction():
                self._store.turned(now_ms)
        return outcome, letters

    # --- what goes out ------------------------------------------------------------------------------------------------

    def _publish_confirmations(self, link: Link) -> None:
        room = WINDOW - len(self._pubacks)
        if room <= 0:
            return
        for parcel in self._confirming.due(self._clock.monotonic_s(), self._clock.stamp().wall_ns, room):
            topic = Topics(parcel.hub, self._prefix).confirm
            self._publish(link, topic, parcel.message, lambda _reason: None)

    def _publish_commands(self, link: Link, letters: list[Letter]) -> None:
        for letter in letters:
            if letter.jti in self._sending or len(self._pubacks) >= WINDOW:
                continue
            self._sending.add(letter.jti)
            topic = Topics(letter.hub, self._prefix).commands
            self._publish(link, topic, letter.payload, partial(self._command_answered, letter.jti))

    def _publish(self, link: Link, topic: str, payload: bytes, answered: Callable[[Any], None]) -> None:
        future = link.publish(topic, payload)
        self._pubacks[future] = self._clock.monotonic_s()
        future.add_done_callback(partial(self._answered, answered))

    def _answered(self, answered: Callable[[Any], None], future: "asyncio.Future[Any]") -> None:
        """Take a PUBACK. Runs on the event loop."""
        self._pubacks.pop(future, None)
        if future.cancelled() or future.exception() is not None:
            return  # the link is gone, and what was on it is done again on the next
        reason = future.result()
        if reason is not None and reason.is_failure:
            _log.error("publish_refused", reason=str(reason), hint="check the broker's ACL for the NOC")
        answered(reason)

    def _command_answered(self, jti: str, reason: Any) -> None:  # noqa: ANN401 - paho's reason code, or None
        if reason is None or reason.value == 0:
            delivery = "sent"
        else:
            delivery = "no_subscribers" if reason.value == NO_MATCHING_SUBSCRIBERS else "refused"
        self._settled.append((jti, delivery))

    def _check(self, link: Link) -> None:
        """Give the link up when it is gone, or when the broker owes a PUBACK for too long."""
        oldest_s = min(self._pubacks.values(), default=None)
        if oldest_s is not None and self._clock.monotonic_s() - oldest_s > PUBACK_TIMEOUT_S:
            link.lose(f"no PUBACK within {PUBACK_TIMEOUT_S:g} s")
        if link.closed.done():
            raise DeliveryError(link.closed.result())
