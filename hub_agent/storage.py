"""Looks after storage while the hub runs: room, alarms about it, and what can be saved of a damaged outbox.

Owns: when room is looked at and batches are rewritten, the storage alarms, what is kept of batches set aside, the pace
of a salvage, the bar on commands after a loss.
Never: stores or deletes by itself (the outbox does), or lets a salvage compete with readings.
"""

import asyncio
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from hub_agent.clock import Clock, Floor
from hub_agent.errors import FullError
from hub_agent.forwarder import Forwarder
from hub_agent.logs import get_logger
from hub_agent.model import ClockState, ReadingClass
from hub_agent.outbox import ledger, quota
from hub_agent.outbox.outbox import Outbox
from hub_agent.outbox.recovery import LEDGER_LOST, progress_name
from hub_agent.outbox.rows import SEQ_MASK, class_of, key_of
from hub_agent.outbox.salvage import Salvage, keep, remove
from hub_agent.wire import Event

_log = get_logger("storage")

SET_ASIDE: Final = "set_aside"
"""The name, among the outbox's local state, of the keys of batches that are set aside."""

_PAGE: Final = 64
_BATCH_BYTES: Final = 24_000
"""Salvaged envelopes in one batch: as much as fits a message with room to spare."""
_BACKLOG: Final = 32
"""Batches waiting, beyond which a salvage pauses: it would only store twice what cannot be sent yet."""
_UNREAD_MAX: Final = 64
_TURN_S: Final = 1.0


class StorageWatch:
    """Looks after the outbox once a second: its room, its failures, and what of it is set aside.

    Args:
        outbox: what it looks after.
        forwarder: is given gap records, and rewrites what waits.
        technical: raises or clears a technical alarm of the hub.
    """

    def __init__(self, outbox: Outbox, forwarder: Forwarder, technical: Callable[[str, bool], None]) -> None:
        self._outbox = outbox
        self._forwarder = forwarder
        self._technical = technical
        self._active: frozenset[str] = frozenset()
        self._set_aside: frozenset[int] = frozenset()

    async def restore(self, at_s: float) -> None:
        """Set aside what an earlier life of the process had set aside: batches that kill links, or that nobody takes.

        Args:
            at_s: now, monotonic.
        """
        kept: list[int] = json.loads(await self._outbox.state(SET_ASIDE) or b"[]")
        here = [row.key for key in kept for row in await self._outbox.after(class_of(key), key - 1, 1)]
        self._set_aside = frozenset(kept) & frozenset(here)
        self._forwarder.lanes.flights.set_aside_again(self._set_aside, at_s)

    async def turn(self) -> None:
        """Look once; called every second.

        Raises:
            StorageError: file or card is damaged: the process must end, and the next start repairs it.
        """
        if self._outbox.failure is not None:
            raise self._outbox.failure
        with suppress(FullError):  # the next commit makes room, or says that there is none
            self._forwarder.offer(await self._outbox.turn())
            await self._forwarder.rewrite()
            await self._keep_set_aside()
        active = quota.alarms(self._outbox.fill, self._active)
        for code in sorted(active ^ self._active):
            self._technical(code, code in active)
        self._active = active

    async def _keep_set_aside(self) -> None:
        keys = self._forwarder.lanes.flights.ever_set_aside()
        if keys != self._set_aside:
            await self._outbox.save(SET_ASIDE, json.dumps(sorted(keys)).encode())
            self._set_aside = keys


class ReplayBar:
    """Keeps commands from before a loss of the replay store from being obeyed again.

    What the store knew is gone; but the NOC's counters are never below Unix milliseconds, so a mark of "now" on every
    key refuses every command from before. Until "now" is known the clock is not set, and then only commands that name
    this session are obeyed: none of those is from before.

    Args:
        outbox: keeps the note that the store was lost, until the marks are there.
        clock: says whether it is set.
        floor: what now is.
        kids: every key that may command this hub.
    """

    def __init__(self, outbox: Outbox, clock: Clock, floor: Floor, kids: Iterable[str]) -> None:
        self._outbox = outbox
        self._clock = clock
        self._floor = floor
        self._kids = tuple(kids)
        self.lost = False

    async def restore(self) -> None:
        """Read the note."""
        self.lost = bool(await self._outbox.state(LEDGER_LOST))

    async def close(self) -> None:
        """Set the marks where they are owed; called before a command is looked at.

        Raises:
            StorageError: they are not set.
        """
        if self.lost and self._clock.stamp().clock is ClockState.SYNCED:
            mark = partial(ledger.bar, kids=self._kids, now=self._floor.now())
            await self._outbox.run(lambda store: store.on_connection(mark))
            await self._outbox.save(LEDGER_LOST, b"")
            self.lost = False


