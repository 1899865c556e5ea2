"""Sets the peers up, once: from PyPI, npm and Debian's packages, into a cache outside of the repository.

Owns: the versions, the cache. Never: touches the project's own environment.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

THINGSBOARD: Final = "thingsboard-gateway==3.8.5"
NODE_RED: Final = ("node-red@4.1.15", "node-red-contrib-queue-gate@1.5.5")
"""A Node-RED that runs on the Node.js of stable distributions, and the queue to put before a link."""

_PATIENCE_S: Final = 600


class MissingError(Exception):
    """A peer cannot be set up here; the message says why."""


def cache() -> Path:
    """Give the directory that keeps what was set up."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "hub-agent-bench"


def thingsboard() -> Path:
    """Give the Python of an environment that has ThingsBoard IoT Gateway.

    Raises:
        MissingError: it cannot be installed.
    """
    place = cache() / THINGSBOARD.replace("==", "-")
    python = place / "bin/python"
    if not _whole(place):
        _fresh(place)
        _run([sys.executable, "-m", "venv", str(place)])
        _run([str(python), "-m", "pip", "install", "--quiet", THINGSBOARD])
        _finish(place)
    return python


def node_red() -> Path:
    """Give the program of Node-RED, installed with the queue.

    Raises:
        MissingError: there is no Node.js or npm, or it cannot be installed.
    """
    place = cache() / NODE_RED[0].replace("@", "-")
    if shutil.which("node") is None:
        raise MissingError("Node.js is not installed: apt-get install nodejs npm")
    if not _whole(place):
        if shutil.which("npm") is None:
            raise MissingError("npm is not installed: apt-get install npm")
        _fresh(place)
        _run(["npm", "install", "--no-audit", "--no-fund", "--omit=dev", "--prefix", str(place), *NODE_RED])
        _finish(place)
    return place / "node_modules/.bin/node-red"


def version(command: Sequence[str]) -> str:
    """Give the first line that a program says of itself.

    Raises:
        MissingError: it is not there.
    """
    if shutil.which(command[0]) is None:
        raise MissingError(f"{command[0]} is not installed")
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    return done.stdout.splitlines()[0]


def _whole(place: Path) -> bool:
    """Say whether an installation came to its end."""
    return (place / "installed").exists()


def _finish(place: Path) -> None:
    (place / "installed").touch()


def _fresh(place: Path) -> None:
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    print(f"setting up {place.name} in {place.parent}", file=sys.stderr)


def _run(command: Sequence[str]) -> None:
    try:
        done = subprocess.run(  # noqa: S603
            command, capture_output=True, text=True, check=False, timeout=_PATIENCE_S, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise MissingError(f"{command[0]}: {error}") from error
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise MissingError(f"{Path(command[0]).name} failed: {' '.join(last)}")
