"""Keeps things running: restarts what the weather stops, and tells systemd that progress is made.

Owns: the one place that catches broadly, the backoff between attempts, the watchdog.
Never: hides a bug for good: what fails in the same way again and again is reported each time, with a growing wait.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from hub_agent.backoff import Backoff
from hub_agent.clock import Clock
from hub_agent.errors import HubError
from hub_agent.logs import get_logger

_log = get_logger("supervise")

SLOWLY_S: Final = 30.0
"""The shortest cap for what gets worse by hammering."""
_LATE_S: Final = 0.5


async def keep_running(
    name: str,
    work: Callable[[], Awaitable[None]],
    *,
    clock: Clock,
    cap_s: Callable[[], float] = lambda: 60.0,
    on_failure: Callable[[BaseException], None] | None = None,
    healthy_s: float = 30.0,
) -> None:
    """Run ``work`` for ever. Weather (HubError) is retried with full jitter; a bug is too, after it was reported.

    Args:
        name: for the log.
        work: one life of the task; returning is as good as failing, it is started again.
        clock: to tell a life that was long enough to start the backoff anew.
        cap_s: the longest wait, asked anew each time.
        on_failure: is told each failure, once.
        healthy_s: a life this long starts the backoff anew.

    Returns:
        Only for an error whose ``retry`` is ``never``: the task is parked until the configuration changes.
    """
    backoff = Backoff()
    while True:
        began_s = clock.monotonic_s()
        slowly = False
        try:
            await work()
        except Exception as error:
            if on_failure is not None:
                on_failure(error)
            if not isinstance(error, HubError):
                _log.exception("task_failed", task=name, error=type(error).__name__)
            else:
                _log.warning("task_failed", task=name, error=type(error).__name__, why=str(error))
                if error.retry == "never":
                    _log.error("task_parked", task=name, why=str(error))
                    return
                slowly = error.retry == "slowly"
        if clock.monotonic_s() - began_s >= healthy_s:
            backoff.reset()
        backoff.failed()
        await asyncio.sleep(backoff.delay_s(max(cap_s(), SLOWLY_S) if slowly else cap_s()))


def notify(state: str) -> None:
    """Tell systemd (sd_notify(3)): one datagram, no reply; silently nothing where there is no systemd."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as s:
        s.setblocking(False)  # a word that systemd has no room for is lost, and the hub goes on
        s.connect(address)
        s.sendall(state.encode())


def watchdog_period_s() -> float | None:
    """Say how often systemd wants to hear from this process: half of WATCHDOG_USEC; None when it does not watch."""
    usec = os.environ.get("WATCHDOG_USEC")
    pid = os.environ.get("WATCHDOG_PID")
    if not usec or (pid and pid != str(os.getpid())):
        return None
    return int(usec) / 2e6


@dataclass(slots=True)
class Progress:
    """Who must show that it turns, and by when. A loop that is alive but stuck feeds no watchdog.

    Attributes:
        deadlines: part → the longest it may go without a sign, in seconds.
    """

    clock: Clock
    deadlines: dict[str, float] = field(default_factory=dict)
    _seen: dict[str, float] = field(default_factory=dict)

    def expect(self, part: str, within_s: float) -> None:
        """From now on ``part`` must show progress at least every ``within_s``."""
        self.deadlines[part] = within_s
        self._seen[part] = self.clock.monotonic_s()

    def show(self, part: str) -> None:
        """``part`` has turned."""
        self._seen[part] = self.clock.monotonic_s()

    def stuck(self) -> Iterable[str]:
        """Name the parts that are overdue."""
        now_s = self.clock.monotonic_s()
        return [part for part, within_s in self.deadlines.items() if now_s - self._seen[part] > within_s]


async def feed_watchdog(progress: Progress) -> None:
    """Tell systemd "alive" while every expected part makes progress; fall silent when one does not."""
    period_s = min(watchdog_period_s() or 5.0, 5.0)
    reported: set[str] = set()
    while True:
        stuck = set(progress.stuck())
        for part in stuck - reported:
            _log.error("part_stuck", task=part)
        reported = stuck
        if not stuck:
            notify("WATCHDOG=1")
        due_s = progress.clock.monotonic_s() + period_s
        await asyncio.sleep(period_s)
        if progress.clock.monotonic_s() - due_s > _LATE_S:  # nobody had a turn: let them take it before they are judged
            await asyncio.sleep(_LATE_S)
