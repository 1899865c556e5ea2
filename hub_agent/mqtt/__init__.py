"""The broker link: paho-mqtt under an asyncio surface. The only package that imports paho.

Owns: one connection at a time, its callbacks and its publish windows.
Never: queues a message while disconnected, reconnects by itself, or calls a publish a success without its reason code.

paho's network loop runs on the event loop, without a thread: the loop tells it when the socket can be read or written
(paho's "external event loop"); only connecting, which blocks, is done on a thread. A new client is made for every
connection, so that nothing can wait inside paho: the outbox is the queue. QoS 1 only: paho reports a refused QoS 2
publish as a success (eclipse/paho.mqtt.python issue 895).
"""

from hub_agent.mqtt.connecting import connect
from hub_agent.mqtt.link import (
    MAX_PACKET,
    NO_MATCHING_SUBSCRIBERS,
    PUBACK_TIMEOUT_S,
    Link,
    Message,
    Profile,
)

__all__ = ["MAX_PACKET", "NO_MATCHING_SUBSCRIBERS", "PUBACK_TIMEOUT_S", "Link", "Message", "Profile", "connect"]
