"""The local window into a running hub: a unix socket that only root and the hub's user can open.

Owns: the socket and its one question, ``status``. Never: changes anything; commands come signed, by MQTT.
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

from hub_agent.errors import LinkError

NAME: Final = "control.sock"
_TIMEOUT_S: Final = 5.0


def _make_room(directory: Path) -> Path:
    directory.mkdir(mode=0o750, parents=True, exist_ok=True)
    path = directory / NAME
    path.unlink(missing_ok=True)
    return path


@asynccontextmanager
async def serving(directory: Path, snapshot: Callable[[], Mapping[str, Any]]) -> AsyncIterator[None]:
    """Answer ``status`` on ``directory/control.sock`` while the context is open."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(_TIMEOUT_S):
                question = (await reader.readline()).strip()
                reply = dict(snapshot()) if question == b"status" else {"error": "ask: status"}
                writer.write(json.dumps(reply).encode() + b"\n")
                await writer.drain()
        writer.close()

    path = _make_room(directory)
    before = os.umask(0o177)
    try:
        server = await asyncio.start_unix_server(answer, path)
    finally:
        os.umask(before)
    try:
        async with server:
            yield
    finally:
        _make_room(directory)


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
            line = await reader.readline()
            writer.close()
    except PermissionError as error:
        raise LinkError("the hub's socket may not be opened", hint="try again as root") from error
    except (OSError, TimeoutError) as error:
        raise LinkError(
            f"no hub answers at {path}", hint="is it running? `systemctl status hub-agent` tells"
        ) from error
    answer: dict[str, Any] = json.loads(line)
    return answer
