"""Whether systemd can hand the hub the secrets that its configuration names.

Owns: where systemd looks for credentials (systemd.exec(5), LoadCredentialEncrypted=), and what to do about one that is
missing.
Never: opens one: systemd does, for the service alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from hub_agent.config import Config, SecretRef
from hub_agent.errors import ConfigError

STORES: Final = tuple(
    Path(root, name) for root in ("/etc", "/run", "/usr/lib") for name in ("credstore.encrypted", "credstore")
)


def is_beyond(reference: SecretRef, environ: Mapping[str, str]) -> bool:
    """Say whether this process cannot have a secret: it is a credential, and systemd gave it none."""
    return reference.file is None and "CREDENTIALS_DIRECTORY" not in environ


def require(reference: SecretRef, stores: Sequence[Path] = STORES) -> None:
    """Look for a credential where systemd will.

    Raises:
        ConfigError: it is in no store, or this process may not look.
    """
    name = reference.credential
    for store in stores:
        try:
            (store / name).stat()
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise ConfigError(f"{store}: {error.strerror}", hint="ask again as root") from error
        return
    raise ConfigError(
        f"credential {name!r} is in no credential store",
        hint=f"systemd-creds encrypt --name={name} FILE /etc/credstore.encrypted/{name}",
    )


def doubts(config: Config, environ: Mapping[str, str], stores: Sequence[Path] = STORES) -> Iterator[str]:
    """Tell of each credential that is not where the installed service looks; a drop-in may load it from elsewhere."""
    for reference in (config.identity.key, None if config.broker.tls is None else config.broker.tls.key):
        if reference is not None and is_beyond(reference, environ):
            try:
                require(reference, stores)
            except ConfigError as error:
                yield str(error)
