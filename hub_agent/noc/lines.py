"""What the NOC prints: one JSON object a line for each charted reading, event and fault. Pure.

Owns: what the NOC adds to an item's own spelling, and the lines of faults, as ``docs/wire.md`` §9 describes them.
Never: stores, prints, or guesses a time.
"""

import json
from typing import Final, NamedTuple

from hub_agent.model import ReceivedReading
from hub_agent.spelling import instant, or_null, spell_event, spell_reading
from hub_agent.wire import Event, Item

LATE_S: Final = 30.0
"""A reading older than this is no news: the promise is 30 seconds."""


class Charted(NamedTuple):
    """An item that is durable now.

    Attributes:
        hub: whose.
        journal: 16 bytes.
        seq: of its batch.
        item: the reading or event.
        received_ms: when the hub received it, UTC, milliseconds since 1970; re-dated where the hub's clock was not
            set; None while nobody can tell.
        noc_ms: when the NOC received it.
    """

    hub: str
    journal: bytes
    seq: int
    item: Item
    received_ms: int | None
    noc_ms: int

    @property
    def latency_s(self) -> float | None:
        """Seconds from the hub's stamp to the NOC; None where the hub's time is not known."""
        return None if self.received_ms is None else (self.noc_ms - self.received_ms) / 1000


class Fault(NamedTuple):
    """Something that is wrong with what came.

    Attributes:
        hub: whose topic it came on.
        kind: ``gap``, ``fork``, ``clone``, ``forged``, ``foreign``, ``stranger``, ``malformed``, or a refusal's code.
        journal: 16 bytes, empty where it is not known.
        seq: batch number, 0 where it is not known.
    """

    hub: str
    kind: str
    journal: bytes = b""
    seq: int = 0


def line(charted: Charted) -> str:
    """Spell one charted item, without the line's end."""
    item = charted.item
    return _event_line(charted, item) if isinstance(item, Event) else _reading_line(charted, item)


def fault_line(fault: Fault, noc_ms: int) -> str:
    """Spell one fault, without the line's end."""
    return json.dumps(
        {
            "type": "fault",
            "hub": fault.hub,
            "kind": fault.kind,
            "at": instant(noc_ms),
            "journal": fault.journal.hex(),
            "seq": fault.seq,
        }
    )


def _reading_line(charted: Charted, received: ReceivedReading) -> str:
    latency_s = charted.latency_s
    late = received.reading.stored or latency_s is None or latency_s > LATE_S
    return (
        spell_reading(received, charted.received_ms, f'"hub":"{charted.hub}",', _charted_at(charted))
        + f',"late":{"true" if late else "false"}{_tail(charted)}'
    )


def _event_line(charted: Charted, event: Event) -> str:
    return spell_event(event, charted.received_ms, f'"hub":"{charted.hub}",', _charted_at(charted)) + _tail(charted)


def _charted_at(charted: Charted) -> str:
    return f'"charted_at":{or_null(instant(charted.noc_ms))},'


def _tail(charted: Charted) -> str:
    latency_s = "null" if charted.latency_s is None else charted.latency_s
    return f',"latency_s":{latency_s},"journal":"{charted.journal.hex()}","seq":{charted.seq}}}'
