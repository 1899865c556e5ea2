"""The life of the broker link: connect, say so, send, listen, and come back.

Owns: the order in which a connection is used, and how long to wait for the next.
Never: decides what is sent (the forwarder), what a command may do (the desk) or what a beat says (health).
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Final

from hub_agent import mqtt
from hub_agent.backoff import Backoff
from hub_agent.clock import Clock
from hub_agent.errors import DeliveryError, HubError, RefusedError
from hub_agent.forwarder import Forwarder
from hub_agent.health import BEAT_S, Health, Uplink
from hub_agent.logs import get_logger
from hub_agent.topics import Topics

_log = get_logger("uplink")

HURRY_CAP_S: Final = 4.0
"""The longest wait between attempts while something fresh waits."""
CALM_CAP_S: Final = 60.0
TURN_S: Final = 1.0
"""How often it looks meanwhile whether something fresh has come."""
HEALTHY_S: Final = 10.0
"""A connection that held so long starts the backoff anew; one that is kicked at once must not be tried at once."""
_FAREWELL_S: Final = 1.0

Receive = Callable[[mqtt.Message], Awaitable[None]]


class BrokerSession:
    """Keeps the hub connected to its broker.

    Args:
        profile: how to connect; subscribed to confirmations and commands, with the Will set.
        topics: this hub's names.
        forwarder: sends batches.
        health: makes heartbeats.
        commands: takes a message of the command topic; when it returns the broker may forget the message.
        birth: makes the retained status for ``online`` or ``offline``.
        clock: monotonic time.
        state: where the link's state is kept for health.
        on_change: is told (up, why) at every transition.
    """

    def __init__(
        self,
        profile: mqtt.Profile,
        topics: Topics,
        forwarder: Forwarder,
        health: Health,
        commands: Receive,
        birth: Callable[[str], bytes],
        clock: Clock,
        state: Uplink,
        on_change: Callable[[bool, str], None],
    ) -> None:
        self._profile = profile
        self._topics = topics
        self._forwarder = forwarder
        self._health = health
        self._commands = commands
        self._birth = birth
        self._clock = clock
        self._state = state
        self._on_change = on_change
        self._first_word = True

    async def run(self, turned: Callable[[], None] = lambda: None) -> None:
        """Connect for ever; every loss is weather."""
        backoff = Backoff()
        while True:
            turned()
            try:
                await self._connect_once(turned)
            except* HubError as group:
                since_s = self._state.connected_s
                if since_s is not None and self._clock.monotonic_s() - since_s >= HEALTHY_S:
                    backoff.reset()
                self._went_down(str(_first(group)))
            _obey_cancellation()
            backoff.failed()
            await self._pause(backoff, turned)

    async def _pause(self, backoff: Backoff, turned: Callable[[], None]) -> None:
        """Wait before the next attempt, not longer than what waits can bear; that may change while we wait."""
        began_s = self._clock.monotonic_s()
        while True:
            turned()
            cap_s = HURRY_CAP_S if self._forwarder.urgent() else CALM_CAP_S
            left_s = began_s + backoff.delay_s(cap_s) - self._clock.monotonic_s()
            if left_s <= 0:
                return
            await asyncio.sleep(min(left_s, TURN_S))

    async def _connect_once(self, turned: Callable[[], None]) -> None:
        async with mqtt.connect(self._profile) as link:
            await self._tell(link, self._topics.status, self._birth("online"), retain=True)
            self._came_up()
            try:
                async with asyncio.TaskGroup() as tasks:
                    taken: asyncio.Queue[mqtt.Message] = asyncio.Queue(self._profile.receive_maximum)
                    tasks.create_task(self._listen(link, taken), name="listen")
                    tasks.create_task(self._acknowledge(link, taken), name="acknowledge")
                    tasks.create_task(self._beat(link), name="heartbeat")
                    # In the body, not as a third task: up to Python 3.12 a group whose body is over leaves its parent
                    # marked as cancelled when a task in it fails, and _obey_cancellation would take that at its word.
                    await self._forwarder.run(link, turned)
            except asyncio.CancelledError:
                # A planned end: the Will would say the same, but only after the keepalive. It must stay an end even
                # where the link has just died.
                with contextlib.suppress(HubError, TimeoutError):
                    async with asyncio.timeout(_FAREWELL_S):
                        await link.publish_and_wait(self._topics.status, self._birth("offline"), retain=True)
                raise

    async def _listen(self, link: mqtt.Link, taken: "asyncio.Queue[mqtt.Message]") -> None:
        """Take confirmations at once: a command before them may have to wait for the room that they bring."""
        while True:
            message = await link.inbox.get()
            if message.topic == self._topics.confirm:
                self._forwarder.confirmation(message)
            await taken.put(message)

    async def _acknowledge(self, link: mqtt.Link, taken: "asyncio.Queue[mqtt.Message]") -> None:
        """Deal with commands, and acknowledge all in their order, as MQTT wants it (5.0, section 4.6)."""
        while True:
            message = await taken.get()
            if message.topic != self._topics.confirm:
                await self._commands(message)
            link.acknowledge(message)

    async def _beat(self, link: mqtt.Link) -> None:
        while True:
            await self._tell(link, self._topics.health, self._health.beat())
            await asyncio.sleep(BEAT_S)

    async def _tell(self, link: mqtt.Link, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Publish a word about the hub; a broker that refuses it is a trouble of delivery, not the link's end."""
        try:
            await link.publish_and_wait(topic, payload, retain=retain)
        except RefusedError as error:
            _log.warning("word_refused", why=str(error))
            self._forwarder.refused()

    def _came_up(self) -> None:
        self._state.connected_s = self._clock.monotonic_s()
        self._state.connects += 1
        self._first_word = False
        _log.info("uplink_up", count=self._state.connects)
        self._on_change(True, "")

    def _went_down(self, why: str) -> None:
        if self._state.connected_s is None and not self._first_word and why == self._state.why:
            return  # still down for the same reason: said once
        changed = self._state.connected_s is not None or self._first_word
        self._first_word = False
        self._state.why = why
        if self._state.connected_s is not None:
            self._state.connected_s, self._state.down_s = None, self._clock.monotonic_s()
        _log.warning("uplink_down", why=why)
        if changed:
            self._on_change(False, why)


def _obey_cancellation() -> None:
    """End a task that was cancelled while a TaskGroup in it failed: the group raises its errors and keeps that back."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def _first(group: BaseExceptionGroup[HubError]) -> HubError:
    """Give the first error of a group that may be nested: it is the cause, the rest are its wake."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error if isinstance(error, HubError) else DeliveryError(str(error))
