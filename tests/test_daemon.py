"""The daemon as a process: its exit codes, its last words, its end."""

import asyncio
import errno
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from hub_agent import daemon
from hub_agent.alarms.outputs import Bell, Hook, Led
from hub_agent.config import Config
from hub_agent.control import ask_status
from hub_agent.daemon import outputs_of
from hub_agent.errors import ConfigError, LinkError, StorageError
from hub_agent.model import ReadingClass
from hub_agent.outbox.store import Store
from tests.configs import CLEAR, config_of, make_keys, write


def _lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def _main(monkeypatch: pytest.MonkeyPatch, path: Path, error: BaseException | None) -> int:
    async def run(_config: Config) -> int:
        if error is not None:
            raise error
        return 0

    monkeypatch.setattr(daemon, "_run", run)
    return daemon.main(path)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (None, 0),
        (ConfigError("no key"), 2),
        (ExceptionGroup("x", [ExceptionGroup("y", [ConfigError("no key")])]), 2),
        (ExceptionGroup("x", [ConfigError("no key"), StorageError("full")]), 1),
        (StorageError("full"), 1),
        (ZeroDivisionError("SpO2 83"), 1),
    ],
)
def test_the_exit_code_says_whose_fault_it_was(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: BaseException | None, code: int
) -> None:
    assert _main(monkeypatch, write(tmp_path), error) == code


