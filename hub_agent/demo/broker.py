"""A broker for the demo: mosquitto where it is installed, otherwise amqtt from PyPI.

Owns: the broker's process and its configuration. Never: is used by the daemon.

amqtt speaks MQTT 3.1.1 only, which has no reason codes; that is allowed because the NOC confirms every batch itself.
"""

import asyncio
import secrets
import shutil
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

from hub_agent.errors import DeliveryError

HOST: Final = "127.0.0.1"
Wanted = Literal["auto", "mosquitto", "amqtt"]
_STARTED_S: Final = 15.0

_MOSQUITTO: Final = """listener {port} 127.0.0.1
allow_anonymous true
persistence false
max_packet_size 131072
max_queued_messages 100000
set_tcp_nodelay true
"""

_AMQTT: Final = """listeners:
  default:
    type: tcp
    bind: 127.0.0.1:{port}
plugins:
  amqtt.plugins.authentication.AnonymousAuthPlugin:
    allow_anonymous: true
"""


@dataclass(frozen=True, slots=True)
class Broker:
    """A broker that runs.

    Attributes:
        name: what it is, for the screen.
        port: where it listens on this machine.
        protocol: the MQTT version it speaks well.
        pid: its process.
    """

    name: str
    port: int
    protocol: Literal["5", "3.1.1"]
    pid: int = 0


def free_port() -> int:
    """Find a port that nobody uses, below those that Linux gives to connections: one of these may go before its use."""
    while True:
        port = 20_000 + secrets.randbelow(12_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind((HOST, port))
            return port


def find_mosquitto() -> str | None:
    """Find mosquitto; Debian puts it where a plain user's PATH may not look. None when it is not installed."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")


@asynccontextmanager
async def broker(directory: Path, wanted: Wanted = "auto") -> AsyncIterator[Broker]:
    """Run a broker while the context is open.

    Args:
        directory: for its configuration.
        wanted: which; by itself mosquitto where it is installed.

    Raises:
        DeliveryError: it is not installed, or did not start.
    """
    port = free_port()
    mosquitto = find_mosquitto() if wanted != "amqtt" else None
    if mosquitto is not None:
        config = directory / "mosquitto.conf"
        config.write_text(_MOSQUITTO.format(port=port), encoding="utf-8")
        found = Broker("mosquitto", port, "5")
        command = [mosquitto, "-c", str(config)]
    elif wanted == "mosquitto":
        raise DeliveryError("mosquitto is not installed", hint="apt-get install mosquitto, or leave --broker out")
    else:
        config = directory / "amqtt.yaml"
        config.write_text(_AMQTT.format(port=port), encoding="utf-8")
        found = Broker("amqtt", port, "3.1.1")
        command = [sys.executable, "-m", "amqtt.scripts.broker_script", "-c", str(config)]
    process = await asyncio.create_subprocess_exec(
        *command,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        process_group=0,  # a terminal's Ctrl-C ends the demo, not what it still needs
    )
    try:
        await _until_up(process, found)
        yield replace(found, pid=process.pid)
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def _until_up(process: asyncio.subprocess.Process, found: Broker) -> None:
    """Wait until it accepts connections."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_STARTED_S):
            while process.returncode is None:
                with suppress(OSError):
                    _, writer = await asyncio.open_connection(HOST, found.port)
                    writer.close()
                    return
                await asyncio.sleep(0.05)
    raise DeliveryError(f"the demo's broker ({found.name}) did not start", hint="install mosquitto, or the demo extra")
