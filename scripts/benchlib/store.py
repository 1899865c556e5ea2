"""Area *store*: reading → durable, against raw SQLite with the same durability and a seal on each row."""

import asyncio
import gc
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from decimal import Decimal
from itertools import count, cycle, islice
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hub_agent.alarms.book import AlarmBook
from hub_agent.alarms.device_watch import Cadence
from hub_agent.alarms.limits import Limit, Priority
from hub_agent.intake import Intake
from hub_agent.model import Reading, ReadingClass, Stamp
from hub_agent.nomenclature import PULSE_RATE_OXIMETER, SPO2
from hub_agent.reporter import to_wire
from scripts.benchlib.area import Effort
from scripts.benchlib.figures import Row, Table, at_least, interleaved
from scripts.benchlib.readings import DEVICES, LOW, as_json, reading, received, walk
from scripts.benchlib.site import CLOCK, bare_outbox, cpu_s

_LIMITS: Final = (
    Limit(SPO2, "%", Decimal(90), None, priority=Priority.HIGH, hysteresis=Decimal(1)),
    Limit(PULSE_RATE_OXIMETER, "/min", Decimal(40), Decimal(130)),
)

_EIGHT: Final = "eight at once"
_SPELT: Final = "raw, JSON made"

Arrival = tuple[str, Reading, Stamp]
"""What a link hands on: the device's alias, what it said, and when its bytes came."""


def arrivals(readings: Iterable[Reading]) -> Iterator[Arrival]:
    """Let the eight devices give readings in turn."""
    return ((DEVICES[number % len(DEVICES)], one, CLOCK.stamp()) for number, one in enumerate(readings))


class Raw:
    """The limit: one thread, ``sqlite3`` with WAL and FULL, AES-256-GCM of 200 bytes of JSON a row.

    Args:
        path: a new file.
        spells: makes the JSON in its loop, as a gateway has to; the limit finds it made.
    """

    def __init__(self, path: Path, *, spells: bool = False) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.execute("CREATE TABLE o (id INTEGER PRIMARY KEY, body BLOB NOT NULL)")
        self._key = AESGCM(AESGCM.generate_key(256))
        readings = received(CLOCK, 1000)
        self._rows = map(as_json, cycle(readings)) if spells else cycle([as_json(one) for one in readings])

    def run(self, commits: int, each: int) -> None:
        """Commit ``each`` rows, so many times."""
        db, key, rows = self._db, self._key, self._rows
        for _ in range(commits):
            db.execute("BEGIN IMMEDIATE")
            sealed = []
            for _ in range(each):
                nonce = os.urandom(12)
                sealed.append((nonce + key.encrypt(nonce, next(rows), None),))
            db.executemany("INSERT INTO o (body) VALUES (?)", sealed)
            db.execute("COMMIT")


class Hub:
    """Ours: intake, alarm book and outbox, as the agent wires them."""

    def __init__(self, path: Path) -> None:
        self._outbox = bare_outbox(path)
        book = AlarmBook(_LIMITS, dict.fromkeys(DEVICES, Cadence(1.0)), CLOCK.stamp())
        self._intake = Intake(
            self._outbox, book, CLOCK, to_wire=to_wire, announce=lambda _events: None, offer=lambda _batches: None
        )

    async def one_by_one(self, given: Iterable[Arrival]) -> None:
        """Take readings that are durable, each for itself, when the device may be told."""
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(self._intake.run())
            for one in given:
                await self._intake.take(*one)
            running.cancel()

    async def eight_at_once(self, given: Iterable[Arrival]) -> None:
        """Let eight devices give readings that each of them waits for: those that wait share a commit."""
        shared = iter(given)

        async def give() -> None:
            for one in shared:
                await self._intake.take(*one)

        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(self._intake.run())
            async with asyncio.TaskGroup() as devices:
                for _ in DEVICES:
                    devices.create_task(give())
            running.cancel()

    async def together(self, each: int, given: Iterable[Arrival]) -> None:
        """Take readings that share a commit."""
        left = iter(given)
        while some := list(islice(left, each)):
            for one in some:
                await self._intake.take(*one)
            await self._intake.drain()

    async def close(self) -> None:
        """Close the file."""
        await self._outbox.close()


def _swings() -> Iterator[Reading]:
    """Give readings each of which begins or ends an alarm: the state is written with every one."""
    for number in count():
        yield reading(LOW if number % 2 else 97, 70, ReadingClass.EPISODIC)


