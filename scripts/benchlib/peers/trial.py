"""One round of one system: start, a quiet home, a busy one, an outage, and two crashes, with nothing told to it.

Owns: the order of what happens. Never: knows which system it is.
"""

import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from scripts.benchlib.peers.broker import Broker
from scripts.benchlib.peers.candidate import Candidate, Ground, Rig
from scripts.benchlib.peers.feed import Feed, paced
from scripts.benchlib.peers.subscriber import Subscriber
from scripts.benchlib.peers.system import System
from scripts.benchlib.peers.tally import Tally, rate, tally
from scripts.benchlib.peers.uplink import Uplink
from scripts.benchlib.readings import DEVICES

HOME_HZ: Final = float(len(DEVICES))
BUSY_HZ: Final = 100.0
_READY_S: Final = 90.0
_WITHIN_S: Final = 120.0
_PATIENCE_S: Final = 10.0
"""Nothing more for so long (beside the time a start takes): nothing comes any more."""
_RECONNECTS_S: Final = 60.0
"""Nothing at all for so long: nothing comes. Some wait longer before each new attempt to connect."""

Found = dict[str, list[float]]
"""Values by the figure's key; several where it was taken several times."""


@dataclass(frozen=True, slots=True)
class Amount:
    """How much of everything.

    Attributes:
        home_s: eight devices at 1 Hz, for so long.
        busy_s: a hundred readings a second, for so long.
        backlog: readings given while the uplink is cut.
        crash_s: a hundred readings a second, for so long before each kill; 0: nothing is killed.
    """

    home_s: float
    busy_s: float
    backlog: int
    crash_s: float

    @property
    def home(self) -> int:
        """Readings of the quiet home."""
        return int(self.home_s * HOME_HZ)

    @property
    def busy(self) -> int:
        """Readings of the busy one."""
        return int(self.busy_s * BUSY_HZ)

    @property
    def crash(self) -> int:
        """Readings before each kill."""
        return int(self.crash_s * BUSY_HZ)


