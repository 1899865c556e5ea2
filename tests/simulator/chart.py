"""What the NOC wrote down of one history, on the loop's clock."""

import contextlib
import json
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tests.simulator.clock import loop_s


class Row(NamedTuple):
    """A charted reading.

    Attributes:
        number: its own.
        device: of whom.
        charted_s: when the NOC had it, on the loop's clock.
        dated_s: when the NOC says that the hub had it, on the loop's clock; None while nobody can tell.
    """

    number: int
    device: str
    charted_s: float
    dated_s: float | None


class Signal(NamedTuple):
    """A charted transition of a limit's alarm.

    Attributes:
        device: whose.
        presence: what it is from now on.
        at_s: when it was, on the loop's clock.
        charted_s: when the NOC had it.
    """

    device: str
    presence: str
    at_s: float
    charted_s: float


class Gap(NamedTuple):
    """A charted gap; times on the loop's clock, None: not over."""

    device: str
    why: str
    since_s: float
    until_s: float | None


class Shed(NamedTuple):
    """What a hub says that it has shed.

    Attributes:
        cls: of which class, by its name.
        devices: whose readings, as far as is known.
        since_s: nothing in it is older; None: not known.
        until_s: nothing in it is newer; None: it is not over.
        items: how many.
    """

    cls: str
    devices: frozenset[str]
    since_s: float | None
    until_s: float | None
    items: int


class Chart:
    """What the NOC wrote down.

    Args:
        store: the NOC's database.
        boots: when each boot of the hub began.
    """

    def __init__(self, store: Path, boots: Mapping[str, float]) -> None:
        with contextlib.closing(sqlite3.connect(store)) as db:
            self.rows = [
                Row(int(json.loads(values)[0][2]), device, loop_s(noc_ms), None if at_ms is None else loop_s(at_ms))
                for values, device, noc_ms, at_ms in db.execute(
                    "SELECT c.measurements, c.device, b.received_ms, c.received_ms FROM chart c "
                    "JOIN readings r ON r.id = c.id JOIN batches b ON b.id = r.batch ORDER BY c.id"
                )
            ]
            self.signals = sorted(
                (
                    Signal(device, presence, boots[boot] + monotonic_ms / 1000, loop_s(noc_ms))
                    for device, presence, boot, monotonic_ms, noc_ms in db.execute(
                        "SELECT e.fields ->> 'device', e.fields ->> 'presence', e.boot, e.monotonic_ms, b.received_ms "
                        "FROM events e JOIN batches b ON b.id = e.batch "
                        "WHERE e.kind = 'alarm' AND e.fields ->> 'condition' = 'limit_high'"
                    )
                ),
                key=lambda signal: signal.at_s,
            )
            self.gaps = [
                Gap(device, why, loop_s(since), None if until is None else loop_s(until))
                for device, why, since, until in db.execute(
                    "SELECT device, why, since_ms, until_ms FROM gaps WHERE since_ms IS NOT NULL"
                )
            ]
            self.sheds = [
                _shed(json.loads(fields), boots)
                for (fields,) in db.execute(
                    "SELECT fields FROM events WHERE kind = 'gap' AND fields ->> 'why' = 'shed' ORDER BY id"
                )
            ]
            self.answers = {
                jti: (outcome, json.loads(result or "{}"))
                for jti, outcome, result in db.execute("SELECT jti, outcome, result FROM commands")
            }
            self.security = db.execute("SELECT count(*) FROM events WHERE kind = 'security'").fetchone()[0]
            self.faults = db.execute("SELECT kind, sum(times) FROM faults GROUP BY kind").fetchall()


def _shed(fields: Mapping[str, Any], boots: Mapping[str, float]) -> Shed:
    since_s, until_s = (None if at is None else boots[at[0]] + at[1] / 1000 for at in (fields["from"], fields["to"]))
    return Shed(fields["class"], frozenset(fields["devices"]), since_s, until_s, fields["items"])