@dataclass(slots=True)
class Progress:
    """How far a salvage has come; kept over restarts.

    Attributes:
        behind: the row key to go on behind.
        salvaged: batches that proved themselves.
        unproven: rows that did not.
        unread: [class, first, last]: numbers of a class in which rows may be that cannot be reached.
    """

    behind: int = 0
    salvaged: int = 0
    unproven: int = 0
    unread: list[list[int]] = field(default_factory=list)


class Salvager:
    """Brings what proves itself in a damaged outbox to the NOC, inside the new journal's batches.

    An envelope of the old journal travels as it is, in an event of kind ``salvaged``: stored, paced, confirmed and shed
    like everything else. The NOC takes it out and charts it under its own journal and number, once.

    Args:
        outbox: where salvaged envelopes go.
        forwarder: is given what was stored.
        clock: stamps.
        salvage: makes the reader of a file.
    """

    def __init__(self, outbox: Outbox, forwarder: Forwarder, clock: Clock, salvage: Callable[[Path], Salvage]) -> None:
        self._outbox = outbox
        self._forwarder = forwarder
        self._clock = clock
        self._salvage = salvage

    async def run(self, files: Sequence[Path]) -> None:
        """Salvage files, one after the other; returns when there is nothing left to do.

        Raises:
            StorageError: the outbox did not take what was salvaged.
        """
        for aside in files:
            await self._one(aside)

    async def _one(self, aside: Path) -> None:
        salvage = self._salvage(aside)
        kept = await self._outbox.state(progress_name(aside))
        progress = Progress(**json.loads(kept)) if kept else Progress()
        if not progress.behind:
            epochs = await asyncio.to_thread(salvage.epochs)
            await self._store(aside, ReadingClass.ALARM, [{"epoch": record} for record in epochs], progress)
        for cls in ReadingClass:
            end = key_of(cls, SEQ_MASK)
            progress.behind = max(progress.behind, key_of(cls, 0))
            while progress.behind < end:
                if cls is not ReadingClass.ALARM and self._backed_up():
                    await asyncio.sleep(_TURN_S)
                    continue
                page = await asyncio.to_thread(salvage.page, cls, progress.behind, _PAGE)
                progress.behind = end if page.behind is None else page.behind
                progress.salvaged += len(page.batches)
                progress.unproven += page.unproven
                progress.unread += [[int(cls), *stretch] for stretch in page.unread]
                await self._store(aside, cls, [{"batch": envelope} for _, envelope in page.batches], progress)
        await self._report(aside, progress)

    def _backed_up(self) -> bool:
        return sum(tally.batches for tally in self._outbox.tallies.values()) > _BACKLOG

    async def _store(self, aside: Path, cls: ReadingClass, found: Sequence[dict[str, Any]], progress: Progress) -> None:
        """Store what was found; how far we are goes with the last of it."""
        *parts, last = [*_parts(found)] or [[]]
        for part in parts:
            await self._commit(cls, part, {})
        await self._commit(cls, last, {progress_name(aside): json.dumps(asdict(progress)).encode()})

    async def _commit(self, cls: ReadingClass, part: Sequence[dict[str, Any]], state: dict[str, bytes]) -> None:
        events = [Event("salvaged", self._clock.stamp(), fields) for fields in part]
        self._forwarder.offer(await self._outbox.commit({cls: events} if events else {}, state=state))

    async def _report(self, aside: Path, progress: Progress) -> None:
        """Say what was saved and what was not, durably; only then let go of the file."""
        whole = not progress.unproven and not progress.unread
        fields = {
            "device": "",
            "why": "damaged",
            "from": None,
            "to": None,
            "file": aside.name,
            "salvaged": progress.salvaged,
            "unproven": progress.unproven,
            "unread": progress.unread[:_UNREAD_MAX],
        }
        gap = Event("gap", self._clock.stamp(), fields)
        self._forwarder.offer(await self._outbox.commit({ReadingClass.ALARM: [gap]}))
        _log.warning("storage_salvaged", salvaged=progress.salvaged, whole=whole)
        await asyncio.to_thread(remove if whole else keep, aside)


def _parts(found: Sequence[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Cut what was found into batches of bounded size."""
    part: list[dict[str, Any]] = []
    size = 0
    for fields in found:
        length = sum(map(len, fields.values()))
        if part and size + length > _BATCH_BYTES:
            yield part
            part, size = [], 0
        part.append(fields)
        size += length
    if part:
        yield part
