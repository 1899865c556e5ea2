"""An event loop on virtual time, in one thread: whatever is put to work in an executor is done at once.

So the same coroutines run in the same order in every run, and a day passes as fast as its work is done.
"""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from itertools import count
from typing import Any, TypeVar

T = TypeVar("T")

START_S = 1000.0
"""Where virtual time begins, seconds."""
_LEAST_S = 1e-6
"""So long does each turn of the loop take: a clock that stood still would make who waits for it wait for ever."""


class _Idle(selectors.SelectSelector):
    """Nothing ever comes from outside; waiting lets the time jump."""

    now_s = START_S

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        assert timeout is not None, "everything waits for ever"
        self.now_s += max(_LEAST_S, timeout)
        return []


class _Task(asyncio.Task[Any]):
    """A task that is hashed by its number: a group cancels in the order of a set, which is else that of addresses."""

    def __init__(self, number: int, coro: Coroutine[Any, Any, Any], **more: Any) -> None:  # noqa: ANN401 - as it was
        self._number = number
        super().__init__(coro, **more)

    def __hash__(self) -> int:
        return self._number


class SimLoop(asyncio.SelectorEventLoop):
    """An event loop on virtual time."""

    def __init__(self) -> None:
        self._idle = _Idle()
        super().__init__(self._idle)
        self._clock_resolution = _LEAST_S / 10
        numbers = count(1)
        self.set_task_factory(lambda loop, coro, **more: _Task(next(numbers), coro, loop=loop, **more))

    def time(self) -> float:
        """Seconds of virtual time."""
        return self._idle.now_s

    def run_in_executor(self, executor: Executor | None, func: Callable[..., T], *args: object) -> asyncio.Future[T]:
        """Do it now."""
        del executor
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - it is the caller's to look at
            future.set_exception(error)
        return future
