"""Connecting to a broker, in the order that loses nothing.

Owns: paho's settings, CONNECT and SUBSCRIBE, each bounded in time, and the polite end.
Never: tries again; its caller does.
"""

import asyncio
import contextlib
import socket
import threading
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from hub_agent.errors import DeliveryError, RefusedError
from hub_agent.mqtt.link import CONNECT_TIMEOUT_S, SESSION_EXPIRY_S, Link, Message, Profile
from hub_agent.mqtt.pump import Pump

_TAKEN_OVER = 0x8E


def _properties(packet: int, **values: Any) -> Properties:  # noqa: ANN401 - paho's properties are untyped
    properties = Properties(packet)  # type: ignore[no-untyped-call]  # paho leaves it untyped
    for name, value in values.items():
        setattr(properties, name, value)
    return properties


def _opened(wanted: threading.Event, connection: Any) -> None:  # noqa: ANN401 - a socket, or TLS over one
    """Send each packet at once: with Nagle's algorithm (RFC 896) a PUBLISH behind a PUBACK waits some 40 ms.

    Raises:
        ConnectionAbortedError: name or handshake took so long that nobody waits any more. A CONNECT
            that is sent now would push off the connection that the hub has made since.
    """
    if not wanted.is_set():
        raise ConnectionAbortedError
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
    if profile.tls is not None:
        client.tls_set_context(profile.tls)
    if profile.username is not None:
        client.username_pw_set(profile.username, profile.password)
    if profile.will is not None:
        client.will_set(profile.will[0], profile.will[1], qos=1, retain=True)
    return client


def _wire_callbacks(client: paho.Client, link: Link, loop: asyncio.AbstractEventLoop) -> asyncio.Future[ReasonCode]:
    """Let paho tell the link what happens; gives the future of the CONNACK."""
    connected: asyncio.Future[ReasonCode] = loop.create_future()

    def settle(reason: ReasonCode) -> None:
        if not connected.done():
            connected.set_result(reason)

    def down(reason: ReasonCode) -> None:
        why = "another client took this hub's id over" if reason.value == _TAKEN_OVER else f"disconnected: {reason}"
        link.lose(why)
        if not connected.done():
            connected.set_exception(DeliveryError(f"the broker hung up before CONNACK: {reason}"))

    client.on_connect = lambda _c, _u, _f, reason, _p: settle(reason)
    client.on_disconnect = lambda _c, _u, _f, reason, _p: down(reason)
    client.on_publish = lambda _c, _u, mid, reason, _p: link.on_published(mid, reason)
    client.on_message = lambda _c, _u, m: _take(link, m)
    return connected


def _take(link: Link, m: paho.MQTTMessage) -> None:
    """Hand a message over. What this raised would leave paho amid the packet, which it would read again and again."""
    try:
        topic = m.topic
    except UnicodeDecodeError:
        link.lose("the broker sent a topic that is not UTF-8")
        return
    link.on_message(Message(topic, bytes(m.payload), bool(m.retain), m.mid if m.qos else 0, bool(m.dup)))


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
    pump = Pump(client, loop, profile.max_packet, link.lose)
    try:
        await _open(client, profile, link, pump)
        await _subscribe(client, profile, loop)
        yield link
    finally:
        link.lose("closed here")
        pump.stop()


async def _open(client: paho.Client, profile: Profile, link: Link, pump: Pump) -> None:
    """Connect and wait for the broker's word, each bounded in time."""
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
    wanted = threading.Event()
    wanted.set()
    client.on_socket_open = lambda _c, _u, connection: _opened(wanted, connection)
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            opening = partial(client.connect, profile.host, profile.port, keepalive=profile.keepalive_s, **extra)
            await loop.run_in_executor(None, opening)
            connected = _wire_callbacks(client, link, loop)
            pump.start()
            reason = await connected
    except TimeoutError:
        raise DeliveryError(f"the broker did not answer within {CONNECT_TIMEOUT_S:g} s") from None
    except (OSError, ValueError) as error:  # ValueError: paho's word for a closed socket
        raise DeliveryError(f"the broker cannot be reached: {type(error).__name__}: {error}") from error
    finally:
        wanted.clear()
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
        settle(list(reasons))

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
