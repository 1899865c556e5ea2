"""The configuration: one strict TOML file, and every mistake in it with its line.

Owns: the public names of the package.
Never: anything else.
"""

from hub_agent.config.loading import Mistake, MistakesError, load, parse, refuse
from hub_agent.config.models import (
    AnnunciatorSection,
    Broker,
    Commit,
    Config,
    Delivery,
    Device,
    Hub,
    Identity,
    LimitSection,
    Log,
    Noc,
    Storage,
    Tls,
)
from hub_agent.config.values import SecretRef

__all__ = [
    "AnnunciatorSection",
    "Broker",
    "Commit",
    "Config",
    "Delivery",
    "Device",
    "Hub",
    "Identity",
    "LimitSection",
    "Log",
    "Mistake",
    "MistakesError",
    "Noc",
    "SecretRef",
    "Storage",
    "Tls",
    "load",
    "parse",
    "refuse",
]
