"""``hub-agent demo`` as a stranger starts it."""

import asyncio
import fcntl
import json
import os
import pty
import signal
import struct
import sys
import termios
from pathlib import Path
from typing import Any

import pytest

from hub_agent.demo.broker import find_mosquitto

pytestmark = pytest.mark.slow


async def _demo(*args: str) -> dict[str, Any]:
    """Run it; give its last line."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "hub_agent", "demo", "--json", *args),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    assert process.returncode == 0, output.decode() + errors.decode()
    summary: dict[str, Any] = json.loads(output.splitlines()[-1])
    return summary


def _check(summary: dict[str, Any]) -> None:
    assert (summary["lost"], summary["duplicates"]) == (0, 0)
    assert summary["confirmed"] == summary["stored"] >= summary["emitted"] > 3  # a busy machine connects late
    assert summary["alarms"] >= 1
    assert summary["latency_s"].keys() == {"alarm", "episodic", "continuous"}
    assert all(value > 0 for figures in summary["latency_s"].values() for value in figures.values())


@pytest.mark.broker
@pytest.mark.timeout(120)
async def test_runs_with_mosquitto() -> None:
    if find_mosquitto() is None:
        pytest.skip("mosquitto is not installed: apt-get install mosquitto")
    summary = await _demo("--seconds", "12", "--broker", "mosquitto")
    _check(summary)
    assert summary["latency_s"]["alarm"]["p99"] < 0.5


@pytest.mark.timeout(120)
async def test_runs_with_the_embedded_broker() -> None:
    _check(await _demo("--seconds", "12", "--broker", "amqtt"))


@pytest.mark.timeout(120)
async def test_a_cut_loses_and_doubles_nothing() -> None:
    _check(await _demo("--seconds", "20", "--cut-at", "4", "--cut", "8"))


@pytest.mark.parametrize("key", [b"q", b"\x03"], ids=["q", "Ctrl-C"])
@pytest.mark.timeout(120)
async def test_on_a_screen_of_80_by_24_it_ends_with_words_for_people(key: bytes) -> None:
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "hub_agent", "demo", "--broker", "amqtt"),
        stdin=its, stdout=its, stderr=its, start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )  # fmt: skip
    os.close(its)
    shown, charted = bytearray(), asyncio.Event()

    def read() -> None:
        try:
            shown.extend(os.read(ours, 65_536))
        except OSError:  # Linux says EIO when the last end is closed
            asyncio.get_running_loop().remove_reader(ours)
        if "SpO₂".encode() in shown and "╰".encode() in shown:
            charted.set()

    asyncio.get_running_loop().add_reader(ours, read)
    try:
        await charted.wait()
        os.write(ours, key)
        code = await process.wait()
    finally:
        asyncio.get_running_loop().remove_reader(ours)
        os.close(ours)
    last = shown.decode()[-400:]
    assert (code, ": 0 lost, 0 twice" in last) == (0, True), last
    assert "Sensor to confirmation" in last


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
async def test_a_closed_window_leaves_no_broker_and_no_noc_behind(number: signal.Signals) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "hub_agent", "demo", "--json", "--seconds", "100"), stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    while len(children := _children(process.pid)) < 2:  # noqa: ASYNC110 - the broker stays, what came before has ended
        await asyncio.sleep(0.02)
    process.send_signal(number)
    said = (await process.stderr.read()).decode()
    assert await process.wait() != 0
    assert "ended by a signal" in said
    assert "Traceback" not in said
    assert [child for child in children if _runs(child)] == []


def _children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def _runs(pid: str) -> bool:
    return Path("/proc", pid).exists()
