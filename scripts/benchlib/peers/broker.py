"""A bare mosquitto: the far end's, the devices' side's, or as a bridge.

Owns: the process. Never: writes a configuration of its own.
"""

import socket
import subprocess
import time
from pathlib import Path
from typing import Final

from hub_agent.demo.broker import find_mosquitto, free_port
from scripts.benchlib.peers.setup import MissingError

PLAIN: Final = """
listener {port} 127.0.0.1
allow_anonymous true
persistence false
max_queued_messages 0
max_inflight_messages 0
set_tcp_nodelay true
log_type error
"""
"""Nothing that a broker may drop or hold back: limits are the systems' own."""


class Broker:
    """A running broker."""

    def __init__(self, here: Path, name: str) -> None:
        self.port = free_port()
        config = here / f"{name}.conf"
        config.write_text(PLAIN.format(port=self.port), encoding="utf-8")
        self._process = subprocess.Popen([mosquitto(), "-c", str(config)], stderr=subprocess.DEVNULL)  # noqa: S603
        until_listening(self.port)

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait()


def mosquitto() -> str:
    """Find the broker.

    Raises:
        MissingError: it is not installed.
    """
    found = find_mosquitto()
    if found is None:
        raise MissingError("mosquitto is not installed: apt-get install mosquitto")
    return found


def until_listening(port: int, within_s: float = 30.0) -> None:
    """Wait until somebody listens.

    Raises:
        TimeoutError: nobody does.
    """
    end = time.perf_counter() + within_s
    while time.perf_counter() < end:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise TimeoutError("nobody listens")
