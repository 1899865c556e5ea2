"""A wire between hub and broker that can be cut, swallow everything, or be narrow.

A cut resets every connection and refuses new ones. A wire that swallows keeps connections open, takes new ones and
carries nothing: what a router without an uplink does, and no reset tells of it. A narrow one carries so many bits a
second each way, and holds no more than a small router's queue.
"""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

_QUEUE = 16 * 1024


@dataclass
class Wire:
    """Relays TCP from its own port to another on this machine.

    Attributes:
        target: the other port.
        cut: whether it is cut.
        swallows: whether it carries nothing.
        bits_s: how much it carries a second each way; 0: as much as comes.
        port: its own.
    """

    target: int
    cut: bool = False
    swallows: bool = False
    bits_s: float = 0.0
    port: int = 0
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Wire"]:
        """Listen while the context is open."""
        listener = socket.create_server(("127.0.0.1", 0))
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _QUEUE)  # connections inherit it
        server = await asyncio.start_server(self._carry, sock=listener)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            try:
                yield self
            finally:
                self.reset()

    def reset(self) -> None:
        """End every connection at once."""
        for writer in self._open:
            writer.transport.abort()

    def set_cut(self, cut: bool) -> None:  # noqa: FBT001 - cut or whole
        """Cut the wire, or heal it."""
        self.cut = cut
        if cut:
            self.reset()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.cut:
            writer.transport.abort()
            return
        try:
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:  # nobody is there
            writer.transport.abort()
            return
        with suppress(OSError):
            ends = {writer, there_writer}
            self._open |= ends
            try:
                async with asyncio.TaskGroup() as both:
                    both.create_task(self._pump(reader, there_writer))
                    both.create_task(self._pump(there_reader, writer))
            finally:
                self._open -= ends

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        free_s = 0.0
        with suppress(OSError):
            while data := await reader.read(1500 if self.bits_s else 65_536):
                if self.swallows:
                    continue
                if self.bits_s:
                    free_s = max(free_s, loop.time()) + len(data) * 8 / self.bits_s
                    await asyncio.sleep(free_s - loop.time())
                writer.write(data)
                await writer.drain()
        writer.close()