@dataclass
class Trial:
    """A system that runs, and what is around it."""

    rig: Rig
    system: System
    uplink: Uplink
    subscriber: Subscriber
    amount: Amount
    found: Found = field(default_factory=dict)
    _feed: Feed | None = None
    _next: int = 0
    _start_s: float = 0.0

    @property
    def feed(self) -> Feed:
        """What gives readings."""
        if self._feed is None:
            self._feed = self.rig.feed()
        return self._feed

    def run(self) -> Found:
        """Let everything happen; give the figures by their keys."""
        _until(self.rig.listening, _READY_S, "the subscriber does not connect")
        self._start()
        self._note("start", self._start_s)
        time.sleep(2)
        self._home()
        self._busy()
        self._outage()
        if self.amount.crash:
            self._crash("online", online=True)
            self._until_through()
            self._crash("offline", online=False)
        return self.found

    def close(self) -> None:
        """Pull the cables."""
        if self._feed is not None:
            self._feed.close()

    def _numbers(self, count: int) -> range:
        """Take the next numbers, beginning with the first device."""
        first = -(-self._next // len(DEVICES)) * len(DEVICES)
        self._next = first + count
        return range(first, self._next)

    def _start(self) -> None:
        began_ns = time.perf_counter_ns()
        self.system.start()
        self._start_s = (self._until_through() - began_ns) / 1e9

    def _until_through(self) -> int:
        """Give a reading every tenth of a second until one comes through; say when it came."""
        before = len(self.subscriber.arrivals())
        end = time.perf_counter() + _READY_S
        while time.perf_counter() < end:
            for number in self._numbers(1):
                self.feed.give(number)
            time.sleep(0.1)
            if len(arrivals := self.subscriber.arrivals()) > before:
                return arrivals[before].at_ns
            if not self.system.runs():
                raise TimeoutError("it ended by itself")
        raise TimeoutError("no reading came through")

    def _home(self) -> None:
        numbers = self._numbers(self.amount.home)
        self._note("home rss", self.system.rss_mib())
        began, cpu = time.perf_counter(), self.system.cpu_s()
        paced(self.feed.give, numbers, HOME_HZ)
        self._note("home cpu", (self.system.cpu_s() - cpu) / (time.perf_counter() - began) * 100)
        result = self._settled(numbers)
        self._count("home", result)
        self._late("home", result)

    def _busy(self) -> None:
        numbers = self._numbers(self.amount.busy)
        paced(self.feed.give, numbers, BUSY_HZ)
        result = self._settled(numbers)
        self._count("busy", result)
        self._late("busy", result)

    def _outage(self) -> None:
        self.uplink.cut()
        time.sleep(1)
        cpu, numbers = self.system.cpu_s(), self._numbers(self.amount.backlog)
        for number in numbers:
            self.feed.give(number)
        self.feed.settle()
        time.sleep(3)
        healed_ns = time.perf_counter_ns()
        self.uplink.heal()
        result = self._settled(numbers)
        self._note("outage cpu", (self.system.cpu_s() - cpu) / len(numbers) * 1e6)
        self._note("outage peak", self.system.peak_mib())
        self._count("outage", result)
        came = [arrival.at_ns for arrival in self.subscriber.arrivals() if arrival.number in numbers]
        connected_ns = self.uplink.connected_ns()
        if drained := rate(connected_ns, came):
            self._note("drain", drained)
            self._note("reconnect", (connected_ns - healed_ns) / 1e9)

    def _crash(self, name: str, *, online: bool) -> None:
        if not online:
            self.uplink.cut()
            time.sleep(0.5)
        given = self._numbers(self.amount.crash)
        paced(self.feed.give, given, BUSY_HZ)
        self.system.kill()
        time.sleep(1)
        self.system.start()
        if not online:
            time.sleep(self._start_s)
            self.uplink.heal()
        result = self._settled(given)
        self._count(name, result)

    def _count(self, name: str, result: Tally) -> None:
        self._note(f"{name} lost", result.lost)
        self._note(f"{name} twice", result.duplicates)

    def _late(self, name: str, result: Tally) -> None:
        for part in (50, 99):
            if (latency := result.quantile(part / 100)) is not None:
                self._note(f"{name} p{part}", latency)

    def _note(self, key: str, value: float) -> None:
        self.found.setdefault(key, []).append(float(value))

    def _settled(self, numbers: range) -> Tally:
        """Wait until all of these came, or nothing comes any more; give what came of them."""
        self.feed.settle()
        accepted = {number for number in numbers if number in self.feed.accepted}
        end = time.perf_counter() + _WITHIN_S
        count, changed = 0, time.perf_counter()
        while time.perf_counter() < end:
            time.sleep(0.2)
            came = accepted.intersection(arrival.number for arrival in self.subscriber.arrivals())
            patience_s = self._start_s + (_PATIENCE_S if came else _RECONNECTS_S)
            if came == accepted:
                time.sleep(0.5)  # for what comes again
                break
            if len(came) > count:
                count, changed = len(came), time.perf_counter()
            elif time.perf_counter() - changed > patience_s:
                break
        given = {number: self.feed.given[number] for number in numbers if number in self.feed.given}
        return tally(given, accepted, self.subscriber.arrivals())


def try_out(candidate: Candidate, here: Path, amount: Amount) -> Found:
    """Try a candidate in an empty directory.

    Raises:
        TimeoutError: it does not start, or nothing comes through.
        MissingError: something of it cannot be had here.
    """
    here.mkdir()
    with ExitStack() as stack:
        far = stack.enter_context(closing(Broker(here, "far")))
        uplink = stack.enter_context(closing(Uplink(far.port)))
        rig = stack.enter_context(candidate.rigged(Ground(here, far.port, uplink.port)))
        subscriber = stack.enter_context(closing(Subscriber(rig.subscriber, here, rig.numbers)))
        system = System(rig.command, rig.here, rig.environment, here / "system.log")
        one = stack.enter_context(closing(Trial(rig, system, uplink, subscriber, amount)))
        stack.callback(system.stop)
        return one.run()


def _until(condition: Callable[[], bool], within_s: float, otherwise: str) -> None:
    end = time.perf_counter() + within_s
    while not condition():
        if time.perf_counter() > end:
            raise TimeoutError(otherwise)
        time.sleep(0.05)