def test_a_bug_at_the_top_is_logged_by_its_place_and_never_by_its_values(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert (
        _main(monkeypatch, write(tmp_path), ExceptionGroup("x", [ZeroDivisionError("SpO2 83"), LinkError("gone")])) == 1
    )
    said = capfd.readouterr().err
    assert "SpO2" not in said
    assert [(line["error"], line["why"]) for line in _lines(said)] == [("ZeroDivisionError", ""), ("LinkError", "gone")]


def test_the_outputs_are_those_of_the_configuration(tmp_path: Path) -> None:
    assert outputs_of(config_of(tmp_path)) == ()
    more = '[annunciator]\nbell = true\nled = "/sys/class/leds/x"\ncommand = ["/bin/true"]\n'
    assert [type(output) for output in outputs_of(config_of(tmp_path, more))] == [Bell, Led, Hook]


def test_a_configuration_that_cannot_be_used_ends_with_2_and_says_where(tmp_path: Path) -> None:
    path = write(tmp_path, "[hub2]\n")
    ended = subprocess.run(  # noqa: S603 - this very program
        [sys.executable, "-m", "hub_agent", "run", "--config", str(path)], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    assert "hub2" in ended.stderr


def test_a_missing_key_ends_with_2_and_its_hint(tmp_path: Path) -> None:
    make_keys(tmp_path)
    (tmp_path / "identity.pem").unlink()
    path = write(tmp_path)
    ended = subprocess.run(  # noqa: S603 - this very program
        [sys.executable, "-m", "hub_agent", "run", "--config", str(path)], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    (line,) = _lines(ended.stderr)
    assert "hub-agent identity" in line["why"]


async def _said_until(process: asyncio.subprocess.Process, word: bytes) -> bytearray:
    """Read what it logs until it has said a word."""
    assert process.stderr is not None
    said = bytearray()
    while word not in said:
        line = await process.stderr.readline()
        assert line, said.decode()  # it has ended instead
        said += line
    return said


async def _state(runtime: Path) -> Mapping[str, Any]:
    """Ask for its state, as soon as it answers for itself."""
    while True:
        with suppress(LinkError):
            return await ask_status(runtime)
        await asyncio.sleep(0.05)


async def test_it_runs_without_a_broker_answers_for_itself_and_ends_when_asked(tmp_path: Path) -> None:
    make_keys(tmp_path)
    device = '[[devices]]\nname = "ghost"\ndriver = "no-such-driver"\nport = "/dev/ttyS99"\n'
    path = write(tmp_path, device, port=1, broker=CLEAR)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "hub_agent", "run", "--config", str(path), stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    async with asyncio.timeout(100):
        said = await _said_until(process, b"uplink_down")
        state = await _state(tmp_path / "run")
        process.send_signal(signal.SIGTERM)
        said += await process.stderr.read()
        assert await process.wait() == 0, said.decode()
    assert state["devices"]["ghost"]["state"] == "parked"  # alone: the hub runs
    assert "no driver is called" in state["devices"]["ghost"]["why"]
    assert state["uplink"]["up"] is False
    outbox = Store(tmp_path / "state" / "outbox.db", bytes(16))
    assert outbox.tally()[ReadingClass.ALARM].items >= 2  # that it started, and that a device is parked
    outbox.close()
    assert not (tmp_path / "run" / "control.sock").exists()
    assert b"Traceback" not in said


_ENDLESS = """
import re
re.match(r"(x|x)*$", "x" * 64 + "y")  # holds Python's lock: no other thread of the process runs
"""
_IMPATIENT = """
import sys
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from hub_agent import daemon
daemon.IMPORT_S = 1.0
sys.exit(daemon.main(Path(sys.argv[1])))
"""


def _offer(here: Path, code: str) -> dict[str, str]:
    """Install a distribution with one driver, as pip would leave it; give the environment that has it."""
    about = here / "site" / "acme-1.0.dist-info"
    about.mkdir(parents=True)
    (here / "site" / "acme.py").write_text(code)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[hub_agent.drivers]\nacme = acme:DRIVER\n")
    return {**os.environ, "PYTHONPATH": str(here / "site")}


async def test_a_driver_that_computes_for_ever_as_it_is_imported_is_left_alone_after_two_deaths(tmp_path: Path) -> None:
    make_keys(tmp_path)
    device = '[[devices]]\nname = "{}"\ndriver = "{}"\nport = "/dev/ttyS9{}"\ncadence_s = 1\n'
    more = (
        device.format("bad", "acme", 7) + device.format("worse", "acme", 8) + device.format("good", "nonin-serial", 9)
    )
    path, environment = write(tmp_path, more, port=1, broker=CLEAR), _offer(tmp_path, _ENDLESS)
    started = partial(asyncio.create_subprocess_exec, sys.executable, env=environment, stderr=asyncio.subprocess.PIPE)
    for _ in range(2):
        _, said = await (await started("-c", _IMPATIENT, str(path))).communicate()
        assert b"acme.py" in said  # where it hung is in the journal
    process = await started("-m", "hub_agent", "run", "--config", str(path))
    async with asyncio.timeout(100):
        await _said_until(process, b"uplink_down")
        state = await _state(tmp_path / "run")
        process.send_signal(signal.SIGTERM)
        await process.communicate()
    assert {name: one["state"] for name, one in state["devices"].items()} == {
        "bad": "parked",
        "worse": "parked",
        "good": "waiting",
    }
    assert "died 2 times" in state["devices"]["worse"]["why"]


def test_a_broken_pipe_does_not_end_the_process() -> None:
    """Writing to a broker that has hung up raises; with SIGPIPE's default action it would kill."""
    code = """
import os, signal, sys
from hub_agent import cli
sys.argv = ["hub-agent", "drivers", "--json"]
try:
    cli.main()
except SystemExit:
    pass
read, write = os.pipe()
os.close(read)
try:
    os.write(write, b"x")
except BrokenPipeError as error:
    sys.exit(100 + error.errno)
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)  # noqa: S603 - this program
    assert ended.returncode == 100 + errno.EPIPE


def test_a_reader_that_goes_away_ends_a_listing_quietly() -> None:
    read, write = os.pipe()
    os.close(read)
    ended = subprocess.run(
        [sys.executable, "-m", "hub_agent", "drivers"], stdout=write, stderr=subprocess.PIPE, check=False
    )
    os.close(write)
    assert ended.stderr == b""