@contextmanager
def _timed(into: dict[str, list[float]], name: str, readings: int) -> Iterator[None]:
    gc.collect()
    gc.freeze()  # as the agent does once it is open; and what the bench holds ready takes nobody's time
    wall, cpu = time.perf_counter(), cpu_s()
    yield
    into.setdefault(name, []).append(readings / (time.perf_counter() - wall))
    into.setdefault(f"{name} cpu", []).append((cpu_s() - cpu) / readings * 1e6)
    gc.unfreeze()


def measure(effort: Effort) -> Table:
    """Measure at 1, 10 and 100 readings a commit."""
    found: dict[str, list[float]] = {}
    names = count()

    def raw(each: int, commits: int, name: str = "raw", *, spells: bool = False) -> float:
        limit = Raw(effort.scratch / f"raw-{next(names)}.db", spells=spells)
        with _timed(found, f"{name} {each}", each * commits):
            limit.run(commits, each)
        return 0.0

    def ours(each: int, commits: int, name: str, readings: Iterator[Reading]) -> float:
        async def run() -> None:
            hub = Hub(effort.scratch / f"hub-{next(names)}.db")

            async def take(commits: int, timed: AbstractContextManager[None]) -> None:
                made = list(
                    arrivals(islice(readings, each * commits))
                )  # what devices and links do is not the hub's time
                with timed:
                    if name == _EIGHT:
                        await hub.eight_at_once(made)
                    else:
                        await (hub.one_by_one(made) if each == 1 else hub.together(each, made))

            await take(10, nullcontext())
            await take(commits, _timed(found, name, each * commits))
            await hub.close()

        asyncio.run(run())
        return 0.0

    episodic, continuous = walk(ReadingClass.EPISODIC), walk()
    one, ten, hundred = effort.times(1504, 152), effort.times(400), effort.times(200)
    interleaved(
        effort.rounds,
        [
            ("", lambda: raw(1, one)),
            ("", lambda: ours(1, one, "hub 1", episodic)),
            ("", lambda: ours(1, one, "swing 1", _swings())),
            ("", lambda: ours(1, one, _EIGHT, episodic)),
            ("", lambda: raw(10, ten)),
            ("", lambda: ours(10, ten, "hub 10", continuous)),
            ("", lambda: raw(100, hundred)),
            ("", lambda: raw(100, hundred, _SPELT, spells=True)),
            ("", lambda: ours(100, hundred, "hub 100", continuous)),
        ],
    )
    return _table(found)


def _table(found: dict[str, list[float]]) -> Table:
    """Lay the figures out."""
    table = Table("store: reading → durable", "raw sqlite3")
    for each, target in ((1, at_least(0.8, of_limit=True)), (10, None), (100, at_least(0.5, of_limit=True))):
        limit = found[f"raw {each}"]
        table.rows += [
            Row(f"raw sqlite3 WAL+FULL, AES-256-GCM, {each} a commit", limit, "readings/s"),
            Row(f"hub, {each} a commit, limits judged", found[f"hub {each}"], "readings/s", limit, target),
            Row(f"hub, {each} a commit: CPU", found[f"hub {each} cpu"], "µs", found[f"raw {each} cpu"]),
        ]
        if each == 1:
            table.rows += [
                Row("hub, 1 a commit, each changes the alarm state", found["swing 1"], "readings/s", limit),
                Row("the same: CPU", found["swing 1 cpu"], "µs", found["raw 1 cpu"]),
                Row("hub, eight devices, each waits for its reading to be durable", found[_EIGHT], "readings/s", limit),
                Row("the same: CPU", found[f"{_EIGHT} cpu"], "µs", found["raw 1 cpu"]),
            ]
    spelt = found[f"{_SPELT} 100"]
    table.rows += [
        Row("raw sqlite3, which makes its JSON itself, 100 a commit", spelt, "readings/s", found["raw 100"]),
        Row("the same: CPU", found[f"{_SPELT} 100 cpu"], "µs", found["raw 100 cpu"]),
    ]
    table.notes.append(
        "The hub also judges limits, chains and signs (Ed25519) each batch, and keeps the file open to a second thread."
        " Where a reading changes the alarm state, its event is a second batch and the state a third row of its commit."
        " One a commit is one device that waits, with nothing beside it; of eight, those that wait share a commit."
    )
    return table
