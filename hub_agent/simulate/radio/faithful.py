"""Cancellation that survives Bumble.

Owns: one function. Never: knows the radio.

Bumble waits with ``asyncio.wait_for``, which in Python 3.11 returns the result and forgets the cancellation when both
come in the same turn of the loop (python/cpython issue 86296, fixed in 3.12). A task so spared would never end.
"""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


async def faithful(awaitable: Awaitable[T]) -> T:
    """Await something of Bumble's; a cancellation that came meanwhile is raised even if it was swallowed."""
    task = asyncio.current_task()
    before = 0 if task is None else task.cancelling()
    result = await awaitable
    if task is not None and task.cancelling() > before:
        raise asyncio.CancelledError
    return result
