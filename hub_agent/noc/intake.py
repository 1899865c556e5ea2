"""Takes messages in: verifies, opens, charts; and says what the hubs must be told.

Owns: the order of the checks, what counts as a fault.
Never: speaks MQTT, signs, or tells a hub anything before it is durable.

A hub is told ``refused`` only of what its own signature proves to be its own: were it told of a forgery that bears one
of its numbers, whoever can publish on its topic could make it set its real batch aside.
"""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from hub_agent import wire
from hub_agent.envelope import Batch, digest, parse_batch, parse_epoch
from hub_agent.errors import SealError, StorageError
from hub_agent.model import ReadingClass
from hub_agent.mqtt import Message
from hub_agent.noc.chart import Journal
from hub_agent.noc.gaps import claim_of, lost
from hub_agent.noc.hubs import Hub
from hub_agent.noc.lines import Charted, Fault
from hub_agent.noc.outcome import Outcome
from hub_agent.noc.rows import rows_of
from hub_agent.noc.store import Store
from hub_agent.opening import BAD_BODY, Opener, UnusableError
from hub_agent.seal import PrivateKey, verify_batch, verify_epoch
from hub_agent.topics import DEFAULT_PREFIX, split_up

_BATCH_TOPICS: Final = frozenset({"alarm", "live", "backlog"})
_STORE_ERRORS: Final = (StorageError, sqlite3.OperationalError, sqlite3.ProgrammingError, sqlite3.InternalError)
_SALVAGE_DEPTH: Final = 8
"""A salvaged batch may hold what was salvaged before; a hub that is damaged so often in one outage is none of ours."""


class _FaultError(Exception):
    """A message that is good for nothing; the transaction goes on without it."""

    def __init__(self, kind: str, journal: bytes = b"", seq: int = 0) -> None:
        super().__init__(kind)
        self.kind, self.journal, self.seq = kind, journal, seq


@lru_cache(4096)
def _public(raw: bytes) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(raw)


