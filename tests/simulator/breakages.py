"""Ways to break the hub, each of which a promise must notice: what nothing notices is not held.

Each takes something out of the hub that it needs, or puts a mistake in that was made somewhere.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any, NamedTuple
from unittest import mock

from hub_agent import parts
from hub_agent.builder import Builder
from hub_agent.envelope import FIRST_LINK
from hub_agent.flights import Flights
from hub_agent.forwarder import Forwarder
from hub_agent.gaps import Gaps
from hub_agent.intake import COMMIT_S, Intake
from hub_agent.model import ClockState, Reading, ReadingClass, Stamp
from hub_agent.noc.chart import Chart
from hub_agent.outbox import outbox
from hub_agent.outbox.store import Store
from hub_agent.outbox.writer import Writer
from hub_agent.seal import Epoch
from tests.simulator import breakages_of_room as room
from tests.simulator.clock import MachineClock

Breakage = Callable[[], AbstractContextManager[None]]


@contextmanager
def puback_is_delivery() -> Iterator[None]:
    """Let go of what the broker has taken."""
    policy = Builder.policy
    with mock.patch.object(Builder, "policy", lambda self: replace(policy(self), confirm="broker")):
        yield


@contextmanager
def no_resend() -> Iterator[None]:
    """Send nothing again that the NOC has not confirmed in time."""

    def overdue(_flights: Flights, _at_s: float) -> Iterable[Any]:
        return ()

    with mock.patch.object(Flights, "overdue", overdue):
        yield


@contextmanager
def no_names() -> Iterator[None]:
    """Take what a device sends again for new, at both ends."""

    async def is_known(_intake: Intake, _name: str, _reading: Reading) -> bool:
        return False

    with mock.patch.object(Intake, "_is_known", is_known), mock.patch.object(Chart, "_is_new", return_value=True):
        yield


@contextmanager
def a_class_is_dropped() -> Iterator[None]:
    """Store nothing that is episodic, and say that it is."""
    commit = Writer.commit

    def without(self: Writer, batches: Mapping[ReadingClass, Any], *more: Any) -> Any:  # noqa: ANN401 - as it was
        return commit(self, {cls: items for cls, items in batches.items() if cls is not ReadingClass.EPISODIC}, *more)

    with mock.patch.object(Writer, "commit", without):
        yield


@contextmanager
def told_too_early() -> Iterator[None]:
    """Tell a device that its record is safe as soon as it has come."""

    async def not_at_all(_intake: Intake, _cls: ReadingClass) -> None:
        pass

    with mock.patch.object(Intake, "_until_durable", not_at_all):
        yield


@contextmanager
def no_hurry() -> Iterator[None]:
    """Come back to the broker as calmly with something fresh in hand as without."""
    with mock.patch.object(Forwarder, "urgent", return_value=False):
        yield


@contextmanager
def alarms_wait() -> Iterator[None]:
    """Commit alarms as if they had time."""
    with mock.patch.object(parts, "COMMIT_S", {**COMMIT_S, ReadingClass.ALARM: 20.0}):
        yield


@contextmanager
def deaf_to_limits() -> Iterator[None]:
    """Find no value outside its limits."""
    with mock.patch("hub_agent.alarms.limits._violated", return_value=None):
        yield


@contextmanager
def silent_about_silence() -> Iterator[None]:
    """Tell of no gap of a device."""
    with mock.patch.object(Gaps, "tick", return_value=()), mock.patch.object(Gaps, "heard", return_value=None):
        yield


@contextmanager
def every_clock_is_good() -> Iterator[None]:
    """Believe whatever the wall clock shows."""
    stamp = MachineClock.stamp

    def good(self: MachineClock) -> Stamp:
        return stamp(self)._replace(clock=ClockState.SYNCED)

    with mock.patch.object(MachineClock, "stamp", good):
        yield


@contextmanager
def the_chain_begins_anew() -> Iterator[None]:
    """Forget at each start how the chain of batches ended."""
    tail = Store._tail

    def forgotten(self: Store) -> tuple[int, bytes]:
        return tail(self)[0], FIRST_LINK

    with mock.patch.object(Store, "_tail", forgotten):
        yield


@contextmanager
def the_key_of_the_second_day_is_lost() -> Iterator[None]:
    """Change the data key each day as it must be, and keep no record of the new one."""
    current = Writer._current_epoch

    def forgetful(self: Writer) -> tuple[Epoch, list[tuple[int, bytes, bytes]]]:
        first = self._epoch is None
        epoch, begins = current(self)
        return epoch, begins if first else []

    with mock.patch.object(Writer, "_current_epoch", forgetful):
        yield


@contextmanager
def names_are_forgotten() -> Iterator[None]:
    """Know the newest records again, and none that is older, at both ends."""
    with mock.patch.object(outbox, "_KEEP_NAMES", 3), mock.patch.object(Chart, "_is_new", return_value=True):
        yield


class Broken(NamedTuple):
    """A breakage and who sees it.

    Attributes:
        how: breaks it, while it is open.
        found: the first word of what is found.
        seed: of a history in which it shows.
        days: that it takes.
        few: whether it takes a home in which little happens, because dense days do not show it.
    """

    how: Breakage
    found: str
    seed: int = 1
    days: float = 0.2
    few: bool = False


BREAKAGES: Mapping[str, Broken] = {
    "puback-is-delivery": Broken(puback_is_delivery, "lost", seed=4),
    "no-resend": Broken(no_resend, "undelivered", seed=8, days=0.5),
    "no-names": Broken(no_names, "twice", seed=15, days=0.5),
    "a-class-is-dropped": Broken(a_class_is_dropped, "lost"),
    "told-too-early": Broken(told_too_early, "lost", seed=5),
    "no-hurry": Broken(no_hurry, "late", seed=2, days=0.5),
    "alarms-wait": Broken(alarms_wait, "late: alarm", seed=2),
    "deaf-to-limits": Broken(deaf_to_limits, "untold", seed=2),
    "silent-about-silence": Broken(silent_about_silence, "gap"),
    "every-clock-is-good": Broken(every_clock_is_good, "misdated", seed=2),
    "the-chain-begins-anew": Broken(the_chain_begins_anew, "accused"),
    "the-key-of-the-second-day-is-lost": Broken(
        the_key_of_the_second_day_is_lost, "undelivered", seed=5, days=1.6, few=True
    ),
    "names-are-forgotten": Broken(names_are_forgotten, "twice", seed=4, days=3, few=True),
    "the-best-goes-first": Broken(room.the_best_goes_first, "unfair", seed=163, days=0.1),
    "gaps-are-too-short": Broken(room.gaps_are_too_short, "lost", seed=163, days=0.1),
    "gaps-never-end": Broken(room.gaps_never_end, "open", seed=163, days=0.1),
    "room-is-kept": Broken(room.room_is_kept, "kept", seed=163, days=0.1),
    "no-ballast-is-the-end": Broken(room.no_ballast_is_the_end, "died", days=0.02),
    "each-copy-is-a-command": Broken(room.each_copy_is_a_command, "done twice", seed=174, days=0.3),
    "whoever-signs": Broken(room.whoever_signs, "obeyed a stranger", seed=324, days=0.1),
    "nobody-answers": Broken(room.nobody_answers, "unanswered", seed=324, days=0.1),
    "nods-and-does-nothing": Broken(room.nods_and_does_nothing, "forgotten", seed=266),
}
