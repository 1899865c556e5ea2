"""Configurations of hubs that tests run."""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from hub_agent import config as configuration
from hub_agent import identity
from hub_agent.config import Config
from hub_agent.noc.keyring import Keyring, keygen
from hub_agent.trust import Suite

HUB = "hub-0001"

_TEXT = """
[hub]
id = "{hub}"
state_dir = "state"
runtime_dir = "run"

[broker]
host = "127.0.0.1"
port = {port}
{broker}

[noc]
trust = "noc/noc-public.json"

[identity]
key = "identity.pem"

{more}
"""
CLEAR = 'insecure = true\ntls = "off"'


def tls(directory: Path, name: str = HUB) -> str:
    """The broker's TLS table, for certificates in a directory."""
    return f"""
[broker.tls]
ca = "{directory}/ca.pem"
certificate = "{directory}/{name}.pem"
key = "{directory}/{name}.key"
"""


def make_keys(directory: Path, suite: Suite = "X25519", *, own: Ed25519PrivateKey | None = None) -> Keyring:
    """Make the NOC's keys and the hub's, or write a given one, where the configuration looks for them."""
    keyring = keygen(directory / "noc", suite)
    path = directory / "identity.pem"
    if own is None:
        own = identity.make(path)
    else:
        path.write_bytes(own.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        path.chmod(0o600)
    (directory / "hub.pub").write_bytes(identity.public_pem(own))
    return keyring


def write(directory: Path, more: str = "", *, port: int = 1883, broker: str = CLEAR, hub: str = HUB) -> Path:
    """Write a hub's configuration file."""
    path = directory / "hub-agent.toml"
    path.write_text(_TEXT.format(hub=hub, port=port, broker=broker, more=more), encoding="utf-8")
    return path


def config_of(directory: Path, more: str = "") -> Config:
    """Load such a configuration."""
    return configuration.load(write(directory, more))
