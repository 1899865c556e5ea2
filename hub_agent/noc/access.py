"""How the NOC's collector reaches its broker: from options to a profile.

Owns: the TLS context. Never: connects.
"""

import ssl
from pathlib import Path
from typing import Final

from hub_agent.errors import ConfigError
from hub_agent.mqtt import Profile

CLIENT_ID: Final = "noc-collector"

_PORT_TLS: Final = 8883
_PORT_PLAIN: Final = 1883


def profile_of(
    host: str, port: int, ca: Path | None, certificate: Path | None, key: Path | None, protocol: str
) -> Profile:
    """Make the collector's profile; port 0 is the usual one.

    Raises:
        ConfigError: the options do not fit together, or a file is not what it should be.
    """
    if protocol not in ("5", "3.1.1"):
        raise ConfigError("--protocol must be 5 or 3.1.1")
    tls = None
    if ca is not None and certificate is not None and key is not None:
        tls = tls_context(ca, certificate, key)
    elif ca is not None or certificate is not None or key is not None:
        raise ConfigError("TLS needs all of --ca, --cert and --key")
    return Profile(
        CLIENT_ID, host, port or (_PORT_TLS if tls else _PORT_PLAIN), tls, "5" if protocol == "5" else "3.1.1"
    )


def tls_context(ca: Path, certificate: Path, key: Path) -> ssl.SSLContext:
    """Make the context: TLS 1.3 only, the one private authority, the collector's certificate, host name checked.

    Raises:
        ConfigError: a file is missing or is not what it should be.
    """
    try:
        context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=str(ca))
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"TLS: {type(error).__name__}: {error}", hint="check --ca, --cert and --key") from error
    return context
