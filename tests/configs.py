"""Configurations of hubs that tests run."""

from pathlib import Path

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


def make_keys(directory: Path, suite: Suite = "X25519") -> Keyring:
    """Make the NOC's keys and the hub's, where the configuration looks for them."""
    keyring = keygen(directory / "noc", suite)
    (directory / "hub.pub").write_bytes(identity.public_pem(identity.make(directory / "identity.pem")))
    return keyring


def write(directory: Path, more: str = "", *, port: int = 1883, broker: str = CLEAR, hub: str = HUB) -> Path:
    """Write a hub's configuration file."""
    path = directory / "hub-agent.toml"
    path.write_text(_TEXT.format(hub=hub, port=port, broker=broker, more=more), encoding="utf-8")
    return path


def config_of(directory: Path, more: str = "") -> Config:
    """Load such a configuration."""
    return configuration.load(write(directory, more))
