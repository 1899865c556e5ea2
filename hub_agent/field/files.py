"""Looks at the files that a configuration names: there, readable, what they claim to be, closed to others.

Owns: the questions. Never: opens a connection or a device, changes a file, or shows what is in one.
"""

import os
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from hub_agent import identity, tls, trust
from hub_agent.clock import Floor, SystemClock
from hub_agent.config import Config, SecretRef
from hub_agent.config.checks import Finding
from hub_agent.errors import HubError

_OTHERS = 0o077


def findings(config: Config, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Look at each file that is named.

    A systemd credential is looked at where this process was given it; else systemd alone can open it.
    """
    if config.noc is not None:
        yield from _asked(("noc", "trust"), partial(trust.load, config.noc.trust))
    key = _file(config.identity.key, environ)
    if key is not None:
        yield from _asked(("identity", "key"), lambda: identity.load(key))
    yield from _tls(config, environ)
    directory = config.hub.state_dir
    if directory.exists() and not (directory.is_dir() and os.access(directory, os.W_OK | os.X_OK)):
        yield Finding(("hub", "state_dir"), f"{directory}: no directory, or not ours to write to", "see its owner")
    yield from _annunciator(config)


def _asked(path: tuple[str, ...], question: Callable[[], object]) -> Iterator[Finding]:
    try:
        question()
    except HubError as error:
        yield Finding(path, str(error.args[0]), error.hint or "")


def _file(reference: SecretRef, environ: Mapping[str, str]) -> Path | None:
    if reference.file is None and "CREDENTIALS_DIRECTORY" not in environ:
        return None
    return reference.path(environ)


def _tls(config: Config, environ: Mapping[str, str]) -> Iterator[Finding]:
    files = config.broker.tls
    if files is None:
        return
    at = ("broker", "tls")
    wrong = [
        *_asked((*at, "ca"), lambda: tls.valid_until(files.ca)),
        *_asked((*at, "certificate"), lambda: tls.valid_until(files.certificate)),
    ]
    key = _file(files.key, environ)
    if key is not None:
        wrong += _secret((*at, "key"), key)
    yield from wrong
    if key is not None and not wrong:
        floor = Floor(SystemClock())
        yield from _asked((*at, "key"), lambda: tls.context_of(files.ca, files.certificate, key, floor))


def _secret(path: tuple[str, ...], file: Path) -> Iterator[Finding]:
    try:
        mode = file.stat().st_mode
        with file.open("rb"):
            pass
    except OSError as error:
        yield Finding(path, f"{file}: {error.strerror}", "put it there, or read it as the user that may")
        return
    if stat.S_IMODE(mode) & _OTHERS and os.access(file, os.W_OK):
        yield Finding(path, f"{file}: is open to others", f"chmod 600 {file}")


def _annunciator(config: Config) -> Iterator[Finding]:
    section = config.annunciator
    if section.led is not None and not (section.led / "brightness").exists():
        yield Finding(("annunciator", "led"), f"{section.led}: is no LED", "`ls /sys/class/leds` shows those there are")
    if section.command and shutil.which(section.command[0]) is None:
        yield Finding(("annunciator", "command"), f"{section.command[0]}: no such program", "give its whole path")
