"""The hot path's cost in bytecode instructions: the same on every machine, in any mood.

A budget is what was counted on Python 3.11, whose compiler others do not share; a tenth more is allowed. Who needs more
raises it in the commit that says why; who needs much less lowers it, so that the gain is kept. Time is what
``scripts/bench`` measures.
"""

import asyncio
import gc
import sys
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import FrameType
from typing import Any, Final, Self

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hub_agent import seal, wire
from hub_agent.driver import Chunk, Moment, sig_uuid
from hub_agent.envelope import FIRST_LINK, parse_batch
from hub_agent.model import ReadingClass, ReceivedReading
from hub_agent.noc.rows import rows_of
from hub_agent.opening import Opener
from hub_agent.registry import load_drivers
from hub_agent.simulate import encoders
from scripts.benchlib.readings import DEVICES, history, reading
from tests.noc.ends import NOC_KEY, RECIPIENT
from tests.rooms import a_room
from tests.virtual import HandClock, LoopClock, virtual_time

TOLERANCE: Final = 1.10
counting: Final = pytest.mark.skipif(
    sys.version_info[:2] != (3, 11), reason="the budgets are in instructions of Python 3.11"
)
OWN: Final = str(Path(wire.__file__).parent)
JOURNAL: Final = bytes(16)
IDENTITY: Final = Ed25519PrivateKey.from_private_bytes(bytes(32))
SEALER: Final = seal.Sealer("hub-1", JOURNAL, IDENTITY, [RECIPIENT])
EPOCH: Final = SEALER.open_epoch(0)
SECOND: Final = next(history(HandClock().stamp(), 1))
HUNDRED: Final = [one for rows in history(HandClock().stamp(), 13) for one in rows][:100]


def instructions(work: Callable[[], object]) -> int:
    """Count the bytecode instructions of the second run; the first fills caches."""
    work()
    count = 0

    def trace(frame: FrameType, event: str, _argument: object) -> Any:  # noqa: ANN401 - a trace function
        nonlocal count
        frame.f_trace_lines, frame.f_trace_opcodes = False, True
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    gc.collect()
    gc.disable()  # what other tests left to collect, and who listens to the collector, is none of the work
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
        gc.enable()
    return count


class EveryThread:
    """Counts the hub's own instructions, in this thread and in those that start within."""

    def __init__(self) -> None:
        self.counts = False
        self.count = 0

    def __enter__(self) -> Self:
        self._before = sys.gettrace(), threading.gettrace()
        sys.settrace(self._trace)
        threading.settrace(self._trace)
        return self

    def __exit__(self, *_error: object) -> None:
        here, there = self._before
        sys.settrace(here)
        threading.settrace(there)

    def _trace(self, frame: FrameType, event: str, _argument: object) -> Any:  # noqa: ANN401 - a trace function
        if not self.counts or OWN not in frame.f_code.co_filename:
            return None
        frame.f_trace_lines, frame.f_trace_opcodes = False, True
        self.count += event == "opcode"
        return self._trace


def run_through(coroutine: Coroutine[Any, Any, object]) -> None:
    """Run a coroutine that does not wait."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    coroutine.close()
    pytest.fail("it waits")


def sealed(items: list[ReceivedReading]) -> bytes:
    return SEALER.seal(EPOCH, 1, ReadingClass.CONTINUOUS, len(items), FIRST_LINK, wire.encode(items))


def within(budget: int, counted: int) -> None:
    assert counted <= budget * TOLERANCE, f"{counted} instructions, the budget is {budget}"


@counting
@pytest.mark.parametrize(
    ("driver", "channel", "data", "budget"),
    [
        ("gatt-pulse-oximeter", sig_uuid(0x2A5F), encoders.plx_continuous(97, 70, 2.5), 400),
        ("gatt-heart-rate", sig_uuid(0x2A37), encoders.heart_rate(70, (830, 840)), 301),
    ],
)
def test_decoding_a_notification(driver: str, channel: str, data: bytes, budget: int) -> None:
    session = load_drivers().driver(driver).session({})
    chunk = Chunk(channel, data, Moment(0.0, None))
    within(budget, instructions(lambda: list(session.received(chunk))))


@counting
@virtual_time
async def test_taking_a_reading_in(tmp_path: Path) -> None:
    async with a_room(tmp_path / "o.db", LoopClock()) as room:
        stamp = room.clock.stamp()
        one = reading(97, 70)
        within(224, instructions(lambda: run_through(room.intake.take(DEVICES[0], one, stamp))))


@counting
@virtual_time
async def test_making_one_reading_durable(tmp_path: Path) -> None:
    """From the event loop to the outbox's thread and back; what asyncio itself does is not counted."""
    with EveryThread() as every:
        async with a_room(tmp_path / "o.db", LoopClock()) as room, asyncio.TaskGroup() as tasks:
            running = tasks.create_task(room.intake.run())
            one = reading(97, 70, ReadingClass.EPISODIC)
            for turn in range(3):
                every.counts = turn == 2  # the others fill caches
                await room.intake.take(DEVICES[0], one, room.clock.stamp())
            every.counts = False
            running.cancel()
    within(2405, every.count)


@counting
@pytest.mark.parametrize(("items", "budget"), [(SECOND, 3859), (HUNDRED, 21_947)])
def test_encoding_and_sealing(items: list[ReceivedReading], budget: int) -> None:
    within(budget, instructions(lambda: sealed(items)))


@counting
@pytest.mark.parametrize(("items", "budget"), [(SECOND, 7854), (HUNDRED, 39_962)])
def test_opening_at_the_noc(items: list[ReceivedReading], budget: int) -> None:
    opener, envelope = Opener({RECIPIENT.kid: NOC_KEY}), sealed(items)
    hub_key = IDENTITY.public_key()

    def work() -> None:
        batch = parse_batch(envelope)
        seal.verify_batch(batch, hub_key)
        rows_of(opener.items(batch, EPOCH.record, hub_key))

    within(budget, instructions(work))


@virtual_time
async def test_nothing_piles_up(tmp_path: Path) -> None:
    """What a thousand confirmed seconds leave in memory does not grow with the next thousand."""
    async with a_room(tmp_path / "o.db", LoopClock()) as room:

        async def live(seconds: int) -> int:
            for _ in range(seconds):
                for device in DEVICES:
                    await room.intake.take(device, reading(97, 70), room.clock.stamp())
                await room.intake.drain()
                (batch,) = room.offered.pop()
                room.outbox.sent(batch.key)
                room.outbox.confirm(room.outbox.last_seq, room.outbox.last_seq, [batch])
                room.trail.clear()
                await asyncio.sleep(1.0)
            await room.outbox.settle()
            gc.collect()
            return sys.getallocatedblocks()

        await live(200)
        before = await live(10)
        assert await live(200) - before < 500
