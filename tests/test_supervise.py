"""Keeping things running, and telling systemd that they do."""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from hub_agent.errors import DeliveryError, DriverError, HubError, LinkError, StorageError
from hub_agent.supervise import Progress, feed_watchdog, keep_running, notify, watchdog_period_s
from tests.virtual import HandClock, LoopClock, hold, virtual_time


class _Ended(BaseException):
    """Ends a ``keep_running`` from inside, as a cancellation would."""


def _failing(errors: Iterator[BaseException | None], began_s: list[float]) -> Callable[[], Awaitable[None]]:
    async def work() -> None:
        began_s.append(asyncio.get_running_loop().time())
        error = next(errors, _Ended())
        if error is not None:
            raise error

    return work


async def _lives(errors: list[BaseException | None], cap_s: float = 60.0) -> tuple[list[float], list[BaseException]]:
    """Run through the errors; give when each life began, and what was reported."""
    began_s: list[float] = []
    reported: list[BaseException] = []
    with pytest.raises(_Ended):
        await keep_running(
            "x", _failing(iter(errors), began_s), clock=LoopClock(), on_failure=reported.append, cap_s=lambda: cap_s
        )
    return began_s, reported


@virtual_time
async def test_weather_and_bugs_are_retried_and_each_is_reported_once() -> None:
    errors: list[BaseException | None] = [LinkError("gone"), ValueError("bug"), None, DeliveryError("down")]
    began_s, reported = await _lives(errors)
    assert len(began_s) == 5
    assert reported == [errors[0], errors[1], errors[3]]


@virtual_time
async def test_waits_grow_to_their_cap_and_no_further() -> None:
    began_s, _ = await _lives([LinkError("gone")] * 400, cap_s=10.0)
    waits = [after - before for before, after in pairwise(began_s)]
    assert waits[0] <= 0.1
    assert max(waits) <= 10.0
    assert 3.0 < sum(waits[20:]) / len(waits[20:]) < 7.0


@virtual_time
async def test_what_gets_worse_by_hammering_waits_longer() -> None:
    began_s, _ = await _lives([StorageError("full")] * 60, cap_s=1.0)
    waits = [after - before for before, after in pairwise(began_s)]
    assert 10.0 < max(waits[20:]) <= 30.0


@virtual_time
async def test_a_healthy_life_starts_the_backoff_anew() -> None:
    began_s: list[float] = []
    loop = asyncio.get_running_loop()

    async def work() -> None:
        began_s.append(loop.time())
        if len(began_s) == 40:
            await asyncio.sleep(30)
        if len(began_s) == 41:
            raise _Ended
        raise LinkError("gone")

    with pytest.raises(_Ended):
        await keep_running("x", work, clock=LoopClock(), cap_s=lambda: 1e6)
    assert began_s[40] - began_s[39] <= 30.1


@virtual_time
async def test_what_needs_a_person_is_parked() -> None:
    reported: list[BaseException] = []
    began_s: list[float] = []
    await keep_running(
        "x",
        _failing(iter([LinkError("gone"), DriverError("raised")]), began_s),
        clock=LoopClock(),
        on_failure=reported.append,
    )
    assert len(began_s) == 2
    assert isinstance(reported[-1], DriverError)


@virtual_time
async def test_a_cancellation_ends_it_at_once() -> None:
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(keep_running("x", asyncio.Event().wait, clock=LoopClock()))  # type: ignore[arg-type]
        await asyncio.sleep(1)
        task.cancel()
    assert task.cancelled()


@virtual_time
async def test_one_that_is_parked_leaves_the_others_running() -> None:
    turns = 0

    async def well() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(1)
            turns += 1

    async def ill() -> None:
        raise DriverError("raised")

    async with asyncio.TaskGroup() as tasks:
        parked = tasks.create_task(keep_running("ill", ill, clock=LoopClock()))
        other = tasks.create_task(keep_running("well", well, clock=LoopClock()))
        await asyncio.sleep(100.5)
        assert parked.done()
        assert turns == 100
        other.cancel()


# --- systemd ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(str(tmp_path / "notify"))
        heard.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "20000000")
        monkeypatch.delenv("WATCHDOG_PID", raising=False)
        yield heard


def _heard(systemd: socket.socket) -> list[bytes]:
    words = []
    while True:
        try:
            words.append(systemd.recv(100))
        except BlockingIOError:
            return words


