"""Time that passes only when nothing else is left to do: hours of waiting in milliseconds, the same in every run."""

import asyncio
import selectors
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from hub_agent.clock import from_ns
from hub_agent.driver import Moment
from hub_agent.model import ClockState, Stamp
from hub_agent.outbox import hand
from hub_agent.outbox.hand import Hand

P = ParamSpec("P")
T = TypeVar("T")

BOOT = "b007" * 4
_START_S = 1000.0
_WALL_NS = 1_795_348_800 * 10**9  # 2026-11-22T12:00:00Z, at the start of the virtual time
_PATIENCE_S = 100.0


class _Selector(selectors.DefaultSelector):
    """Looks at sockets and threads without waiting, unless a thread works; then lets the virtual time jump."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = _START_S
        self.at_work = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = super().select(0)
        if events or timeout == 0:
            return events
        if self.at_work or timeout is None:
            events = super().select(_PATIENCE_S)
            assert events, "everything waits for ever"
            return events
        self.now_s += timeout
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop on virtual time; work in threads takes none of it."""

    def __init__(self) -> None:
        self._virtual = _Selector()
        super().__init__(self._virtual)
        self._clock_resolution = 1e-9

    def time(self) -> float:
        return self._virtual.now_s

    def run_in_executor(self, executor: Executor | None, func: Callable[..., T], *args: object) -> asyncio.Future[T]:
        future = super().run_in_executor(executor, func, *args)
        self.began()
        future.add_done_callback(lambda _future: self.ended())
        return future

    def call_soon_threadsafe(  # type: ignore[override]  # the outbox's thread gives no context
        self,
        callback: Callable[..., object],
        *args: Any,  # noqa: ANN401 - as its parent
    ) -> asyncio.Handle:
        if callback is not hand.settle:
            return super().call_soon_threadsafe(callback, *args)

        def settle_and_end() -> None:
            callback(*args)
            self.ended()

        return super().call_soon_threadsafe(settle_and_end)

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:  # noqa: ASYNC109 - its parent's
        """Wait for its threads: from Python 3.12 on a loop gives them 300 s, which pass at once here."""
        del timeout
        await super().shutdown_default_executor()

    def hold(self, seconds: float) -> None:
        """Let time pass while nothing else may run."""
        self._virtual.now_s += seconds

    def began(self) -> None:
        """A thread has something to do."""
        self._virtual.at_work += 1

    def ended(self) -> None:
        """It is done."""
        self._virtual.at_work -= 1


_do = Hand.do


async def _do_seen(own: Hand, work: Callable[[], T]) -> T:
    """Let the loop know that the outbox's thread works; it hears the end of it from the thread."""
    loop = asyncio.get_running_loop()
    if isinstance(loop, VirtualLoop):
        loop.began()
    return await _do(own, work)


Hand.do = _do_seen  # type: ignore[assignment,method-assign]  # time must not run on while a thread works


def virtual_time(test: Callable[P, Awaitable[T]]) -> Callable[P, T]:
    """Run an asynchronous test on virtual time."""

    @wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        async def main() -> T:
            return await test(*args, **kwargs)

        with asyncio.Runner(debug=True, loop_factory=VirtualLoop) as runner:
            return runner.run(main())

    return run


class LoopClock:
    """A ``Clock`` that follows the running loop's time; its wall clock can be wrong."""

    def __init__(self, state: ClockState = ClockState.SYNCED, wall_ns: int = _WALL_NS) -> None:
        self._loop = asyncio.get_running_loop()
        self.state = state
        self.wall_ns = wall_ns
        self.boot = BOOT

    def monotonic_s(self) -> float:
        return self._loop.time()

    def stamp(self) -> Stamp:
        monotonic_ns = round(self.monotonic_s() * 1e9)
        return Stamp(self.boot, monotonic_ns, self.wall_ns + monotonic_ns - round(_START_S * 1e9), self.state)

    def now(self) -> Any:  # noqa: ANN401 - a datetime
        return from_ns(self.stamp().wall_ns)

    def moment(self) -> Moment:
        return Moment(self.monotonic_s(), None)


class HandClock:
    """A ``Clock`` that stands still until it is moved; for what is not asynchronous."""

    def __init__(self, state: ClockState = ClockState.SYNCED, wall_ns: int = _WALL_NS) -> None:
        self.state = state
        self.wall_ns = wall_ns
        self.at_s = _START_S

    def later(self, seconds: float) -> None:
        self.at_s += seconds
        self.wall_ns += round(seconds * 1e9)

    def monotonic_s(self) -> float:
        return self.at_s

    def stamp(self) -> Stamp:
        return Stamp(BOOT, round(self.at_s * 1e9), self.wall_ns, self.state)

    def now(self) -> Any:  # noqa: ANN401 - a datetime
        return from_ns(self.wall_ns)

    def moment(self) -> Moment:
        return Moment(self.at_s, None)


def hold(seconds: float) -> None:
    """Compute for so long, on the running loop, with nobody else getting a turn."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    loop.hold(seconds)


async def settle(rounds: int = 20) -> None:
    """Let everything run that can, without letting time pass."""
    for _ in range(rounds):
        await asyncio.sleep(0)
