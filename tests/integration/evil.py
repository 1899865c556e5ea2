"""A broker that has fallen: a proxy on a plain connection that does with MQTT packets what it likes.

Packets are those of MQTT 5 (OASIS, 2019): §2.1.4 for lengths, §3.3 PUBLISH, §3.4 PUBACK.
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

_PUBLISH = 3
_HOST = "127.0.0.1"


async def _packet(reader: asyncio.StreamReader) -> bytes:
    """Read one whole packet."""
    head = await reader.readexactly(1)
    length, shift = 0, 0
    while True:
        byte = await reader.readexactly(1)
        head += byte
        length |= (byte[0] & 0x7F) << shift
        shift += 7
        if not byte[0] & 0x80:
            return head + await reader.readexactly(length)


def _is_publish(packet: bytes) -> bool:
    return packet[0] >> 4 == _PUBLISH and packet[0] >> 1 & 3 == 1


def _ids(packet: bytes) -> tuple[str, bytes]:
    """Take topic and packet identifier out of a PUBLISH of QoS 1."""
    at = 1
    while packet[at] & 0x80:
        at += 1
    at += 1
    size = int.from_bytes(packet[at : at + 2], "big")
    return packet[at + 2 : at + 2 + size].decode(), packet[at + 2 + size : at + 4 + size]


class EvilBroker:
    """Sits between a hub and its broker.

    Args:
        port: of the honest broker.
        seed: of the evil.

    Attributes:
        port: where the hub finds it.
        evil: whether it is, just now.
        seen: every byte that went through, both ways.
        deeds: what it did, and how often.
    """

    def __init__(self, port: int, seed: int = 0) -> None:
        self._honest = port
        self._rng = random.Random(seed)  # noqa: S311 - mischief, no secret
        self._old: list[bytes] = []
        self.port = 0
        self.evil = False
        self.seen = bytearray()
        self.deeds: Counter[str] = Counter()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["EvilBroker"]:
        """Listen while the context is open."""
        server = await asyncio.start_server(self._carry, _HOST, 0)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield self

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection(_HOST, self._honest)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._up(reader, there_writer, writer))
                both.create_task(self._down(there_reader, writer))
        except* (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            for end in (writer, there_writer):
                end.transport.abort()
                with suppress(OSError):
                    await end.wait_closed()

    async def _up(self, hub: asyncio.StreamReader, broker: asyncio.StreamWriter, back: asyncio.StreamWriter) -> None:
        """What the hub publishes: swallowed with a forged PUBACK, swallowed without, doubled, held back, hung up on."""
        held: bytes | None = None
        while True:
            packet = await _packet(hub)
            self.seen += packet
            deed = self._deed("fake-ack", "drop", "double", "hold", "hang-up") if _is_publish(packet) else ""
            if deed == "hang-up":
                raise ConnectionAbortedError
            if deed == "fake-ack":
                back.write(bytes((0x40, 2)) + _ids(packet)[1])
            elif deed == "hold" and held is None:
                held = packet
            elif deed != "drop":
                broker.write(packet * (2 if deed == "double" else 1) + (held or b""))
                held = None
            await broker.drain()

    async def _down(self, broker: asyncio.StreamReader, hub: asyncio.StreamWriter) -> None:
        """What the hub is told: swallowed, said again with something old before it, bent."""
        while True:
            packet = await _packet(broker)
            self.seen += packet
            deed = ""
            if _is_publish(packet):
                self._old.append(packet)
                deed = self._deed("drop-word", "old-word", "bend")
            if deed == "old-word":
                hub.write(self._rng.choice(self._old))
            if deed == "bend":
                packet = packet[:-1] + bytes((packet[-1] ^ 1,))
            if deed != "drop-word":
                hub.write(packet)
            await hub.drain()

    def _deed(self, *deeds: str) -> str:
        deed = self._rng.choice(("", "", *deeds)) if self.evil else ""
        self.deeds[deed] += 1
        return deed
