"""The outbox's thread: what touches the file is done here, in order, while the event loop goes on.

Owns: the thread, and the way there and back. Never: knows what is done.

An executor would do the same, but costs 40 of the 265 µs of CPU that a commit then takes (``docs/performance.md``).
"""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")

_Task = tuple[Callable[[], Any], asyncio.AbstractEventLoop, "asyncio.Future[Any]"]


class Hand:
    """One thread that does one thing after the other.

    Args:
        name: of the thread.
    """

    def __init__(self, name: str) -> None:
        self._tasks: SimpleQueue[_Task | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    async def do(self, work: Callable[[], T]) -> T:
        """Do something and give what it returns or raises; it is done even if whoever asked stops waiting."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._tasks.put((work, loop, future))
        return await future

    def end(self) -> None:
        """Finish what was asked for, and end the thread."""
        self._tasks.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            work, loop, future = task
            result = error = None
            try:
                result = work()
            except BaseException as raised:  # noqa: BLE001 - whatever it is, it belongs to whoever asked
                error = raised
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(settle, future, result, error)
            del task, work, future, result, error  # or they would live until the next task


def settle(future: "asyncio.Future[Any]", result: object, error: BaseException | None) -> None:
    """Tell who waits, on the event loop; who was cancelled does not."""
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)
