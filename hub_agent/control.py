"""The local window into a running hub: a unix socket that only root and the hub's user can open.

Owns: the socket and its one question, ``status``. Never: changes anything; commands come signed, by MQTT.
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

from hub_agent.errors import ConfigError, LinkError

NAME: Final = "control.sock"
_TIMEOUT_S: Final = 5.0

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(directory: Path, snapshot: Callable[[], Mapping[str, Any]]) -> AsyncIterator[None]:
    """Answer ``status`` on ``directory/control.sock`` while the context is open.

    Raises:
        ConfigError: the socket cannot be made there.
    """

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(TimeoutError, ConnectionError, ValueError):  # ValueError: a question without end
            async with asyncio.timeout(_TIMEOUT_S):
                question = (await reader.readline()).strip()
                reply = dict(snapshot()) if question == b"status" else {"error": "ask: status"}
                writer.write(json.dumps(reply).encode() + b"\n")
                await writer.drain()
        writer.close()

    path = directory / NAME
    try:
        server = await _listen(path, answer)
    except OSError as error:
        raise ConfigError(
            f"hub.runtime_dir: {path}: {error.strerror or error}", hint="name a directory that the hub may write to"
        ) from error
    try:
        async with server:
            yield
    finally:
        path.unlink(missing_ok=True)


async def _listen(path: Path, answer: Answer) -> asyncio.Server:
    """Open the socket for its owner alone; one that a killed process left is replaced."""
    path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    before = os.umask(0o177)
    try:
        return await asyncio.start_unix_server(answer, path)
    finally:
        os.umask(before)


async def ask_status(directory: Path) -> dict[str, Any]:
    """Ask a running hub for its state.

    Raises:
        LinkError: no hub is running there, or it does not answer.
    """
    path = directory / NAME
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            reader, writer = await asyncio.open_unix_connection(path)
            writer.write(b"status\n")
            answer: dict[str, Any] = json.loads(await reader.read())
            writer.close()
            return answer
    except PermissionError as error:
        raise LinkError("the hub's socket may not be opened", hint="try again as root") from error
    except (OSError, TimeoutError, ValueError) as error:
        raise LinkError(
            f"no hub answers at {path}", hint="is it running? `systemctl status hub-agent` tells"
        ) from error
