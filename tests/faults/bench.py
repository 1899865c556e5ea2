"""A real agent with a device on a pseudo-terminal, and a look at what it stored; for tests in real time."""

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from hub_agent import identity
from hub_agent.clock import SystemClock
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
from tests.broker import free_port
from tests.disk import cut_power, mount

RATE_HZ: Final = 20

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
        sent: when each line went over, by its number.
    """

    here: Path
    disk: Path
    line: Line = field(init=False)
    sent: list[float] = field(default_factory=list)
    process: "subprocess.Popen[bytes] | None" = None

    def __post_init__(self) -> None:
        keygen(self.here / "noc", "X25519")
        identity.make(self.here / "identity.pem")
        self.line = Line(self.here / "oximeter")
        self.line.plug()
        self.config = self.here / "hub.toml"
        self.outbox = self.disk / "outbox.db"
        self.config.write_text(_CONFIG.format(hub=_HUB, here=self.here, disk=self.disk, port=free_port()))

    def start(self) -> None:
        """Start the agent and wait until it listens to its device."""
        with (self.here / "agent.log").open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603 - ours
                [sys.executable, "-m", "hub_agent", "run", "--config", self.config], stdout=log, stderr=log
            )
        end_s = time.monotonic() + 60  # noqa: TID251 - a process of its own, in real time
        while True:
            self.line.hear()
            if self.line.listening:
                return
            assert self.process.poll() is None, (self.here / "agent.log").read_text()[-3000:]
            assert time.monotonic() < end_s, "the agent does not open its device"  # noqa: TID251
            time.sleep(0.01)

    def measure(self, for_s: float) -> None:
        """Let the device send for a while."""
        end_s = time.monotonic() + for_s  # noqa: TID251 - real time
        while time.monotonic() < end_s:  # noqa: TID251
            self.line.hear()
            self.line.send(line_of(len(self.sent)), 1)
            self.sent.append(time.monotonic())  # noqa: TID251
            time.sleep(1 / RATE_HZ)

    def cut(self) -> float:
        """Cut the power; give the instant after which nothing more reached the disk."""
        cut_power(self.disk)
        at_s = time.monotonic()  # noqa: TID251 - real time
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        self.line.hear()
        subprocess.run(["umount", self.disk], check=True)  # noqa: S603, S607 - ours
        mount(self.here / "disk.img", self.disk)
        return at_s

    def stop(self) -> None:
        """End the agent as systemd does."""
        assert self.process is not None
        self.process.terminate()
        assert self.process.wait(30) == 0, (self.here / "agent.log").read_text()[-3000:]

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
