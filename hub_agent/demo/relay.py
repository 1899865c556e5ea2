"""A wire between the hub and the broker that can be cut and healed.

Owns: the connections through it. Never: reads a byte's meaning.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from hub_agent.demo.broker import HOST


class Relay:
    """Relays TCP from its own port to the broker's; a cut ends every connection and refuses new ones."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._open: set[asyncio.StreamWriter] = set()
        self.cut = False
        self.port = 0

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Relay"]:
        """Listen while the context is open."""
        server = await asyncio.start_server(self._carry, HOST, 0)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            try:
                yield self
            finally:
                self._drop()

    def set_cut(self, cut: bool) -> None:  # noqa: FBT001 - cut or whole
        """Cut the wire, or heal it."""
        self.cut = cut
        if cut:
            self._drop()

    def _drop(self) -> None:
        for writer in self._open:
            writer.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends = {writer}
        self._open |= ends
        try:
            if self.cut:
                writer.transport.abort()
                return
            with suppress(OSError):
                there_reader, there_writer = await asyncio.open_connection(HOST, self._target)
                ends.add(there_writer)
                self._open |= ends
                if writer.transport.is_closing():  # cut meanwhile
                    return
                async with asyncio.TaskGroup() as both:
                    both.create_task(_pump(reader, there_writer))
                    both.create_task(_pump(there_reader, writer))
        finally:
            self._open -= ends
            for end in ends:
                end.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()
