"""The wire that can be cut: what comes in just then is cut as well, and nobody is left hanging."""

import asyncio

import pytest

from hub_agent.demo.broker import HOST, held_port
from hub_agent.demo.relay import Relay
from tests.virtual import settle


async def test_a_connection_that_comes_in_as_the_wire_is_cut_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    relay = Relay(0)

    async def open_connection(host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        relay.set_cut(True)  # while the other half is on its way
        return await connect(host, port)

    connect = asyncio.open_connection
    async with await asyncio.start_server(_swallow, HOST, 0) as server:
        relay._target = server.sockets[0].getsockname()[1]
        async with relay.serving():
            monkeypatch.setattr(asyncio, "open_connection", open_connection)
            reader, writer = await connect(HOST, relay.port)
            writer.write(b"hello")
            assert await _until_over(reader) == b""
            writer.close()
            await settle()


async def test_a_connection_to_a_broker_that_is_not_there_ends() -> None:
    with held_port() as port:
        async with Relay(port).serving() as relay:
            reader, writer = await asyncio.open_connection(HOST, relay.port)
            assert await _until_over(reader) == b""
            writer.close()
            await settle()


async def _swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


async def _until_over(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(60):
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""