class Intake:
    """Takes messages into the store. Synchronous; runs on the store's thread.

    Args:
        store: where things become durable.
        keys: kid → private key, those that open epochs.
        prefix: of the topics.
    """

    def __init__(self, store: Store, keys: Mapping[str, PrivateKey], prefix: str = DEFAULT_PREFIX) -> None:
        self._store = store
        self._opener = Opener(keys)
        self._prefix = prefix
        self._depth = 0

    def take(self, messages: Sequence[Message], noc_ms: int) -> Outcome:
        """Take messages in, in their order, in one transaction.

        Args:
            messages: as they came.
            noc_ms: the NOC's clock, milliseconds since 1970.

        Raises:
            StorageError: nothing of them was kept; the broker must keep them all.
        """
        outcome = Outcome()
        with self._store.transaction():
            for message in messages:
                name = split_up(message.topic, self._prefix)
                if name is None:
                    continue
                one = Outcome()
                try:
                    with self._store.step():
                        self._take_one(*name, message.payload, noc_ms, one)
                except _FaultError as fault:
                    self._fault(Fault(name[0], fault.kind, fault.journal, fault.seq), noc_ms, outcome)
                except _STORE_ERRORS:
                    raise  # the store's trouble, not the message's: the broker keeps them all
                except Exception:  # noqa: BLE001 - it would come again for ever, and everybody's messages after it
                    self._fault(Fault(name[0], "malformed"), noc_ms, outcome)
                else:
                    outcome.add(one)
            self._store.turned(noc_ms)
        return outcome

    def _take_one(self, hub_id: str, name: str, payload: bytes, noc_ms: int, outcome: Outcome) -> None:
        hub = self._store.hubs.get(hub_id)
        if hub is None:
            raise _FaultError("stranger")
        if name in _BATCH_TOPICS:
            self._batch(hub, payload, noc_ms, outcome)
        elif name == "keys":
            self._epoch(hub, payload, noc_ms, outcome)
        elif name == "status":
            self._store.hubs.keep_status(hub, _json_object(payload), noc_ms)
        elif name == "health":
            health = _json_object(payload)
            self._store.hubs.keep_health(hub, health, noc_ms)
            self._compare(hub, health, noc_ms, outcome)

    def _fault(self, fault: Fault, noc_ms: int, outcome: Outcome) -> None:
        if self._store.faults.add(fault, noc_ms):
            outcome.faults.append(fault)

    # --- epochs -------------------------------------------------------------------------------------------------------

    def _epoch(self, hub: Hub, payload: bytes, noc_ms: int, outcome: Outcome) -> None:
        """Keep an epoch that we can open; chart what waited for it."""
        try:
            record = parse_epoch(payload)
        except SealError:
            raise _FaultError("malformed") from None
        if record.hub_id != hub.name:
            raise _FaultError("foreign", record.journal)
        known = self._store.chart.journal(hub.id, record.journal)
        if known is not None and self._store.chart.epoch(known, record.epoch) == payload:
            return
        try:
            verify_epoch(record, _public(hub.public))
        except SealError:
            raise _FaultError("forged", record.journal) from None
        journal = self._store.chart.add_journal(hub.id, record.journal)
        self._store.chart.add_epoch(journal, record.epoch, payload)
        for envelope in self._store.chart.take_pending(journal, record.epoch):
            self._open(hub, journal, parse_batch(envelope), digest(envelope), noc_ms, outcome)

    # --- batches ------------------------------------------------------------------------------------------------------

    def _batch(self, hub: Hub, payload: bytes, noc_ms: int, outcome: Outcome, *, bounded: bool = True) -> None:
        try:
            batch = parse_batch(payload)
        except SealError:
            raise _FaultError("malformed") from None
        header, name = batch.header, digest(payload)
        if header.hub_id != hub.name:
            raise _FaultError("foreign", header.journal, header.seq)
        journal = self._store.chart.journal(hub.id, header.journal)
        if journal is not None and self._store.chart.has(journal, header.seq, name):
            self._confirm(hub, journal, batch, outcome)  # the very bytes that were verified before
            return
        try:
            verify_batch(batch, _public(hub.public))
        except SealError:
            raise _FaultError("forged", header.journal, header.seq) from None
        journal = journal or self._store.chart.add_journal(hub.id, header.journal)
        if self._store.chart.epoch(journal, header.epoch) is None:
            self._store.chart.add_pending(journal, header.epoch, name, payload, bounded=bounded)
            outcome.word(hub).wanted.add(header.epoch)
            return
        self._open(hub, journal, batch, name, noc_ms, outcome)

    def _open(self, hub: Hub, journal: Journal, batch: Batch, name: bytes, noc_ms: int, outcome: Outcome) -> None:
        """Open a verified batch whose epoch is here, and chart it; or refuse it."""
        header, chart = batch.header, self._store.chart
        try:
            record = chart.epoch(journal, header.epoch) or b""
            salvaged, items = _split(self._opener.items(batch, record, _public(hub.public)))
            rows = rows_of(items)
        except _STORE_ERRORS:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a hub signed, it stops nobody's messages
            code = error.code if isinstance(error, UnusableError) else BAD_BODY
            outcome.word(hub).refused[header.epoch, header.seq] = code
            self._fault(Fault(hub.name, code, header.journal, header.seq), noc_ms, outcome)
            return
        events = [event for _, event in rows.events]
        stamps = [item.stamp for _, item in rows.readings] + [event.stamp for event in events]
        chart.add_clocks(hub.id, stamps, events)
        verdict = chart.add(journal, batch, name, rows, noc_ms)
        for kind, found in (("clone", verdict.clone), ("fork", verdict.fork)):
            if found:
                chart.mark_forked(journal)
                journal = journal._replace(forked=True)
                self._fault(Fault(hub.name, kind, header.journal, header.seq), noc_ms, outcome)
        for event in events:
            if event.kind == "result":
                self._store.spool.answered(hub.name, event.fields, noc_ms)
        fresh: list[wire.Item] = [*verdict.readings, *events]
        dates = chart.dated(hub.id, [item.stamp for item in fresh])
        outcome.charted += [
            Charted(hub.name, header.journal, header.seq, item, at_ms, noc_ms)
            for item, at_ms in zip(fresh, dates, strict=True)
        ]
        for event in salvaged:
            self._salvaged(hub, event, noc_ms, outcome)
        self._confirm(hub, journal, batch, outcome)

    def _salvaged(self, hub: Hub, event: wire.Event, noc_ms: int, outcome: Outcome) -> None:
        """Take out what a hub saved from a damaged file: an epoch record or a batch of an earlier journal.

        It comes once, in a batch that is confirmed, so it is kept for its epoch whatever waits already.
        """
        if self._depth == _SALVAGE_DEPTH:
            self._fault(Fault(hub.name, "malformed"), noc_ms, outcome)
            return
        self._depth += 1
        try:
            epoch, envelope = event.fields.get("epoch"), event.fields.get("batch")
            if isinstance(epoch, bytes):
                self._epoch(hub, epoch, noc_ms, outcome)
            if isinstance(envelope, bytes):
                self._batch(hub, envelope, noc_ms, outcome, bounded=False)
        except _FaultError as fault:
            self._fault(Fault(hub.name, fault.kind, fault.journal, fault.seq), noc_ms, outcome)
        finally:
            self._depth -= 1

    def _confirm(self, hub: Hub, journal: Journal, batch: Batch, outcome: Outcome) -> None:
        """Confirm a charted batch, with those below that came too: a lost confirmation is made good by the next.

        Nothing above it, and nothing below a number that is only covered: if its hub was set back in time, it has put
        other content under those numbers meanwhile, and no link tells.
        """
        header = batch.header
        word = outcome.word(hub)
        first = header.seq if journal.forked else self._store.chart.numbers.first_of(journal.id, header.seq)
        word.confirmed.add((header.epoch, first, header.seq))
        word.urgent = word.urgent or header.cls is ReadingClass.ALARM

    # --- health -------------------------------------------------------------------------------------------------------

    def _compare(self, hub: Hub, health: Mapping[str, Any], noc_ms: int, outcome: Outcome) -> None:
        """Compare what a hub says of its journal with the chart: every number is here, or waits there, or is lost."""
        claim = claim_of(health)
        if claim is None:
            return
        known = self._store.chart.journal(hub.id, claim.journal)
        digests = [] if known is None else self._store.chart.digests(known, claim.last)
        if digests and claim.chain not in digests:  # nobody signed it, so nothing is marked as forked
            self._fault(Fault(hub.name, "clone", claim.journal, claim.last), noc_ms, outcome)
        if lost(self._store, known, claim) > 0:
            self._fault(Fault(hub.name, "gap", claim.journal, claim.last), noc_ms, outcome)
        else:
            self._store.faults.clear(hub.name, noc_ms, kind="gap", journal=claim.journal)


def _split(items: Sequence[wire.Item]) -> tuple[list[wire.Event], list[wire.Item]]:
    """Tell what was salvaged, which is charted by itself, from the items of a batch."""
    salvaged: list[wire.Event] = []
    rest: list[wire.Item] = []
    for item in items:
        if isinstance(item, wire.Event) and item.kind == "salvaged" and isinstance(item.fields, dict):
            salvaged.append(item)
        else:
            rest.append(item)
    return salvaged, rest


def _json_object(payload: bytes) -> dict[str, Any]:
    try:
        value = json.loads(payload)
        json.dumps(value, allow_nan=False)
    except (ValueError, RecursionError):
        raise _FaultError("malformed") from None
    if not isinstance(value, dict):
        raise _FaultError("malformed")
    return value
