"""Adds a device to the configuration file, or takes one out; everything else in the file stays as it is.

Owns: the text of one ``[[devices]]`` table, and the file's replacement in one step.
Never: writes a file that would not be accepted.
"""

import json
import os
import re
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from hub_agent.config import MistakesError, parse
from hub_agent.config.places import places
from hub_agent.driver import Driver
from hub_agent.errors import ConfigError

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_HEADER: Final = re.compile(r"\s*\[\[\s*devices\s*\]\]")


def stanza(device: Mapping[str, Any]) -> str:
    """Write the table of a device; what is None or empty is left out. Values are text, numbers, yes or no, tables."""
    rows = [f"{key} = {_value(value)}" for key, value in device.items() if value is not None and value != {}]
    return "\n".join(["[[devices]]", *rows]) + "\n"


def _value(value: object) -> str:
    if isinstance(value, Mapping):
        inner = (f"{key if _BARE.fullmatch(key) else _value(key)} = {_value(each)}" for key, each in value.items())
        return "{ " + ", ".join(inner) + " }"
    # JSON's texts, numbers and truth values are TOML's, but for DEL, which TOML wants escaped.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def way(address: str | None, port: str | None, usb: str | None) -> dict[str, str | None]:
    """Give the keys that say how a device is reached, from what somebody typed.

    Raises:
        ConfigError: the port is no whole path: in the file it would start at the file's directory.
    """
    if port is not None and not Path(port).is_absolute():
        raise ConfigError(f"--port {port}: is no whole path", hint="`hub-agent devices scan` lists the ports")
    return {"address": address and address.upper(), "port": port, "usb": usb}


def options_of(pairs: Sequence[str]) -> dict[str, Any]:
    """Read options given as KEY=VALUE: numbers, true and false as such, anything else as text.

    Raises:
        ConfigError: one is not KEY=VALUE.
    """
    found: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not key or not equals:
            raise ConfigError(f"--option {pair}: not KEY=VALUE")
        try:
            parsed = json.loads(value)
        except ValueError:
            parsed = value
        found[key] = parsed if isinstance(parsed, bool | int | float | str) else value
    return found


def read(path: Path) -> str:
    """Read a configuration file as it stands.

    Raises:
        ConfigError: it cannot be read, or is not TOML.
    """
    try:
        text = path.read_text(encoding="utf-8")
        tomllib.loads(text)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}", hint="give it with --config") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: is not TOML: {error}") from error
    return text


def added(text: str, device: Mapping[str, Any]) -> str:
    """Append a device to the text of a configuration."""
    return text.rstrip("\n") + "\n\n" + stanza(device)


def judge(text: str, device: Mapping[str, Any], path: Path, drivers: Mapping[str, Driver]) -> None:
    """Judge a device as one of a configuration, whatever else is wrong with that, or missing from it.

    Raises:
        MistakesError: the device would not be accepted.
    """
    at = len(tomllib.loads(text).get("devices", []))
    try:
        parse(added(text, device), path, drivers)
    except MistakesError as error:
        mine = tuple(mistake for mistake in error.mistakes if mistake.key.startswith(f"devices[{at}]"))
        if mine:
            raise MistakesError(mine) from None


def removed(text: str, name: str) -> str:
    """Take a device out of the text of a configuration, with the comments inside its table.

    Raises:
        ConfigError: there is none of that name, or it is not written as a table of its own.
    """
    before = tomllib.loads(text)
    devices = before.get("devices", [])
    at = next((at for at, device in enumerate(devices) if device.get("name") == name), None)
    if at is None:
        known = ", ".join(str(device.get("name")) for device in devices) or "none"
        raise ConfigError(f"no device is called {name!r}", hint=f"there are: {known}")
    lines = text.split("\n")
    start, end = _span(text, at, len(lines))
    rest = "\n".join([*lines[:start], *lines[end:]])
    wanted = {**before, "devices": [device for other, device in enumerate(devices) if other != at]}
    if not _HEADER.match(lines[start]) or _loaded(rest) != (wanted if wanted["devices"] else _without_devices(wanted)):
        raise ConfigError(f"device {name} is not a [[devices]] table of its own", hint="take it out with an editor")
    return rest


def _without_devices(document: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key != "devices"}


def _loaded(text: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None


def _span(text: str, at: int, end: int) -> tuple[int, int]:
    """Find the lines of a device's table, from 0, the second past its end; comments before the next one stay."""
    found = places(text)
    mine = ("devices", at)
    start = found[mine] - 1
    following = [line - 1 for path, line in found.items() if path[:2] != mine and line - 1 > start]
    end = min([*following, end])
    lines = text.split("\n")
    while end > start + 1 and (not lines[end - 1].strip() or lines[end - 1].lstrip().startswith("#")):
        end -= 1
    while end < len(lines) - 1 and not lines[end].strip():
        end += 1
    return start, end


def replace_file(path: Path, text: str, drivers: Mapping[str, Driver]) -> None:
    """Put a configuration in place of the one in the file: checked first, then all at once.

    Raises:
        MistakesError: the result would not be accepted; the file is as it was.
        ConfigError: the file cannot be written.
    """
    parse(text, path, drivers)
    try:
        mode = path.stat()
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(name, mode.st_mode & 0o7777)  # noqa: PTH101 - beside chown
            os.chown(name, mode.st_uid, mode.st_gid)
            os.replace(name, path)  # noqa: PTH105 - of a name that mkstemp gave
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}", hint="try again as root") from error
