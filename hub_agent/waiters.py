"""Those who wait until what they gave is durable.

Owns: their futures, by class. Never: decides what is durable, or when.
"""

import asyncio
from collections.abc import Iterable, Mapping

from hub_agent.model import ReadingClass

Waiting = Mapping[ReadingClass, list["asyncio.Future[None]"]]
"""Those of one commit; no class without anybody."""


class Waiters:
    """Those who wait for a commit that has not begun."""

    def __init__(self) -> None:
        self._futures: dict[ReadingClass, list[asyncio.Future[None]]] = {}

    def add(self, cls: ReadingClass) -> "asyncio.Future[None]":
        """Wait for the next commit of a class."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._futures.setdefault(cls, []).append(future)
        return future

    def take(self, classes: Iterable[ReadingClass]) -> Waiting:
        """Take those out for whom a commit begins now: settle them, or put them back."""
        futures = self._futures
        return {cls: futures.pop(cls) for cls in classes if cls in futures} if futures else {}

    def put_back(self, waiting: Waiting) -> None:
        """Let them wait for another commit, before whoever has come meanwhile."""
        for cls, futures in waiting.items():
            self._futures[cls] = futures + self._futures.get(cls, [])


def settle(waiting: Waiting, error: Exception | None = None) -> None:
    """Tell them that it is durable, or why not; some may have been cancelled."""
    for futures in waiting.values():
        for future in futures:
            if not future.done():
                future.set_result(None) if error is None else future.set_exception(error)
