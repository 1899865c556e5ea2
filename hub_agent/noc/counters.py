"""The counters of the command keys: each command's ``ctr`` above the last.

Owns: ``counters.json`` in the key directory, and the lock on it.
Never: signs.

A counter is never below the Unix time in milliseconds, so a restored backup of the directory does not fall behind what
the hubs have seen.
"""

import fcntl
import json
import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from hub_agent import strict_json
from hub_agent.errors import ConfigError
from hub_agent.strict_json import Json

NAME: Final = "counters.json"


def next_counter(directory: Path, kids: Sequence[str], now: datetime) -> int:
    """Draw a counter that is above every earlier one of each of these keys; durable when it returns.

    Args:
        directory: the key directory.
        kids: the keys that will sign.
        now: aware.

    Raises:
        ConfigError: the file cannot be read or written.
    """
    path = directory / NAME
    try:
        with (directory / f"{NAME}.lock").open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            counters = _read(path)
            value = max(int(now.timestamp() * 1000), *(counters.get(kid, 0) + 1 for kid in kids))
            _replace(path, counters | dict.fromkeys(kids, value))
            return value
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error


def _read(path: Path) -> dict[str, int]:
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return {}
    try:
        counters: Json = strict_json.loads(text, depth=1)
    except ValueError as error:
        raise ConfigError(f"{path}: {error}", hint="remove it: the time keeps the counters rising") from None
    if not isinstance(counters, dict):
        raise ConfigError(f"{path}: not an object", hint="remove it: the time keeps the counters rising")
    return {kid: value for kid, value in counters.items() if isinstance(value, int)}


def _replace(path: Path, counters: dict[str, int]) -> None:
    fresh = path.with_suffix(".new")
    with fresh.open("w", encoding="ascii") as file:
        json.dump(counters, file)
        file.flush()
        os.fsync(file.fileno())
    fresh.rename(path)
    handle = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
