"""Connecting: what comes of an attempt that was given up."""

import asyncio
import socket
import threading
from typing import Any

import pytest

from hub_agent import mqtt
from hub_agent.errors import DeliveryError
from hub_agent.mqtt import Profile, connecting


async def test_an_attempt_that_was_given_up_pushes_nobody_off_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name server that answers after the time-out: the hub is connected by then, under the same client id."""
    answered = threading.Event()
    create_connection = socket.create_connection

    def late(*args: Any, **options: Any) -> socket.socket:  # noqa: ANN401 - as it is
        assert answered.wait(100.0)
        return create_connection(*args, **options)

    said: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        said.set_result(await reader.read(1024))
        writer.close()

    monkeypatch.setattr(connecting, "CONNECT_TIMEOUT_S", 0.05)
    monkeypatch.setattr(socket, "create_connection", late)
    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(DeliveryError, match="did not answer within"):
            async with mqtt.connect(Profile("hub-0001", "127.0.0.1", port)):
                pass
        answered.set()
        async with asyncio.timeout(100.0):
            assert await said == b""
