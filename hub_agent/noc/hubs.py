"""The hubs that this NOC knows, and the last word of each about itself.

Owns: the SQL of the table ``hubs``.
Never: believes a status: it is clear JSON that the broker vouches for, not the hub's signature.
"""

import json
import re
import sqlite3
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from hub_agent.errors import ConfigError
from hub_agent.topics import Topics

_SESSION: Final = re.compile("[0-9a-f]{32}")


class Hub(NamedTuple):
    """A registered hub.

    Attributes:
        id: row.
        name: its id in topics and headers.
        public: its raw Ed25519 key.
    """

    id: int
    name: str
    public: bytes


class Seen(NamedTuple):
    """What a hub last said of itself.

    Attributes:
        name: its id.
        status: the newest ``up/status``, None when there was none.
        status_ms: when it came.
        health: the newest ``up/health``, None when there was none.
        health_ms: when it came.
    """

    name: str
    status: Mapping[str, Any] | None
    status_ms: int | None
    health: Mapping[str, Any] | None
    health_ms: int | None


def load_public_key(pem: bytes, place: str) -> Ed25519PublicKey:
    """Read a hub's public key: SubjectPublicKeyInfo in PEM.

    Raises:
        ConfigError: it is not that.
    """
    try:
        key = load_pem_public_key(pem)
    except (ValueError, TypeError) as error:
        raise ConfigError(
            f"{place}: not a public key in PEM", hint="`hub-agent identity` prints it on the hub"
        ) from error
    if not isinstance(key, Ed25519PublicKey):
        raise ConfigError(f"{place}: a {type(key).__name__}, not an Ed25519 key")
    return key


class Hubs:
    """Reads and writes the registry on one connection."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def add(self, name: str, key: Ed25519PublicKey, at_ms: int, *, replace: bool = False) -> None:
        """Register a hub.

        Raises:
            ConfigError: the name cannot stand in a topic, or is taken by another key and ``replace`` is not set.
        """
        Topics(name)
        public = key.public_bytes_raw()
        known = self.get(name)
        if known is not None and known.public != public and not replace:
            raise ConfigError(
                f"hub {name}: registered with another key", hint="--replace, only for a hub that was set up anew"
            )
        self._db.execute(
            "INSERT INTO hubs (name, public, added_ms) VALUES (?, ?, ?) "
            "ON CONFLICT (name) DO UPDATE SET public = excluded.public",
            (name, public, at_ms),
        )

    def get(self, name: str) -> Hub | None:
        """Look a hub up; None when nobody registered it."""
        row = self._db.execute("SELECT id, name, public FROM hubs WHERE name = ?", (name,)).fetchone()
        return None if row is None else Hub(*row)

    def keep_status(self, hub: Hub, status: Mapping[str, Any], at_ms: int) -> None:
        """Keep the newest status."""
        self._db.execute("UPDATE hubs SET status = ?, status_ms = ? WHERE id = ?", (json.dumps(status), at_ms, hub.id))

    def keep_health(self, hub: Hub, health: Mapping[str, Any], at_ms: int) -> None:
        """Keep the newest heartbeat; what a brief one does not say stands as the last whole one said."""
        if "devices" not in health:
            row = self._db.execute("SELECT health FROM hubs WHERE id = ?", (hub.id,)).fetchone()
            health = _completed(health, json.loads(row[0]) if row and row[0] else {})
        self._db.execute("UPDATE hubs SET health = ?, health_ms = ? WHERE id = ?", (json.dumps(health), at_ms, hub.id))

    def session(self, name: str) -> str | None:
        """Give the session of a hub's newest word of itself; None where it said none that can be one."""
        for seen in self.seen():
            if seen.name == name:
                words = [(seen.status_ms or 0, seen.status or {}), (seen.health_ms or 0, seen.health or {})]
                newest = max(words, key=lambda word: word[0])[1].get("session")
                return newest if isinstance(newest, str) and _SESSION.fullmatch(newest) else None
        return None

    def seen(self) -> list[Seen]:
        """Give every hub's last word, by name."""
        rows = self._db.execute("SELECT name, status, status_ms, health, health_ms FROM hubs ORDER BY name")
        return [
            Seen(name, json.loads(status) if status else None, status_ms, json.loads(health) if health else None, ms)
            for name, status, status_ms, health, ms in rows
        ]


def _completed(brief: Mapping[str, Any], last: Mapping[str, Any]) -> Mapping[str, Any]:
    """Put a brief heartbeat over the last one of the same life of the hub's process."""
    if "session" not in brief or brief["session"] != last.get("session"):
        return brief
    completed = {**last, **brief}
    for name in ("delivery", "storage"):
        before, now = last.get(name), brief.get(name)
        if isinstance(before, dict) and isinstance(now, dict):
            completed[name] = {**before, **now}
    return completed
