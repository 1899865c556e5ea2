"""The outbox's thread: in order, one at a time, and to the end, whoever waits."""

import asyncio
import threading

import pytest

from hub_agent.outbox.hand import Hand


async def test_work_is_done_on_the_thread_in_the_order_asked() -> None:
    hand, seen = Hand("hand"), list[tuple[int, str]]()

    def note(number: int) -> int:
        seen.append((number, threading.current_thread().name))
        return number

    async with asyncio.TaskGroup() as tasks:
        asked = [tasks.create_task(hand.do(lambda number=number: note(number))) for number in range(50)]  # type: ignore[misc]
    assert [task.result() for task in asked] == list(range(50))
    assert seen == [(number, "hand") for number in range(50)]
    hand.end()


async def test_an_error_belongs_to_whoever_asked() -> None:
    hand = Hand("hand")
    with pytest.raises(ZeroDivisionError):
        await hand.do(lambda: 1 // 0)
    assert await hand.do(lambda: 7) == 7
    hand.end()


async def test_what_was_asked_for_is_done_even_if_nobody_waits_any_more() -> None:
    hand, go, done = Hand("hand"), threading.Event(), list[int]()

    def late() -> None:
        go.wait(10)
        done.append(1)

    waiting = asyncio.get_running_loop().create_task(hand.do(late))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    go.set()
    assert await hand.do(lambda: len(done)) == 1
    hand.end()


async def test_the_end_comes_after_what_was_asked_before() -> None:
    hand, done = Hand("hand"), list[int]()
    asking = asyncio.get_running_loop().create_task(hand.do(lambda: done.append(1)))
    await asyncio.sleep(0)
    hand.end()
    assert done == [1]
    await asking


def test_a_loop_that_is_gone_keeps_nobody_from_ending() -> None:
    hand, go = Hand("hand"), threading.Event()

    async def leave() -> None:
        abandoned = asyncio.get_running_loop().create_task(hand.do(lambda: go.wait(10)))
        await asyncio.sleep(0)
        abandoned.cancel()

    asyncio.run(leave())
    go.set()
    hand.end()
