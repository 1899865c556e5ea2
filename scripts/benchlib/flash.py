"""Area *flash*: bytes that reach the block device, on a loop-mounted ext4. Needs root.

What sits below is a card that wears out; what the file system and SQLite add to a reading is its price.
"""

import asyncio
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from itertools import count, islice
from pathlib import Path
from typing import Final

from hub_agent.model import Measurement, Reading, ReadingClass, ReceivedReading, Samples
from hub_agent.nomenclature import PLETH, SYSTOLIC
from hub_agent.wire import Event, Item
from scripts.benchlib.area import Effort
from scripts.benchlib.figures import Row, Table, at_least, at_most
from scripts.benchlib.readings import DEVICES, history
from scripts.benchlib.site import CLOCK, bare_outbox

IMAGE_MIB: Final = 256
SECTOR: Final = 512
DAY_S: Final = 86_400
CARD_BYTES: Final = 32e9
ERASE_CYCLES: Final = 500
INSIDE: Final = 5
"""What the card's own translation layer writes for each byte it is given."""

Commits = Iterator[Mapping[ReadingClass, Sequence[Item]]]


@dataclass(frozen=True, slots=True)
class Load:
    """What is committed.

    Attributes:
        name: of the row.
        every_s: how often, in the hub's life.
        make: gives the commits.
    """

    name: str
    every_s: float
    make: Callable[[int], Commits]


@contextmanager
def card(image: Path) -> Iterator[tuple[Path, Callable[[], int]]]:
    """Mount a fresh ext4 on a loop device; give its directory, and what asks how many bytes reached the device."""
    image.write_bytes(b"")
    os.truncate(image, IMAGE_MIB << 20)
    place = image.with_suffix(".mnt")
    place.mkdir()
    _root("mkfs.ext4", "-q", "-F", str(image))
    device = _root("losetup", "--find", "--show", str(image))
    try:
        _root("mount", "-o", "noatime", device, str(place))
        stat = Path("/sys/block") / Path(device).name / "stat"

        def written() -> int:
            os.sync()
            return int(stat.read_text(encoding="ascii").split()[6]) * SECTOR

        try:
            yield place, written
        finally:
            _root("umount", "--lazy", str(place))
    finally:
        _root("losetup", "--detach", device)
        image.unlink()


def _root(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()  # noqa: S603 - constant


def _continuous(window_s: int) -> Callable[[int], Commits]:
    def make(commits: int) -> Commits:
        seconds = history(CLOCK.stamp(), commits * window_s)
        for _ in range(commits):
            yield {ReadingClass.CONTINUOUS: [one for rows in islice(seconds, window_s) for one in rows]}

    return make


def _episodic(commits: int) -> Commits:
    stamp = CLOCK.stamp()
    for number in range(commits):
        reading = Reading(ReadingClass.EPISODIC, (Measurement(SYSTOLIC, "mm[Hg]", Decimal(110 + number % 30)),))
        yield {ReadingClass.EPISODIC: [ReceivedReading("cuff", reading, stamp)]}


def _alarm(commits: int) -> Commits:
    for number in range(commits):
        fields = {"id": f"{number:08x}", "condition": "low", "priority": "high", "presence": "on", "device": "ill"}
        yield {ReadingClass.ALARM: [Event("alarm", CLOCK.stamp(), fields)]}


def _waveform(commits: int) -> Commits:
    """Five seconds of one pleth at 75 Hz."""
    stamp = CLOCK.stamp()
    for number in range(commits):
        block = Samples(
            PLETH, "{count}", Decimal("0.0133"), Decimal(1), tuple((number + k * k) % 255 for k in range(75))
        )
        reading = Reading(ReadingClass.WAVEFORM, (), samples=(block,))
        yield {ReadingClass.WAVEFORM: [ReceivedReading(DEVICES[0], reading, stamp)] * 5}


_LOADS: Final = (
    Load("continuous, 8 devices at 1 Hz, window 1 s (the default)", 1, _continuous(1)),
    Load("continuous, window 5 s", 5, _continuous(5)),
    Load("continuous, window 10 s", 10, _continuous(10)),
    Load("episodic, one a commit", 60, _episodic),
    Load("alarm, one a commit", 60, _alarm),
    Load("waveform, a pleth at 75 Hz, window 5 s", 5, _waveform),
)
_TARGETS: Final = {_LOADS[0].name: at_most(1000), _LOADS[1].name: at_most(250)}


async def _live(directory: Path, load: Load, commits: int) -> int:
    """Live through so many commits with the NOC confirming each before the next; give the readings."""
    directory.mkdir()  # noqa: ASYNC240 - before anything runs
    outbox = bare_outbox(directory / "outbox.db")
    items, since_s = 0, 0.0
    for batches in load.make(commits):
        committed = await outbox.commit(batches)
        items += sum(batch.items for batch in committed)
        outbox.confirm(outbox.last_seq - len(committed) + 1, outbox.last_seq, committed)
        since_s += load.every_s
        if since_s >= 60:  # noqa: PLR2004 - the agent's housekeeping
            since_s = 0.0
            await outbox.settle()
            await outbox.save("floor", bytes(8))
    await outbox.close()
    return items


def measure(effort: Effort) -> Table:
    """Measure each load on a fresh file system."""
    table = Table("flash: bytes at the block device (ext4 on a loop device, WAL, synchronous=FULL)")
    if os.geteuid() != 0 or shutil.which("mkfs.ext4") is None:
        table.notes.append("Not measured: needs root and mkfs.ext4.")
        return table
    numbers = count()
    life: list[float] = []
    a_day: list[float] = []
    for load in _LOADS:
        found = []
        for _ in range(effort.times(3, 1)):
            with card(effort.scratch / f"card-{next(numbers)}.img") as (place, written):
                commits = effort.times(900, 400)
                asyncio.run(_live(place / "first", load, 20))  # the file system's own first writes
                shutil.rmtree(place / "first")
                before = written()
                items = asyncio.run(_live(place / "then", load, commits))
                found.append((written() - before) / items)
        table.rows.append(Row(load.name, found, "B/item", target=_TARGETS.get(load.name)))
        if load is _LOADS[0]:
            life = [CARD_BYTES * ERASE_CYCLES / INSIDE / (each * 8 * DAY_S * 365) for each in found]
            a_day = [each * 8 * DAY_S / 1e6 for each in found]
    table.rows += [
        Row("a day at the default", a_day, "MB"),
        Row("life of a 32 GB consumer card at the default", life, "years", target=at_least(10)),
    ]
    table.notes.append(
        f"The card's life supposes {ERASE_CYCLES} erase cycles of each cell and {INSIDE} bytes written inside the card"
        " for each byte it is given; high-endurance cards take some six times as much. Every batch is confirmed before"
        " the next, and housekeeping runs each minute of the hub's life."
    )
    return table
