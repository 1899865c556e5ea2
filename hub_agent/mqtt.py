"""The broker link: paho-mqtt under an asyncio surface. The only import of paho.

Owns: one connection at a time, its callbacks and its publish windows.
Never: queues a message while disconnected, reconnects by itself, or calls a publish a success without its reason code.

paho runs its network loop on a thread of its own; each callback does nothing but hand over to the event loop. A new
client is made for every connection, so that nothing can wait inside paho: the outbox is the queue. QoS 1 only: paho
reports a refused QoS 2 publish as a success (eclipse/paho.mqtt.python issue 895).
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, Literal, NamedTuple

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from hub_agent.errors import DeliveryError, RefusedError

CONNECT_TIMEOUT_S: Final = 10.0
PUBACK_TIMEOUT_S: Final = 6.0
MAX_PACKET: Final = 65_536
SESSION_EXPIRY_S: Final = 86_400
NO_MATCHING_SUBSCRIBERS: Final = 0x10
_TAKEN_OVER: Final = 0x8E


class Message(NamedTuple):
    """What came on a subscribed topic; ``mid`` is for :meth:`Link.acknowledge`, ``duplicate``: it may not be new."""

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
        clean: start without the session's past; the NOC's collector may want it, a hub does not.
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
        self.inbox: asyncio.Queue[Message] = asyncio.Queue(inbox)
        self.closed: asyncio.Future[str] = loop.create_future()

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> asyncio.Future[ReasonCode | None]:
        """Hand a message to the broker at QoS 1; the future gives the PUBACK's reason code, or a DeliveryError.

        Raises:
            DeliveryError: the link is gone.
        """
        if self.closed.done():
            raise DeliveryError("the broker link is down")
        info = self._client.publish(topic, payload, qos=1, retain=retain)
        if info.rc is not MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise DeliveryError(f"the broker link took nothing: {paho.error_string(info.rc)}")
        future: asyncio.Future[ReasonCode | None] = self._loop.create_future()
        self._pending[info.mid] = future  # the PUBACK comes through the event loop, so never before this line
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
        """Tell the broker that a message is in safe hands; without it the broker sends it again."""
        if not self.closed.done():
            self._client.ack(message.mid, 1)

    def lose(self, why: str) -> None:
        """Give the link up: whoever waits for it is told why."""
        if not self.closed.done():
            self.closed.set_result(why)
        pending, self._pending = self._pending, {}
        for future in pending.values():
            if not future.done():
                future.set_exception(DeliveryError(why))
                future.exception()  # nobody may be waiting any more; that is no news

    # --- on the event loop, called from paho's thread -----------------------------------------------------------------

    def on_published(self, mid: int, reason: ReasonCode) -> None:
        """Settle a publish with its PUBACK."""
        future = self._pending.pop(mid, None)
        if future is not None and not future.done():
            future.set_result(reason)

    def on_message(self, message: Message) -> None:
        """Queue a message; one that finds no room stays unacknowledged, and so with the broker."""
        with contextlib.suppress(asyncio.QueueFull):
            self.inbox.put_nowait(message)


def _properties(packet: int, **values: Any) -> Properties:  # noqa: ANN401 - paho's properties are untyped
    properties = Properties(packet)  # type: ignore[no-untyped-call]  # paho leaves it untyped
    for name, value in values.items():
        setattr(properties, name, value)
    return properties


def _undelayed(_client: object, _data: object, connection: Any) -> None:  # noqa: ANN401 - a socket, or TLS over one
    """Send each packet at once: with Nagle's algorithm (RFC 896) a PUBLISH behind a PUBACK waits some 40 ms."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _make_client(profile: Profile) -> paho.Client:
    version = MQTTProtocolVersion.MQTTv5 if profile.protocol == "5" else MQTTProtocolVersion.MQTTv311
    client = paho.Client(
        CallbackAPIVersion.VERSION2,
        client_id=profile.client_id,
        protocol=version,
        clean_session=None if profile.protocol == "5" else profile.clean,
        reconnect_on_failure=False,
        manual_ack=True,
    )
    client.max_inflight_messages_set(profile.window + 4)  # the window is ours; the rest is for status and health
    client.max_queued_messages_set(profile.window + 8)
    client.connect_timeout = CONNECT_TIMEOUT_S / 2
    client.on_socket_open = _undelayed
    if profile.tls is not None:
        client.tls_set_context(profile.tls)
    if profile.username is not None:
        client.username_pw_set(profile.username, profile.password)
    if profile.will is not None:
        client.will_set(profile.will[0], profile.will[1], qos=1, retain=True)
    return client


