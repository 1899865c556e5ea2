"""The names of MQTT topics: pure functions, the only place that spells them.

Owns: the topic tree of ``docs/wire.md``. Never: puts a patient or a device into a name.
"""

import re
from dataclasses import dataclass
from typing import Final

from hub_agent.errors import ConfigError
from hub_agent.model import ReadingClass

DEFAULT_PREFIX: Final = "hubs/v1"
HUB_ID: Final = re.compile(r"[a-z0-9-]{4,32}")
"""What a hub may be called: no wildcard or separator, so that no ACL pattern can be bent by a name."""


@dataclass(frozen=True, slots=True)
class Topics:
    """The topics of one hub.

    Args:
        hub_id: ``[a-z0-9-]{4,32}``.
        prefix: levels above the hub id, without wildcards.

    Raises:
        ConfigError: the id or the prefix cannot stand in a topic.
    """

    hub_id: str
    prefix: str = DEFAULT_PREFIX

    def __post_init__(self) -> None:
        if not HUB_ID.fullmatch(self.hub_id):
            raise ConfigError("hub id must be 4 to 32 characters of a-z, 0-9 and -", hint="choose another hub.id")
        if not self.prefix or set(self.prefix) & set("+#\0$ ") or self.prefix.strip("/") != self.prefix:
            raise ConfigError("topic prefix must not be empty, hold wildcards or blanks, or begin or end with /")

    def _up(self, name: str) -> str:
        return f"{self.prefix}/{self.hub_id}/up/{name}"

    def batch(self, cls: ReadingClass, *, fresh: bool) -> str:
        """Say where a batch of a class goes; ``fresh``: sent for the first time, soon after its commit."""
        if cls is ReadingClass.ALARM:
            return self.alarm
        return self.live if fresh else self.backlog

    @property
    def alarm(self) -> str:
        """Sealed batches of class alarm."""
        return self._up("alarm")

    @property
    def live(self) -> str:
        """Sealed batches of fresh readings."""
        return self._up("live")

    @property
    def backlog(self) -> str:
        """Sealed batches that had to wait."""
        return self._up("backlog")

    @property
    def keys(self) -> str:
        """Epoch keys, sealed to the recipients."""
        return self._up("keys")

    @property
    def health(self) -> str:
        """The heartbeat: clear JSON without vital signs or identities."""
        return self._up("health")

    @property
    def status(self) -> str:
        """Retained state, and the Will."""
        return self._up("status")

    @property
    def confirm(self) -> str:
        """Signed confirmations from the NOC."""
        return f"{self.prefix}/{self.hub_id}/down/ack"

    @property
    def commands(self) -> str:
        """Signed commands from the NOC."""
        return f"{self.prefix}/{self.hub_id}/down/commands"


def split_up(topic: str, prefix: str = DEFAULT_PREFIX) -> tuple[str, str] | None:
    """Take (hub id, name) out of an ``up`` topic; None when it is not one."""
    head, _, rest = topic.partition(prefix + "/")
    parts = rest.split("/")
    if head or len(parts) != 3 or parts[1] != "up" or not HUB_ID.fullmatch(parts[0]):  # noqa: PLR2004 - id/up/name
        return None
    return parts[0], parts[2]