def test_systemd_is_told(systemd: socket.socket) -> None:
    notify("READY=1")
    assert _heard(systemd) == [b"READY=1"]


def test_a_systemd_that_does_not_listen_holds_nobody_up(systemd: socket.socket) -> None:
    for _ in range(1000):
        notify("WATCHDOG=1")
    assert 0 < len(_heard(systemd)) < 1000


def test_an_abstract_socket_is_told_too(monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"hub-agent-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(f"\0{name}")
        monkeypatch.setenv("NOTIFY_SOCKET", f"@{name}")
        notify("WATCHDOG=1")
        assert heard.recv(100) == b"WATCHDOG=1"


@pytest.mark.parametrize("address", [None, "/nowhere/notify"])
def test_no_systemd_is_no_fault(monkeypatch: pytest.MonkeyPatch, address: str | None) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    if address is not None:
        monkeypatch.setenv("NOTIFY_SOCKET", address)
    notify("READY=1")


@pytest.mark.parametrize(
    ("usec", "pid", "period_s"),
    [(None, None, None), ("20000000", None, 10.0), ("20000000", "own", 10.0), ("20000000", "1", None)],
)
def test_the_watchdog_s_period_is_read(
    monkeypatch: pytest.MonkeyPatch, usec: str | None, pid: str | None, period_s: float | None
) -> None:
    for name, value in (("WATCHDOG_USEC", usec), ("WATCHDOG_PID", str(os.getpid()) if pid == "own" else pid)):
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    assert watchdog_period_s() == period_s


def test_a_part_is_stuck_once_it_is_late_and_until_it_turns() -> None:
    clock = HandClock()
    progress = Progress(clock)
    progress.expect("intake", 15.0)
    progress.expect("uplink", 40.0)
    clock.later(15.0)
    assert list(progress.stuck()) == []
    clock.later(0.1)
    assert list(progress.stuck()) == ["intake"]
    progress.show("intake")
    progress.show("nobody asked")
    assert list(progress.stuck()) == []


@virtual_time
async def _watch(systemd: socket.socket) -> tuple[int, int, int]:
    """Feed the watchdog for a minute each: while intake turns, while it is stuck, and when it turns again."""
    clock = LoopClock()
    progress = Progress(clock)
    progress.expect("intake", 15.0)
    turning = True

    async def intake() -> None:
        while True:
            await asyncio.sleep(1)
            if turning:
                progress.show("intake")

    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(intake()), tasks.create_task(feed_watchdog(progress))]
        counts = [0, 0, 0]
        for number, turning in enumerate((True, False, True)):  # noqa: B007 - read by ``intake``
            for _ in range(12):  # the kernel holds ten datagrams
                await asyncio.sleep(5)
                counts[number] += _heard(systemd).count(b"WATCHDOG=1")
        for task in running:
            task.cancel()
    return counts[0], counts[1], counts[2]


def test_the_watchdog_falls_silent_while_intake_is_stuck(systemd: socket.socket) -> None:
    turning, stuck, again = _watch(systemd)
    assert turning >= 12  # every five seconds, well within the period
    assert stuck <= 4  # the fifteen seconds that intake may be late, and no more
    assert again >= 11


@virtual_time
async def _watch_a_hold(systemd: socket.socket, holds_s: float) -> int:
    """Hold the loop up once, half a second after a word; count the words that systemd hears in the second after."""
    clock = LoopClock()
    progress = Progress(clock)
    progress.expect("intake", 15.0)

    async def intake() -> None:
        while True:
            await asyncio.sleep(1)
            await asyncio.sleep(0.1)  # a commit
            progress.show("intake")

    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(intake()), tasks.create_task(feed_watchdog(progress))]
        await asyncio.sleep(10.5)
        _heard(systemd)
        hold(holds_s)
        await asyncio.sleep(1)
        words = _heard(systemd).count(b"WATCHDOG=1")
        for task in running:
            task.cancel()
    return words


def test_a_hub_that_was_held_up_is_not_called_stuck_before_it_had_its_turn(systemd: socket.socket) -> None:
    assert _watch_a_hold(systemd, 16.0) == 1  # 17 s after the last: in time for a watchdog of 20


def test_every_error_says_whether_trying_again_helps() -> None:
    kinds = [HubError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    assert {kind.retry for kind in kinds} == {"never", "later", "slowly"}
