"""The local window into a running hub."""

import asyncio
import json
import os
import socket
import stat
from pathlib import Path

import pytest

from hub_agent.control import NAME, ask_status, serving
from hub_agent.errors import ConfigError, LinkError


async def _ask(directory: Path, question: bytes) -> bytes:
    reader, writer = await asyncio.open_unix_connection(directory / NAME)
    writer.write(question)
    answer = await reader.read()
    writer.close()
    return answer


async def test_status_is_answered_with_what_is_so_now(tmp_path: Path) -> None:
    count = 0

    def snapshot() -> dict[str, object]:
        nonlocal count
        count += 1
        return {"count": count, "long": "x" * 200_000}

    async with serving(tmp_path, snapshot):
        first, second = await ask_status(tmp_path), await ask_status(tmp_path)
    assert (first["count"], second["count"], len(first["long"])) == (1, 2, 200_000)


async def test_only_its_owner_may_open_it(tmp_path: Path) -> None:
    before = os.umask(0o022)  # as systemd has it; whoever runs the tests may have another
    try:
        await _is_its_owners_alone(tmp_path)
    finally:
        os.umask(before)


async def _is_its_owners_alone(tmp_path: Path) -> None:
    async with serving(tmp_path / "run", dict):
        assert stat.S_IMODE((tmp_path / "run" / NAME).stat().st_mode) == 0o600
        assert stat.S_IMODE((tmp_path / "run").stat().st_mode) == 0o750


@pytest.mark.parametrize("question", [b"wipe\n", b"\n", b"status", b"\xff\xfe\n"])
async def test_nothing_but_status_is_answered(tmp_path: Path, question: bytes) -> None:
    async with serving(tmp_path, lambda: {"secret": 1}):
        reader, writer = await asyncio.open_unix_connection(tmp_path / NAME)
        writer.write(question)
        writer.write_eof()
        answer = json.loads(await reader.read())
        writer.close()
    assert answer == ({"secret": 1} if question == b"status" else {"error": "ask: status"})


async def test_a_question_without_end_harms_nobody(tmp_path: Path) -> None:
    async with serving(tmp_path, dict):
        assert await _ask(tmp_path, b"s" * 100_000 + b"\n") == b""
        assert await ask_status(tmp_path) == {}


async def test_a_socket_that_a_killed_process_left_is_replaced(tmp_path: Path) -> None:
    _leave_behind(tmp_path / NAME)
    async with serving(tmp_path, lambda: {"alive": True}):
        assert await ask_status(tmp_path) == {"alive": True}
    assert not (tmp_path / NAME).exists()


def _leave_behind(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))


async def test_nobody_there_is_a_named_error(tmp_path: Path) -> None:
    with pytest.raises(LinkError, match="no hub answers"):
        await ask_status(tmp_path)
    _leave_behind(tmp_path / NAME)
    with pytest.raises(LinkError, match="no hub answers"):
        await ask_status(tmp_path)


async def test_a_hub_that_hangs_up_is_a_named_error(tmp_path: Path) -> None:
    async with await asyncio.start_unix_server(lambda _r, writer: writer.close(), tmp_path / NAME):
        with pytest.raises(LinkError, match="no hub answers"):
            await ask_status(tmp_path)


async def test_a_place_that_cannot_be_is_a_mistake_of_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for place in (tmp_path / "file", tmp_path / ("long" * 40)):
        with pytest.raises(ConfigError, match="runtime_dir"):
            async with serving(place, dict):
                pass
