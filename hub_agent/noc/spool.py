"""Commands on their way: signed by ``hub-noc send``, published by the collector, answered by the hub.

Owns: the SQL of the table ``commands``.
Never: signs, publishes, or lets a dead command go out.

One process alone speaks to the broker for the NOC, and whoever signs needs no way to it. The table is also the record
of what was commanded, by its ``jti``.
"""

import json
import sqlite3
from collections.abc import Mapping
from typing import Any, NamedTuple

from hub_agent.spelling import json_text


class Letter(NamedTuple):
    """A command that waits to be published."""

    jti: str
    hub: str
    payload: bytes


class Answer(NamedTuple):
    """How far a command has come.

    Attributes:
        delivery: what the broker said of it; None while the collector has not published it.
        outcome: ``done``, ``failed`` or ``refused``; None while the hub has not answered.
        result: what it gave; empty while there is none.
    """

    delivery: str | None
    outcome: str | None
    result: Mapping[str, Any]


class Spool:
    """Reads and writes commands on one connection."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def put(self, letter: Letter, *, op: str, exp_ms: int, at_ms: int) -> None:
        """Queue a signed command."""
        self._db.execute(
            "INSERT INTO commands (jti, hub, op, payload, exp_ms, queued_ms) VALUES (?, ?, ?, ?, ?, ?)",
            (letter.jti, letter.hub, op, letter.payload, exp_ms, at_ms),
        )

    def waiting(self, at_ms: int, limit: int) -> list[Letter]:
        """Give what is to be published, oldest first; what died while it waited is marked so."""
        self._db.execute("UPDATE commands SET delivery = 'expired' WHERE delivery IS NULL AND exp_ms <= ?", (at_ms,))
        rows = self._db.execute(
            "SELECT jti, hub, payload FROM commands WHERE delivery IS NULL ORDER BY queued_ms, jti LIMIT ?", (limit,)
        )
        return [Letter(jti, hub, bytes(payload)) for jti, hub, payload in rows]

    def sent(self, jti: str, delivery: str, at_ms: int) -> None:
        """Note what the broker said."""
        self._db.execute("UPDATE commands SET delivery = ?, sent_ms = ? WHERE jti = ?", (delivery, at_ms, jti))

    def answered(self, hub: str, fields: Mapping[str, Any], at_ms: int) -> None:
        """Note a ``result`` event; one to a command that this NOC did not send, or to one answered before, is passed.

        Only the hub that was asked can answer.
        """
        self._db.execute(
            "UPDATE commands SET outcome = ?, result = ?, answered_ms = ?, delivery = coalesce(delivery, 'sent') "
            "WHERE jti = ? AND hub = ? AND outcome IS NULL",
            (str(fields.get("outcome")), json_text(fields.get("result")), at_ms, str(fields.get("jti")), hub),
        )

    def answer(self, jti: str) -> Answer | None:
        """Say how far a command has come; None when it was never queued."""
        row = self._db.execute("SELECT delivery, outcome, result FROM commands WHERE jti = ?", (jti,)).fetchone()
        if row is None:
            return None
        result = json.loads(row[2]) if row[2] else {}
        return Answer(row[0], row[1], result if isinstance(result, dict) else {"value": result})
