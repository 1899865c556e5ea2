"""A real agent with a device on a pseudo-terminal, and a look at what it stored; for tests in real time."""

import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from hub_agent import identity
from hub_agent.clock import SystemClock
from hub_agent.demo.broker import free_port
from hub_agent.envelope import parse_batch
from hub_agent.model import ReadingClass, ReceivedReading
from hub_agent.mqtt import Message
from hub_agent.noc.intake import Intake
from hub_agent.noc.keyring import Keyring, keygen
from hub_agent.noc.outcome import Outcome
from hub_agent.noc.store import Store as NocStore
from hub_agent.outbox.box import LocalBox
from hub_agent.outbox.recovery import open_store
from hub_agent.simulate.line import Line
from hub_agent.simulate.serial_encoders import Shown, masimo_line
from hub_agent.topics import Topics
from tests.disk import cut_power, mount

RATE_HZ: Final = 20
RESTART_S: Final = 2.0
"""RestartSec= of the unit."""

_HUB: Final = "hub-cut"
_CONFIG: Final = """
[hub]
id = "{hub}"
state_dir = "{disk}"
runtime_dir = "{here}/run"
[broker]
host = "127.0.0.1"
port = {port}
insecure = true
tls = "off"
[noc]
trust = "{here}/noc/noc-public.json"
[identity]
key = "{here}/identity.pem"
[storage]
quota_mib = 16
ballast_mib = 1
min_free_mib = 1
[[devices]]
name = "oximeter"
driver = "masimo-ascii"
port = "{here}/oximeter"
"""

_SPO2, _PULSE = 31, 200


def line_of(number: int) -> bytes:
    """Write a number as a line of an oximeter: no two lines are alike."""
    shown = Shown(70 + number % _SPO2, 40 + number // _SPO2 % _PULSE, float(number // _SPO2 // _PULSE))
    return masimo_line(shown, datetime(2026, 11, 22, 12, 0, number % 60))  # noqa: DTZ001 - a device's clock


def number_of(reading: ReceivedReading) -> int:
    """Read it back."""
    values = [measurement.value for measurement in reading.reading.measurements]
    spo2, pulse, perfusion = (int(value) for value in values if value is not None)
    return (perfusion * _PULSE + pulse - 40) * _SPO2 + spo2 - 70


@dataclass
class Bench:
    """A hub, its device, and its disk.

    Attributes:
        here: a directory that no power cut touches.
        disk: the file system that the hub stores on.
        sent: when each line went over, by its number; the device is silent while nobody listens.
        before: the command that starts the agent.
        late_s: the longest that this machine has let the device wait for its turn: it does other things too.
    """

    here: Path
    disk: Path
    line: Line = field(init=False)
    sent: list[float] = field(default_factory=list)
    process: "subprocess.Popen[bytes] | None" = None
    before: tuple[str, ...] = ()
    late_s: float = 0.0

    def __post_init__(self) -> None:
        keygen(self.here / "noc", "X25519")
        identity.make(self.here / "identity.pem")
        self.line = Line(self.here / "oximeter")
        self.line.plug()
        self.config = self.here / "hub.toml"
        self.outbox = self.disk / "outbox.db"
        self.config.write_text(_CONFIG.format(hub=_HUB, here=self.here, disk=self.disk, port=free_port()))

    @property
    def said(self) -> str:
        """What the agent has logged, over all its lives."""
        return (self.here / "agent.log").read_text()

    def spawn(self) -> "subprocess.Popen[bytes]":
        """Start the agent."""
        with (self.here / "agent.log").open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603 - ours
                [*self.before, sys.executable, "-m", "hub_agent", "run", "--config", self.config],
                stdout=log,
                stderr=log,
            )
        return self.process

    def start(self) -> None:
        """Start the agent and wait until it listens to its device."""
        process = self.spawn()
        end_s = time.monotonic() + 60  # noqa: TID251 - a process of its own, in real time
        while True:
            self.line.hear()
            if self.line.listening:
                return
            assert process.poll() is None, self.said[-3000:]
            assert time.monotonic() < end_s, "the agent does not open its device"  # noqa: TID251
            time.sleep(0.01)

    def measure(self, for_s: float) -> None:
        """Let the device send for a while."""
        end_s = time.monotonic() + for_s  # noqa: TID251 - real time
        while time.monotonic() < end_s:  # noqa: TID251
            self.line.hear()
            if self.line.listening:
                self.line.send(line_of(len(self.sent)), 1)
                self.sent.append(time.monotonic())  # noqa: TID251
            due_s = time.monotonic() + 1 / RATE_HZ  # noqa: TID251
            time.sleep(1 / RATE_HZ)
            self.late_s = max(self.late_s, time.monotonic() - due_s)  # noqa: TID251

    def measure_supervised(self, for_s: float) -> list[float]:
        """Let the device send for a while, and start the agent anew when it ends; give when it ended."""
        ends_s: list[float] = []
        end_s = time.monotonic() + for_s  # noqa: TID251 - real time
        while time.monotonic() < end_s:  # noqa: TID251
            assert self.process is not None
            if self.process.poll() is not None:
                ends_s.append(time.monotonic())  # noqa: TID251
                self.line.hear()
                time.sleep(RESTART_S)
                self.spawn()
            self.measure(0.1)
        return ends_s

    def kill(self) -> float:
        """End the agent at once; give when."""
        assert self.process is not None
        self.process.kill()
        at_s = time.monotonic()  # noqa: TID251 - real time
        self.process.wait()
        self.line.hear()
        return at_s

    def cut(self) -> float:
        """Cut the power; give the instant after which nothing more reached the disk."""
        cut_power(self.disk)
        at_s = time.monotonic()  # noqa: TID251 - real time
        self.kill()
        self.remount()
        return at_s

    def remount(self) -> None:
        """Mount the disk anew, as a boot does: its journal is replayed, and what the kernel found wrong is checked."""
        subprocess.run(["umount", self.disk], check=True)  # noqa: S603, S607 - ours
        subprocess.run(["e2fsck", "-p", self.here / "disk.img"], check=False, capture_output=True)  # noqa: S603, S607
        mount(self.here / "disk.img", self.disk)

    def until_stored(self) -> float:
        """Let the device send until readings are stored that were not before; give how long that took."""
        before, began_s = self.newest(), time.monotonic()  # noqa: TID251 - real time
        while self.newest() in {before, b""}:
            self.measure_supervised(0.1)
            assert time.monotonic() < began_s + 60, self.said[-3000:]  # noqa: TID251
        return time.monotonic() - began_s  # noqa: TID251

    def newest(self) -> bytes:
        """Give the newest batch of readings in a live outbox; nothing where there is none."""
        rows = self._read("SELECT envelope FROM batches WHERE key >> 56 = 2 ORDER BY key DESC LIMIT 1")
        return rows[0] if rows else b""

    def durable(self) -> set[bytes]:
        """Give every batch of readings in a live outbox: what is there was synced."""
        return set(self._read("SELECT envelope FROM batches WHERE key >> 56 = 2"))

    def _read(self, query: str) -> list[bytes]:
        if not self.outbox.exists():
            return []
        try:
            with closing(sqlite3.connect(f"file:{self.outbox}?mode=ro", uri=True)) as db:
                return [bytes(value) for (value,) in db.execute(query)]
        except sqlite3.Error:  # not one yet
            return []

    def stop(self) -> None:
        """End the agent as systemd does."""
        assert self.process is not None
        self.process.terminate()
        assert self.process.wait(30) == 0, self.said[-3000:]

    def close(self) -> None:
        """Leave nothing running."""
        self.line.unplug()
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def stored(self) -> Iterator[tuple[str, bytes]]:
        """Give what waits in the outbox as the messages that would carry it."""
        key = identity.load(self.here / "identity.pem")
        clock = SystemClock()
        store, damage = open_store(self.outbox, LocalBox(key), clock.now(), clock.monotonic_s)
        assert damage is None
        for _, _, record in store.epochs():
            yield Topics(_HUB).keys, record
        rows = [row for cls in ReadingClass for row in store.after(cls, 0, 1_000_000)]
        store.close()
        for row in sorted(rows, key=lambda row: parse_batch(row.envelope).header.seq):
            yield Topics(_HUB).backlog, row.envelope