def _wire_callbacks(client: paho.Client, link: Link, loop: asyncio.AbstractEventLoop) -> asyncio.Future[ReasonCode]:
    """Connect paho's callbacks to the event loop; gives the future of the CONNACK."""
    connected: asyncio.Future[ReasonCode] = loop.create_future()

    def hand_over(function: Callable[..., None], *args: Any) -> None:  # noqa: ANN401
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to tell
            loop.call_soon_threadsafe(partial(function, *args))

    def settle(reason: ReasonCode) -> None:
        if not connected.done():
            connected.set_result(reason)

    def down(reason: ReasonCode) -> None:
        why = "another client took this hub's id over" if reason.value == _TAKEN_OVER else f"disconnected: {reason}"
        link.lose(why)
        if not connected.done():
            connected.set_exception(DeliveryError(f"the broker hung up before CONNACK: {reason}"))

    client.on_connect = lambda _c, _u, _f, reason, _p: hand_over(settle, reason)
    client.on_disconnect = lambda _c, _u, _f, reason, _p: hand_over(down, reason)
    client.on_publish = lambda _c, _u, mid, reason, _p: hand_over(link.on_published, mid, reason)
    client.on_message = lambda _c, _u, m: hand_over(
        link.on_message, Message(m.topic, bytes(m.payload), bool(m.retain), m.mid, bool(m.dup))
    )
    return connected


@contextlib.asynccontextmanager
async def connect(profile: Profile) -> AsyncIterator[Link]:
    """Connect, subscribe, and disconnect politely on exit (the Will is then not sent).

    Raises:
        RefusedError: the broker said no to the connection or to a subscription.
        DeliveryError: the broker cannot be reached or does not answer in time.
    """
    loop = asyncio.get_running_loop()
    client = _make_client(profile)
    link = Link(client, loop, inbox=8 * profile.receive_maximum)
    connected = _wire_callbacks(client, link, loop)
    try:
        await _open(client, profile, connected)
        await _subscribe(client, profile, loop)
        yield link
    finally:
        link.lose("closed here")
        if connected.done():
            connected.cancelled() or connected.exception()
        client.disconnect()
        await loop.run_in_executor(None, client.loop_stop)


async def _open(client: paho.Client, profile: Profile, connected: asyncio.Future[ReasonCode]) -> None:
    """Connect and start the thread, each bounded in time."""
    extra: dict[str, Any] = {}
    if profile.protocol == "5":
        extra = {
            "clean_start": profile.clean,
            "properties": _properties(
                PacketTypes.CONNECT,
                SessionExpiryInterval=SESSION_EXPIRY_S,
                ReceiveMaximum=profile.receive_maximum,
                MaximumPacketSize=profile.max_packet,
            ),
        }
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            opening = partial(client.connect, profile.host, profile.port, keepalive=profile.keepalive_s, **extra)
            await loop.run_in_executor(None, opening)
            client.loop_start()
            reason = await connected
    except TimeoutError:
        raise DeliveryError(f"the broker did not answer within {CONNECT_TIMEOUT_S:g} s") from None
    except (OSError, ValueError) as error:  # ValueError: paho's word for a closed socket
        raise DeliveryError(f"the broker cannot be reached: {type(error).__name__}: {error}") from error
    if reason.is_failure:
        raise RefusedError(
            f"the broker refused the connection: {reason}", hint="check the hub's certificate, id and the broker's ACL"
        )


async def _subscribe(client: paho.Client, profile: Profile, loop: asyncio.AbstractEventLoop) -> None:
    """Subscribe to everything and wait for the broker's word on each."""
    if not profile.subscriptions:
        return
    answered: asyncio.Future[list[ReasonCode]] = loop.create_future()

    def settle(reasons: list[ReasonCode]) -> None:
        if not answered.done():
            answered.set_result(reasons)

    def granted(_c: object, _u: object, _mid: int, reasons: list[ReasonCode], _p: object) -> None:
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, list(reasons))

    client.on_subscribe = granted
    topics: list[tuple[str, Any]]
    if profile.protocol == "5":
        # A hub never wants retained messages: a command that waits in a broker is a replay. A NOC wants each status.
        handling = (
            SubscribeOptions.RETAIN_SEND_ON_SUBSCRIBE if profile.retained else SubscribeOptions.RETAIN_DO_NOT_SEND
        )
        options = SubscribeOptions(qos=1, noLocal=True, retainHandling=handling)
        topics = [(topic, options) for topic in profile.subscriptions]
    else:
        topics = [(topic, 1) for topic in profile.subscriptions]
    client.subscribe(topics)
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            reasons = await answered
    except TimeoutError:
        raise DeliveryError("the broker did not answer a subscription") from None
    if any(reason.is_failure for reason in reasons):
        raise RefusedError("the broker refused a subscription", hint="check the broker's ACL for this hub")
