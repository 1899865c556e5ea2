"""The kinds of value that a configuration may hold, beyond TOML's own.

Owns: exact decimals, paths relative to the file, references to secrets, names with a fixed set of characters.
Never: reads a file or the environment; a reference is followed by whoever needs the secret.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo
from pydantic_core import PydanticCustomError

from hub_agent.errors import ConfigError

_CREDENTIAL: Final = "credential:"
_CREDENTIAL_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}")
BY_REFERENCE: Final = 'put it into a file that only the hub can read and give its path, or use "credential:NAME"'
_LOOKS_SECRET: Final = re.compile(r"-----BEGIN|\A(?!/)[A-Za-z0-9+/=_-]{40,}\Z")


def mistake(reason: str, remedy: str = "") -> PydanticCustomError:
    """Make the error that a validator raises; the loader shows reason and remedy with the place."""
    return PydanticCustomError("hub", "{reason}", {"reason": reason, "remedy": remedy})


def looks_secret(text: str) -> bool:
    """Tell whether a text is, by its form, a key or a token rather than the name of one."""
    return bool(_LOOKS_SECRET.search(text))


def _exact(value: object) -> Decimal:
    """Take a TOML number, which the loader parses as a decimal, and nothing else."""
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        raise mistake("must be a number", "write it without quotes")
    number = Decimal(str(value)) if isinstance(value, float) else Decimal(value)
    if not number.is_finite():
        raise mistake("must be a plain number, not infinite or NaN")
    return number


Exact = Annotated[Decimal, BeforeValidator(_exact)]
"""A decimal exactly as it is written: ``36.50`` keeps its zero."""

Number = Annotated[float, BeforeValidator(lambda value: float(_exact(value)))]
"""A number where a binary fraction will do: durations and factors."""


def _path(value: object, info: ValidationInfo) -> Path:
    if isinstance(value, Path):
        return value
    if not isinstance(value, str) or not value:
        raise mistake("must be a path in quotes")
    if looks_secret(value):
        raise mistake("holds a secret", BY_REFERENCE)
    return (info.context["base"] if info.context else Path()) / value


FilePath = Annotated[Path, BeforeValidator(_path)]
"""A path; a relative one starts at the configuration file."""


@dataclass(frozen=True, slots=True)
class SecretRef:
    """Where a secret is, never the secret itself.

    Attributes:
        file: the file that holds it, or None when it is a credential.
        credential: the name of a systemd credential (systemd.exec(5), LoadCredential=), empty when it is a file.
    """

    file: Path | None
    credential: str = ""

    def path(self, environ: Mapping[str, str]) -> Path:
        """Give the file to read.

        Args:
            environ: the process's environment; systemd names the directory in CREDENTIALS_DIRECTORY.

        Raises:
            ConfigError: a credential, but the process was given none.
        """
        if self.file is not None:
            return self.file
        directory = environ.get("CREDENTIALS_DIRECTORY")
        if not directory:
            raise ConfigError(
                f"credential {self.credential!r}: the environment has no CREDENTIALS_DIRECTORY",
                hint=f"start the hub by systemd with LoadCredential={self.credential}:FILE, or configure a file path",
            )
        return Path(directory) / self.credential


def _secret_ref(value: object, info: ValidationInfo) -> SecretRef:
    if isinstance(value, SecretRef):
        return value
    if isinstance(value, str) and value.startswith(_CREDENTIAL):
        name = value.removeprefix(_CREDENTIAL)
        if not _CREDENTIAL_NAME.fullmatch(name):
            raise mistake("names no credential", 'write "credential:NAME" with letters, digits, "_", "." and "-"')
        return SecretRef(None, name)
    return SecretRef(_path(value, info))


Secret = Annotated[SecretRef, BeforeValidator(_secret_ref)]
"""``credential:NAME`` or a path: secrets come by reference only."""


def _name(least: int, most: int) -> AfterValidator:
    pattern = re.compile(f"[a-z0-9-]{{{least},{most}}}")

    def check(value: str) -> str:
        if not pattern.fullmatch(value):
            raise mistake(f"must be {least} to {most} of a-z, 0-9 and -", "no capitals, spaces or other signs")
        return value

    return AfterValidator(check)


HubId = Annotated[str, _name(4, 32)]
"""The hub's name in topics; it names no person and no place."""

DeviceName = Annotated[str, _name(1, 32)]
"""The hub's alias of a device."""


def _timezone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise mistake("is no known time zone", 'write it as "Europe/Berlin" or "UTC"') from None
    return value


TimeZone = Annotated[str, AfterValidator(_timezone)]
"""A name of the IANA time zone database."""


def _topic_prefix(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*", value):
        raise mistake(
            "is no topic prefix", 'use letters, digits, "_", "." and "-", levels divided by one "/"; no + # $'
        )
    return value


TopicPrefix = Annotated[str, AfterValidator(_topic_prefix)]
"""The topic levels before the hub's id: no wildcard, no empty level, not the broker's own ``$``."""

NUMBERED_PORT: Final = re.compile(r"/dev/tty(USB|ACM)\d+")
"""A port named by the order of plugging in: after the next unplug the name is another device's."""


def _port(value: object, info: ValidationInfo) -> Path:
    path = _path(value, info)
    if NUMBERED_PORT.fullmatch(str(path)):
        raise mistake(
            "is a name that changes with the order of plugging in",
            'use the link in /dev/serial/by-id, or usb = "vid:pid[:serial]"',
        )
    return path


Port = Annotated[Path, BeforeValidator(_port)]
"""A serial port whose name stays: a by-id link, a soldered port, a pty."""

BleAddress = Annotated[str, Field(pattern=r"^[0-9A-F]{2}(:[0-9A-F]{2}){5}$")]
"""A Bluetooth device address as BlueZ writes it."""

UsbId = Annotated[str, Field(pattern=r"^[0-9a-f]{4}:[0-9a-f]{4}(:[!-9;-~]{1,64})?$")]
"""``vid:pid`` or ``vid:pid:serial``, ids in lower-case hexadecimal."""