def chart(bench: Bench) -> Outcome:
    """Let the NOC take everything that waits in the outbox."""
    keys = Keyring.open(bench.here / "noc").opening_keys()
    store = NocStore(bench.here / "noc.db")
    with store.transaction():
        store.hubs.add(_HUB, identity.load(bench.here / "identity.pem").public_key(), 0)
    outcome = Intake(store, keys).take([Message(*one, False, 0) for one in bench.stored()], 0)
    store.close()
    return outcome


def numbers(outcome: Outcome) -> list[int]:
    """Give the lines whose readings were charted, in that order."""
    return [number_of(one.item) for one in outcome.charted if isinstance(one.item, ReceivedReading)]


@dataclass(frozen=True)
class Verdict:
    """What became of the lines that a bench's device sent.

    Attributes:
        charted: by number, in the order of the chart.
        ages_s: of each line that is missing, how old it was when the agent next ended.
    """

    charted: list[int]
    ages_s: list[float]

    @property
    def twice(self) -> int:
        """Lines charted more than once."""
        return len(self.charted) - len(set(self.charted))

    @property
    def worst_s(self) -> float:
        """The age of the oldest line that is missing; 0 where none is."""
        return max(self.ages_s, default=0.0)

    def beyond(self, window_s: float) -> int:
        """Count the lines that are missing although they were older than that."""
        return sum(age_s > window_s for age_s in self.ages_s)


def judge(bench: Bench, outcome: Outcome, ends_s: Sequence[float]) -> Verdict:
    """Compare what the device sent with what was charted; ``ends_s``: when the agent ended."""
    charted = numbers(outcome)
    missing = set(range(len(bench.sent))) - set(charted)
    ages_s = [
        min((at_s for at_s in ends_s if at_s >= sent_s), default=float("inf")) - sent_s
        for sent_s in (bench.sent[number] for number in missing)
    ]
    return Verdict(charted, ages_s)
