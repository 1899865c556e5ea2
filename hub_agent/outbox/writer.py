"""Writes: numbers, seals and chains what is to be stored, and makes room when there is none. Synchronous.

Owns: the epoch and its data key, the chain, the ballast, what is shed. Everything here runs on the outbox's one thread.
Never: knows what was sent or confirmed; its caller, the outbox, does.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Final, NamedTuple

from hub_agent import envelope, wire
from hub_agent.clock import Clock
from hub_agent.envelope import COVERS_MAX, Ranges, digest, merged, parse_batch
from hub_agent.errors import FullError, SealError, StorageError
from hub_agent.gaps import instant
from hub_agent.model import ReadingClass, ReceivedReading
from hub_agent.outbox import ballast, quota
from hub_agent.outbox.box import LocalBox
from hub_agent.outbox.epochs import Begins, Epochs
from hub_agent.outbox.recent import Kept
from hub_agent.outbox.rows import Change, Committed, Gone, Row, Written, class_of, key_of, seq_of
from hub_agent.outbox.store import Store
from hub_agent.outbox.timeline import Timeline
from hub_agent.seal import BATCHES_PER_EPOCH, Epoch, Sealer

_DAY_S: Final = 86_400.0
_PAGES_BACK: Final = 500
"""Pages given back to the file system in one turn: 2 MiB."""


Confirmed = Sequence[tuple[int, int]]
"""Ranges (first, last) of batch numbers that the NOC has, and whose rows may still be there."""


class Piece(NamedTuple):
    """Items of one class that become one batch."""

    cls: ReadingClass
    items: Sequence[wire.Item]
    covers: Ranges = ()


class Writer:
    """Commits, rewrites and sheds batches in one open file.

    Args:
        store: the open file.
        sealer: of its journal.
        box: protects local state on the card.
        clock: for the age of an epoch, and stamps of gap records.
        limits: how much room may be taken.
    """

    def __init__(self, store: Store, sealer: Sealer, box: LocalBox, clock: Clock, limits: quota.Limits) -> None:
        self._store = store
        self._sealer = sealer
        self._box = box
        self._clock = clock
        self._limits = limits
        self._ballast = ballast.Ballast(store.path.parent)
        self._timeline = Timeline()
        self._epoch: Epoch | None = None
        self._epoch_first = 0
        self._epoch_since_s = 0.0
        self.link = store.last_link
        self.epochs = Epochs(store.epochs())
        self.half = Written()  # what the last commit or trim did, also where it failed after that
        self.plan = self._measure()

    # --- writing ------------------------------------------------------------------------------------------------------

    def commit(
        self,
        batches: Mapping[ReadingClass, Sequence[wire.Item]],
        names: Sequence[bytes],
        state: Mapping[str, bytes],
        confirmed: Confirmed,
    ) -> Written:
        """Make items durable, one batch a class in class order, with names and state; let go of what is confirmed.

        Where there is no room: what is confirmed goes first, with the ballast if it is the disk that is full; then the
        least valuable readings, a piece of them: where there is less of a class, of the next class too.

        Raises:
            StorageError: nothing of it was stored, though room may have been made: see ``half``.
        """
        pieces = [Piece(cls, items) for cls, items in sorted(batches.items())]
        closed = [(name, self._box.close(name, value)) for name, value in state.items()]
        change = Change(names=names, state=closed, confirmed=confirmed)
        before = self.half = Written()
        sheds = [self._shed_piece] * len(quota.SHEDDABLE)
        for remedy in chain([self._yield_ballast], [self._let_go] if confirmed else (), sheds):
            try:
                return self._write(pieces, change, before)
            except FullError:
                remedy(before, confirmed)
        return self._write(pieces, change, before)

    def rewrite(self, group: Sequence[Kept]) -> Written:
        """Put the items of several waiting batches into one new batch, which covers theirs, in their place.

        Raises:
            StorageError: nothing has changed.
        """
        keys = [one.batch.key for one in group]
        items = [item for one in group for item in one.items]
        piece = Piece(ReadingClass.CONTINUOUS, items, merged(map(seq_of, keys)))
        done = self._write([piece], Change(removed=keys), Written())
        done.removed += [Gone(one.batch.key, one.batch.items, one.batch.numbers) for one in group]
        return done

    def _write(self, pieces: Sequence[Piece], change: Change, done: Written) -> Written:
        """Seal and store; ``done`` is what was written on the way here, and is given back with the rest."""
        if not pieces:  # no key is made that would seal nothing
            return replace(done, deleted=[*done.deleted, *self._store.apply(change)])
        epoch, begins = self._current_epoch()
        seq, link = self._store.last_seq, self.link
        fresh: list[Committed] = []
        for cls, items, covers in pieces:
            seq += 1
            sealed = self._sealer.seal(epoch, seq, cls, len(items), link, wire.encode(items), covers=covers)
            link = digest(sealed)
            received = () if covers else tuple(item.stamp.monotonic_ns for item in items)
            fresh.append(Committed(key_of(cls, seq), len(items), sealed, received, 1 + envelope.count(covers)))
        change.rows, change.epochs = [Row(one.key, one.items, one.envelope, one.numbers) for one in fresh], begins
        before = self.epochs
        if begins:
            self.epochs = before.followed_by(begins)  # before there is a number that could pass for the old epoch's
        try:
            done.deleted += self._store.apply(change)
        except StorageError:
            self.epochs = before
            raise
        self.link = link
        if begins:
            self._epoch, self._epoch_first = epoch, begins[0][0]
            self._epoch_since_s = self._clock.monotonic_s()
        for batch, (cls, items, _) in zip(fresh, pieces, strict=True):
            devices = {item.device for item in items if isinstance(item, ReceivedReading)}
            self._timeline.add(cls, seq_of(batch.key), items[0].stamp, devices)
        done.committed += fresh
        return done

    def _current_epoch(self) -> tuple[Epoch, list[Begins]]:
        """Give the epoch to seal under; a new one at a start, after a day, or after 2^20 batches."""
        fresh = (
            self._epoch is not None
            and self._clock.monotonic_s() - self._epoch_since_s < _DAY_S
            and self._store.last_seq - self._epoch_first < BATCHES_PER_EPOCH - len(ReadingClass)
        )
        if fresh and self._epoch is not None:
            return self._epoch, []
        epoch = self._sealer.open_epoch(self._clock.stamp().wall_ns)
        return epoch, [(self._store.last_seq + 1, epoch.id, epoch.record)]

    def tidy(self, names: int) -> None:
        """Forget spent epochs, and all but the newest ``names`` names of records."""
        self._store.drop_spent_epochs()
        self._store.prune_seen(names)
        self.epochs = Epochs(self._store.epochs())

    # --- room ---------------------------------------------------------------------------------------------------------

    def turn(self) -> bool:
        """Look at the room, once a second: hold the file to it, write the ballast on, give back what is free.

        Returns:
            Whether what is stored exceeds the room, and :meth:`trim` is wanted.

        Raises:
            StorageError: the file did not take it.
        """
        self.plan = self._measure()
        if self.plan.grow_ballast:
            self._ballast.grow(self._limits.ballast)
        self._store.give_back(self.plan.piece, _PAGES_BACK)
        return self.plan.excess > 0

    def trim(self, confirmed: Confirmed) -> Written:
        """Shed what exceeds the room.

        Raises:
            StorageError: the file did not take it.
        """
        done = self.half = Written()
        self._let_go(done, confirmed)
        self.plan = self._measure()
        while self.plan.excess and self.shed(min(self.plan.excess, self.plan.piece), done, confirmed):
            self.plan = self._measure()
        return done

    def _measure(self) -> quota.Plan:
        usage = self._store.usage()
        disk = os.statvfs(self._store.path.parent)
        room = quota.Room(
            file=usage.file,
            spare=usage.spare,
            free=disk.f_bavail * disk.f_frsize,
            ballast=self._ballast.size(),
        )
        plan = quota.plan(room, self._limits)
        self._store.bound(plan.ceiling)
        return plan

    def _let_go(self, done: Written, confirmed: Confirmed) -> None:
        """Delete what is confirmed: nothing that the NOC has may take the room of what it lacks."""
        done.deleted += self._store.apply(Change(confirmed=confirmed))

    def _yield_ballast(self, _done: Written, _confirmed: Confirmed) -> None:
        """Give the ballast up where it is the disk that is full, not the quota that is used up."""
        if not ballast.has_room(self._store.path.parent):
            self._ballast.release()

    def _shed_piece(self, done: Written, confirmed: Confirmed) -> None:
        if not self.shed(self.plan.piece, done, confirmed):
            raise FullError(
                "the outbox is full, and nothing in it may be shed", hint="free space, or raise storage.quota_mib"
            )

    def shed(self, wanted: int, done: Written, confirmed: Confirmed) -> bool:
        """Delete the oldest of the least valuable batches, and say so in a gap record of the same transaction.

        Args:
            wanted: bytes that should go.
            done: is told what went.
            confirmed: what the NOC has goes too, and is no gap.

        Returns:
            Whether there was anything to shed.

        Raises:
            StorageError: nothing has changed.
        """
        for cls in quota.SHEDDABLE:
            picked, covers = self._pick(cls, wanted, confirmed)
            if not picked:
                continue
            self._remove("shed", picked, covers, done, confirmed)
            return True
        return False

    def cast_out(self, rows: Sequence[Row]) -> Written:
        """Delete batches of one class that no longer prove themselves, and say so; nobody could use them.

        Raises:
            StorageError: nothing has changed.
        """
        done = Written()
        covers = merged((), [span for row in rows for span in _numbers(row)])
        self._remove("damaged", [Gone(row.key, row.items, row.numbers) for row in rows], covers, done, ())
        return done

    def _remove(self, why: str, gone: Sequence[Gone], covers: Ranges, done: Written, confirmed: Confirmed) -> None:
        """Delete batches of one class with a gap record that covers them."""
        about = self._timeline.about(class_of(gone[0].key), covers[0][0], covers[-1][1])
        now = self._clock.stamp()
        fields = {
            "device": "",
            "why": why,
            "from": None if about.since is None else instant(about.since),
            "to": instant(about.until or now),  # a gap without an end is one that lasts
            "devices": list(about.devices),
            "class": class_of(gone[0].key).name.lower(),
            "batches": len(gone),
            "items": sum(one.items for one in gone),
        }
        gap = wire.Event("gap", now, fields)
        change = Change(removed=[one.key for one in gone], confirmed=confirmed)
        self._write([Piece(ReadingClass.ALARM, [gap], covers)], change, done)
        done.removed += gone

    def _pick(self, cls: ReadingClass, wanted: int, confirmed: Confirmed) -> tuple[list[Gone], Ranges]:
        """Choose the oldest batches of a class, ``wanted`` bytes of them; the newest of all stays: the chain's end."""
        picked: list[Gone] = []
        covered: list[tuple[int, int]] = []
        for key, items, numbers, size in self._store.oldest(cls, COVERS_MAX):
            seq = seq_of(key)
            row = self._store.row(key) if numbers > 1 else None
            its = ((seq, seq),) if row is None else _numbers(row)
            if wanted <= 0 or len(covered) + len(its) > COVERS_MAX:
                break
            if seq == self._store.last_seq or any(first <= seq <= last for first, last in confirmed):
                continue
            picked.append(Gone(key, items, numbers))
            covered += its
            wanted -= size
        return picked, merged((), covered)


def _numbers(row: Row) -> Ranges:
    """Give the numbers that a row stands for; of one whose header is damaged, its own alone."""
    own = (seq_of(row.key), seq_of(row.key))
    try:
        covers = parse_batch(row.envelope).header.covers
    except SealError:
        return (own,)
    return (*covers, own) if envelope.count(covers) == row.numbers - 1 else (own,)
