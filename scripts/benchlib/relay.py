"""A wire that counts what goes over it, and can be made narrow.

Owns: the connections through it. Never: reads a byte's meaning.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass


@dataclass
class Relay:
    """Relays TCP from its own port to another on this machine.

    Attributes:
        target: the other port.
        bits_per_s: how fast each direction may be; 0: as fast as it goes.
        up: bytes towards the target so far.
        down: bytes back.
        port: its own.
    """

    target: int
    bits_per_s: float = 0.0
    up: int = 0
    down: int = 0
    port: int = 0

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Relay"]:
        """Listen while the context is open."""
        server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield self

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self.target)
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pump(reader, there_writer, up=True))
                both.create_task(self._pump(there_reader, writer, up=False))

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, up: bool) -> None:
        free_s = 0.0
        size = 1500 if self.bits_per_s else 65_536
        with suppress(OSError):
            while data := await reader.read(size):
                if self.bits_per_s:
                    now_s = time.perf_counter()
                    free_s = max(free_s, now_s) + len(data) * 8 / self.bits_per_s
                    await asyncio.sleep(free_s - now_s)
                if up:
                    self.up += len(data)
                else:
                    self.down += len(data)
                writer.write(data)
                await writer.drain()
        writer.close()
