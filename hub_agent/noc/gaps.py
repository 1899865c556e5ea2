"""What a hub says of its journal in a heartbeat, held against the chart: a number is here, or waits there, or is lost.

Owns: how that is counted, and what somebody has given up of it.
Never: believes more of a heartbeat than how much is lost, since nobody signed it.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from hub_agent.envelope import JOURNAL_BYTES, SEQ_END
from hub_agent.noc.chart import Journal
from hub_agent.noc.store import Store


class Claim(NamedTuple):
    """What a hub says.

    Attributes:
        journal: 16 bytes.
        last: its newest batch number.
        chain: the digest of that batch.
        waiting: how many numbers the batches stand for that wait at the hub.
    """

    journal: bytes
    last: int
    chain: bytes
    waiting: int


def claim_of(health: Mapping[str, Any]) -> Claim | None:
    """Read it from a heartbeat (``docs/wire.md``, 10); None where a hub does not say, which is no fault."""
    try:
        storage = health["storage"]
        waiting = sum(int(lane["numbers"]) for lane in health["delivery"]["waiting"].values())
        journal, chain = bytes.fromhex(storage["journal"]), bytes.fromhex(storage["chain"])
        claim = Claim(journal, int(storage["last_seq"]), chain, waiting)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    return claim if len(journal) == JOURNAL_BYTES and 0 <= claim.last < SEQ_END else None


def lost(store: Store, known: Journal | None, claim: Claim) -> int:
    """Count the numbers that neither came nor wait, nor were given up; 0 or less where nothing is lost.

    Also where nothing of the journal has come: this store may be an old copy that was put back.
    """
    if known is None:
        return claim.last - claim.waiting
    missing = store.chart.numbers.missing(known.id, claim.last)
    given_up = min(missing, known.given_up)
    if given_up < known.given_up:  # some of it has come all the same
        store.chart.give_up(known, given_up - known.given_up)
    return missing - given_up - claim.waiting


def acknowledge(store: Store, hub_name: str, at_ms: int) -> tuple[int, int]:
    """Clear a hub's faults, after somebody has looked; give how many there were, and how many numbers are given up.

    What is lost of the present journal will not come, and must not hide what is lost next.
    """
    health = next((seen.health for seen in store.hubs.seen() if seen.name == hub_name), None)
    hub, claim = store.hubs.get(hub_name), claim_of(health or {})
    known = store.chart.journal(hub.id, claim.journal) if hub and claim else None
    given_up = max(0, lost(store, known, claim)) if known and claim else 0
    if known and given_up:
        store.chart.give_up(known, given_up)
    return store.faults.clear(hub_name, at_ms), given_up
