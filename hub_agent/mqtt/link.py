"""One live connection to a broker, and what comes and goes on it.

Owns: who waits for which PUBACK, and the messages that were not taken yet.
Never: connects; ``connecting`` does.
"""

import asyncio
import contextlib
import ssl
from collections import deque
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

import paho.mqtt.client as paho
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.reasoncodes import ReasonCode

from hub_agent.errors import DeliveryError, RefusedError

CONNECT_TIMEOUT_S: Final = 10.0
"""For name, TCP, TLS and CONNACK together; and for SUBACK."""
PUBACK_TIMEOUT_S: Final = 6.0
"""A broker that has not answered a publish for so long is given up."""
MAX_PACKET: Final = 65_536
"""Bytes of the largest packet that the broker may send."""
SESSION_EXPIRY_S: Final = 86_400
"""How long the broker keeps commands for a hub that is away: as long as the longest-lived command is valid."""
NO_MATCHING_SUBSCRIBERS: Final = 0x10
"""A PUBACK's reason code: taken, for nobody (MQTT 5, 3.4.2.1)."""


class Message(NamedTuple):
    """What came on a subscribed topic.

    Attributes:
        topic: as it came.
        payload: as it came.
        retained: the RETAIN flag.
        mid: for :meth:`Link.acknowledge`; 0 where the sender chose QoS 0 and nothing is to be acknowledged.
        duplicate: the DUP flag: the broker sends again what was not acknowledged.
    """

    topic: str
    payload: bytes
    retained: bool
    mid: int
    duplicate: bool = False


@dataclass(frozen=True, slots=True)
class Profile:
    """How to connect.

    Attributes:
        client_id: also the persistent session's name at the broker.
        host: broker.
        port: broker.
        tls: context, or None for a plain connection on this machine.
        protocol: MQTT version; 3.1.1 has no reason codes and is only for sites whose NOC confirms.
        keepalive_s: a dead link is noticed after twice this.
        will: (topic, payload), retained, QoS 1, sent by the broker when the link dies.
        username: where certificates do not name the hub.
        password: with it.
        subscriptions: topics to subscribe to at QoS 1.
        retained: take retained messages on subscribing; False holds them back where the protocol can.
        clean: start without the session's past, its subscriptions too.
        window: messages that paho may have in flight.
        receive_maximum: unacknowledged messages that the broker may send.
        max_packet: the largest packet that the broker may send.
    """

    client_id: str
    host: str
    port: int
    tls: ssl.SSLContext | None = None
    protocol: Literal["5", "3.1.1"] = "5"
    keepalive_s: int = 5
    will: tuple[str, bytes] | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    subscriptions: tuple[str, ...] = ()
    retained: bool = False
    clean: bool = False
    window: int = 20
    receive_maximum: int = 8
    max_packet: int = MAX_PACKET


class Link:
    """One live connection. Methods run on the event loop; ``closed`` resolves when the link is gone."""

    def __init__(self, client: paho.Client, loop: asyncio.AbstractEventLoop, inbox: int) -> None:
        self._client = client
        self._loop = loop
        self._pending: dict[int, asyncio.Future[ReasonCode | None]] = {}
        self._unacknowledged: deque[int] = deque()
        self._acknowledged: set[int] = set()
        self.inbox: asyncio.Queue[Message] = asyncio.Queue(inbox)
        self.closed: asyncio.Future[str] = loop.create_future()

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> asyncio.Future[ReasonCode | None]:
        """Hand a message to the broker at QoS 1; the future gives the PUBACK's reason code, or a DeliveryError.

        Raises:
            DeliveryError: the link is gone.
        """
        if self.closed.done():
            raise DeliveryError(self.closed.result())
        info = self._client.publish(topic, payload, qos=1, retain=retain)
        if info.rc is not MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise DeliveryError(f"the broker link took nothing: {paho.error_string(info.rc)}")
        future: asyncio.Future[ReasonCode | None] = self._loop.create_future()
        self._pending[info.mid] = future  # paho writes and reads when the event loop says so, never before this line
        return future

    async def publish_and_wait(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Publish and wait for the broker's word.

        Raises:
            RefusedError: the broker said no.
            DeliveryError: the link is gone, or the broker is silent.
        """
        try:
            async with asyncio.timeout(PUBACK_TIMEOUT_S):
                reason = await self.publish(topic, payload, retain=retain)
        except TimeoutError:
            raise DeliveryError(f"no PUBACK within {PUBACK_TIMEOUT_S:g} s") from None
        if reason is not None and reason.is_failure:
            raise RefusedError(f"the broker refused a publish: {reason}")

    def acknowledge(self, message: Message) -> None:
        """Tell the broker that a message is in safe hands; without it the broker sends it again.

        In whatever order that is said, PUBACKs go in the order of coming, as the standard wants them (MQTT 5, 4.6).
        """
        if not message.mid or self.closed.done():
            return
        self._acknowledged.add(message.mid)
        while self._unacknowledged and self._unacknowledged[0] in self._acknowledged:
            mid = self._unacknowledged.popleft()
            self._acknowledged.remove(mid)
            self._client.ack(mid, 1)

    def lose(self, why: str) -> None:
        """Give the link up: whoever waits for it is told why."""
        if not self.closed.done():
            self.closed.set_result(why)
        pending, self._pending = self._pending, {}
        for future in pending.values():
            if not future.done():
                future.set_exception(DeliveryError(why))
                future.exception()  # nobody may be waiting any more; that is no news

    # --- called by paho ----------------------------------------------------------------------------------------------

    def on_published(self, mid: int, reason: ReasonCode) -> None:
        """Settle a publish with its PUBACK."""
        future = self._pending.pop(mid, None)
        if future is not None and not future.done():
            future.set_result(reason)

    def on_message(self, message: Message) -> None:
        """Queue a message; one that finds no room stays unacknowledged, and so with the broker."""
        with contextlib.suppress(asyncio.QueueFull):
            self.inbox.put_nowait(message)
            if message.mid:
                self._unacknowledged.append(message.mid)
