"""A process that writes an outbox in one fixed order of steps, to be killed or lied to at any system call.

Usage: ``scribe.py FILE``. It says ``durable N`` when a reading is, ``confirmed N`` when its row may go, ``error NAME``
when the outbox refused, and ``end``. One thread: the n-th call of a run is the n-th call of every run.
"""

import os
import sys
from pathlib import Path

from hub_agent.errors import StorageError
from hub_agent.model import ReadingClass, ReceivedReading
from hub_agent.outbox import recovery
from hub_agent.outbox.box import LocalBox
from hub_agent.outbox.quota import Limits
from hub_agent.outbox.recent import Kept
from hub_agent.outbox.recovery import open_store
from hub_agent.outbox.rows import seq_of
from hub_agent.outbox.writer import Writer
from hub_agent.seal import Sealer
from tests.rooms import HUB, IDENTITY, RECIPIENT, spo2
from tests.virtual import HandClock

CLS = ReadingClass.CONTINUOUS
COMMITS = 6
DAY_S = 86_400.0
BOX = LocalBox(IDENTITY)


def say(*words: object) -> None:
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def write(path: Path) -> None:
    """Commit; confirm and delete; rewrite what waits; change the epoch; commit again."""
    clock = HandClock()
    store, _ = open_store(path, BOX, clock.now(), clock.monotonic_s)
    sealer = Sealer(HUB, store.journal, IDENTITY, [RECIPIENT])
    writer = Writer(store, sealer, BOX, clock, Limits(1 << 40, 0, 0))
    kept: list[Kept] = []

    def commit(number: int, confirmed: tuple[tuple[int, int], ...] = ()) -> None:
        items = [ReceivedReading("oximeter", spo2(number), clock.stamp())]
        [batch] = writer.commit({CLS: items}, [], {"alarms": b"%d" % number}, confirmed).committed
        say("durable", number)
        kept.append(Kept(batch, items, 0.0))

    for number in range(COMMITS):
        commit(number)
    first, second = (seq_of(kept[place].batch.key) for place in (0, 1))
    say("confirmed", 0)
    say("confirmed", 1)
    commit(COMMITS, confirmed=((first, second),))
    writer.rewrite(kept[2:5])
    clock.later(DAY_S)
    for number in range(COMMITS + 1, COMMITS + 3):
        commit(number)
    writer.turn()
    store.close()


def main() -> None:
    path = Path(sys.argv[1])
    say("begin")
    try:
        write(path)
    except StorageError as error:
        say("error", type(error).__name__)
        recovery.suspect(path)  # as the outbox does; and the process ends
        sys.exit(1)
    say("end")


if __name__ == "__main__":
    main()
