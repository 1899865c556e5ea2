"""The connection, under a broker that keeps to no protocol: that costs the link, and never more."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from hub_agent import mqtt
from hub_agent.mqtt import MAX_PACKET, Link, Profile

_CONNACK = bytes.fromhex("2003000000")
_PATIENCE_S = 100.0


def _packet(head: int, body: bytes, length: int | None = None) -> bytes:
    """Spell a packet, with its own length or another (MQTT 5, 2.1.4)."""
    left = len(body) if length is None else length
    spelled = bytearray([head])
    while True:
        left, digit = divmod(left, 128)
        spelled.append(digit | (0x80 if left else 0))
        if not left:
            return bytes(spelled) + body


def _publish(topic: bytes, qos: int) -> bytes:
    return _packet(0x30 | qos << 1, len(topic).to_bytes(2, "big") + topic + b"\0\1" + b"\0" + b"x")


@asynccontextmanager
async def _facing(evil: bytes) -> AsyncIterator[Link]:
    """Be connected to a broker that says ``evil`` again and again, once it has taken the connection."""
    connected = asyncio.Event()
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        await reader.read(1024)
        writer.write(_CONNACK)
        await connected.wait()
        with suppress(OSError):
            while not writer.is_closing():
                writer.write(evil)
                await writer.drain()
                await asyncio.sleep(0)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        try:
            async with mqtt.connect(Profile("hub-0001", "127.0.0.1", port, keepalive_s=60)) as link:
                connected.set()
                yield link
        finally:
            for writer in writers:
                writer.close()
                with suppress(OSError):
                    await writer.wait_closed()


@pytest.mark.parametrize(
    ("evil", "why"),
    [
        pytest.param(_publish(b"\xff\xfe", 1), "the broker sent a topic that is not UTF-8", id="no-utf-8"),
        pytest.param(_publish(b"t", 2), "the broker sends at QoS 2, which nobody asked for", id="qos-2"),
        pytest.param(
            _packet(0x30, bytes(1024), MAX_PACKET + 1),
            "the broker sends a packet that is larger than it may",
            id="large",
        ),
        pytest.param(_packet(0x32, b"\0\x09t"), "disconnected: Protocol error", id="cut-short"),
        pytest.param(_packet(0xF0, b""), "disconnected: Protocol error", id="of-no-kind"),
    ],
)
async def test_what_no_broker_may_say_costs_the_link(evil: bytes, why: str) -> None:
    loud: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: loud.append(context))
    async with _facing(evil) as link, asyncio.timeout(_PATIENCE_S):
        assert await link.closed == why
    assert not loud, "it broke out of paho"
