"""Intake: durable before told, once, and alarms whatever happens."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub_agent.alarms.device_watch import Cadence
from hub_agent.errors import FullError, StorageError
from hub_agent.intake import STATE
from hub_agent.model import DeviceTime, Reading, ReadingClass, ReceivedReading
from hub_agent.outbox.store import Change, Gone, Store, class_of
from hub_agent.wire import Event
from tests.rooms import Crammed, Room, a_room, limit, open_outbox, pressure, spo2
from tests.virtual import LoopClock, settle, virtual_time

_AT = DeviceTime(datetime(2026, 11, 22, 7, 30))  # noqa: DTZ001 - a device's own time


@asynccontextmanager
async def _running(room: Room) -> AsyncIterator[asyncio.Task[None]]:
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(room.intake.run())
        await settle()
        yield task
        task.cancel()


@virtual_time
async def test_a_continuous_reading_is_taken_at_once_and_committed_within_its_window(tmp_path: Path) -> None:
    async with a_room(tmp_path / "o.db", LoopClock()) as room, _running(room):
        began_s = room.clock.monotonic_s()
        for _ in range(5):
            assert await room.take(spo2(97))
        assert room.clock.monotonic_s() == began_s
        assert room.offered == []
        await room.given.wait()
        assert room.clock.monotonic_s() == pytest.approx(began_s + 1.0)
        (batch,) = room.offered[0]
        assert (class_of(batch.key), batch.items) == (ReadingClass.CONTINUOUS, 5)
        assert room.intake.counts.stored == 5


@virtual_time
async def test_an_episodic_reading_returns_only_when_it_is_durable(tmp_path: Path) -> None:
    path = tmp_path / "o.db"
    async with a_room(path, LoopClock()) as room, _running(room):
        before_s = room.clock.monotonic_s()
        assert await room.take(pressure(120))
        assert room.clock.monotonic_s() == before_s  # no window to wait for
        second = Store(path, bytes(16))
        assert second.tally()[ReadingClass.EPISODIC].items == 1
        second.close()


@virtual_time
async def test_a_stored_continuous_reading_is_durable_too(tmp_path: Path) -> None:
    async with a_room(tmp_path / "o.db", LoopClock()) as room, _running(room):
        assert await room.take(spo2(97)._replace(stored=True, record=1))
        assert room.outbox.tallies[ReadingClass.CONTINUOUS].items == 1


@virtual_time
async def test_nothing_is_told_before_a_commit_that_hangs_is_done(tmp_path: Path) -> None:
    gate = asyncio.Event()
    async with a_room(tmp_path / "o.db", LoopClock()) as room:
        commit = room.outbox.commit

        async def slow(*args: object, **kwargs: object) -> object:
            await gate.wait()
            return await commit(*args, **kwargs)  # type: ignore[arg-type]

        room.outbox.commit = slow  # type: ignore[method-assign, assignment]
        async with _running(room), asyncio.TaskGroup() as tasks:
            first = tasks.create_task(room.take(pressure(120, record=1)))
            await asyncio.sleep(5)
            again = tasks.create_task(room.take(pressure(120, record=1)))
            await asyncio.sleep(5)
            assert not first.done()
            assert not again.done()  # the device may not be told that its first copy is safe
            gate.set()
        assert (first.result(), again.result()) == (True, False)
    assert len(room.offered[0]) == 1


@virtual_time
async def test_a_waiter_that_is_cancelled_cancels_neither_the_commit_nor_the_others(tmp_path: Path) -> None:
    async with a_room(tmp_path / "o.db", LoopClock()) as room, asyncio.TaskGroup() as tasks:
        waiting = [tasks.create_task(room.take(pressure(100 + number), "cuff")) for number in range(3)]
        await settle()
        waiting[1].cancel()
        async with _running(room):
            assert await waiting[0]
            assert await waiting[2]
        assert [str(item.reading.measurements[0].value) for item in room.readings()] == ["100", "101", "102"]


# --- once -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("again", [pressure(120, record=7), pressure(120, measured=_AT)])
def test_a_record_that_comes_again_is_dropped_also_after_a_restart(tmp_path: Path, again: Reading) -> None:
    @virtual_time
    async def life() -> list[bool]:
        async with a_room(tmp_path / "o.db", LoopClock()) as room, _running(room):
            taken = [await room.take(again), await room.take(again)]
            assert room.intake.counts.repeated == taken.count(False)
            return taken

    assert life() == [True, False]
    assert life() == [False, False]


@virtual_time
async def test_what_differs_in_anything_is_no_repetition(tmp_path: Path) -> None:
    async with a_room(tmp_path / "o.db", LoopClock()) as room, _running(room):
        assert await room.take(pressure(120, record=7))
        assert await room.take(pressure(121, record=7))
        assert await room.take(pressure(120, record=8))
        assert await room.take(pressure(120, record=7)._replace(user=2))
        assert await room.take(pressure(120, record=7), "another-cuff")
        assert room.intake.counts.repeated == 0


@virtual_time
async def test_a_stream_that_repeats_nothing_is_not_remembered_reading_by_reading(tmp_path: Path) -> None:
    async with a_room(tmp_path / "o.db", LoopClock()) as room, _running(room):
        same = spo2(97)._replace(measured=DeviceTime(datetime(2026, 1, 1)))  # noqa: DTZ001 - a device's clock
        for _ in range(2):
            assert await room.intake.take("oximeter", same, room.clock.stamp(), repeats=False)
        await room.intake.drain()
        assert [reading.name for reading in room.readings()] == ["", ""]


@virtual_time
async def test_equal_live_readings_are_two_readings(tmp_path: Path) -> None:
    async with a_room(tmp_path / "o.db", LoopClock()) as room, _running(room):
        assert await room.take(pressure(120))
        assert await room.take(pressure(120))
        assert len(room.readings()) == 2


# --- alarms -----------------------------------------------------------------------------------------------------------


@virtual_time
async def test_an_alarm_overtakes_the_window_and_takes_its_reading_with_it(tmp_path: Path) -> None:
    async with a_room(tmp_path / "o.db", LoopClock(), limit(90)) as room, _running(room):
        began_s = room.clock.monotonic_s()
        await room.take(spo2(97))
        await room.take(spo2(83))
        await room.given.wait()
        assert room.clock.monotonic_s() == began_s
        assert [class_of(batch.key) for batch in room.offered[0]] == [ReadingClass.ALARM, ReadingClass.CONTINUOUS]
        assert [event.fields["value"] for event in room.events()] == ["83"]
        assert len(room.readings()) == 2


@virtual_time
async def test_an_alarm_is_announced_once_it_is_durable(tmp_path: Path) -> None:
    async with a_room(tmp_path / "o.db", LoopClock(), limit(90)) as room, _running(room):
        await room.take(spo2(83, cls=ReadingClass.EPISODIC))
        assert room.trail == ["announced", "offered"]
        assert room.outbox.tallies[ReadingClass.ALARM].items == 1


@virtual_time
async def test_time_alone_raises_an_alarm(tmp_path: Path) -> None:
    clock = LoopClock()
    outbox = open_outbox(tmp_path / "o.db", clock)
    room = Room(outbox, clock, devices={"oximeter": Cadence(1.0)})
    async with _running(room):
        await room.take(spo2(97))
        await asyncio.sleep(20)
        assert [event.fields["condition"] for event in room.events()] == ["no_data"]
        assert [event.condition for event in room.announced] == ["no_data"]
    await outbox.close()


@virtual_time
async def test_the_alarm_state_is_in_the_transaction_of_its_reading(tmp_path: Path) -> None:
    async with a_room(tmp_path / "o.db", LoopClock(), limit(90)) as room, _running(room):
        await room.take(spo2(83, cls=ReadingClass.EPISODIC))
        state = await room.outbox.state(STATE)
        assert state is not None
        assert b"oximeter" in state


@virtual_time
async def test_a_judge_with_a_due_that_stays_does_not_stop_the_loop(tmp_path: Path) -> None:
    async with a_room(tmp_path / "o.db", LoopClock()) as room:
        room.book.next_due = lambda: 0  # type: ignore[method-assign]
        async with _running(room):
            assert await room.take(pressure(120))


# --- when the card fails ----------------------------------------------------------------------------------------------


class _Broken(Store):
    """A card that takes nothing more."""

    def apply(self, change: Change) -> list[Gone]:
        if change.rows:
            raise StorageError("the outbox did not take a change: disk full")
        return super().apply(change)


async def _fault(work: Awaitable[object]) -> str:
    with pytest.raises(StorageError) as fault:
        await work
    return str(fault.value)


@virtual_time
async def test_a_failed_commit_sounds_the_alarm_tells_the_waiting_and_ends_intake(tmp_path: Path) -> None:
    async with a_room(tmp_path / "o.db", LoopClock(), limit(90), store=_Broken) as room:
        async with asyncio.TaskGroup() as tasks:
            taking = tasks.create_task(_fault(room.take(spo2(83, cls=ReadingClass.EPISODIC))))
            ended = await _fault(room.intake.run())
        assert "disk full" in ended
        assert "disk full" in taking.result()
        assert len(room.announced) == 1
        assert room.outbox.last_seq == 0
        # The next life must raise the alarm again: no state may say that its event was sent.
        assert await room.outbox.state(STATE) is None


@virtual_time
async def test_where_there_is_no_room_it_waits_for_some_judges_on_and_keeps_the_order(tmp_path: Path) -> None:
    async with a_room(tmp_path / "o.db", LoopClock(), limit(90), store=Crammed) as room:
        store = room.outbox._store
        assert isinstance(store, Crammed)
        async with _running(room), asyncio.TaskGroup() as tasks:
            store.full = True
            told = tasks.create_task(room.take(pressure(120, record=1)))
            for value in (*range(91, 100), 83):
                await room.take(spo2(value))
            await asyncio.sleep(5)
            assert not told.done()
            assert [event.condition for event in room.announced] == ["limit_low"]
            assert room.offered == []
            assert room.intake.waits_for_room()
            assert await room.outbox.state(STATE) is None
            store.full = False
            await asyncio.sleep(1.1)
            assert told.done()
            assert not room.intake.waits_for_room()
            values = [int(item.reading.measurements[0].value or 0) for item in room.readings()]
            assert values == [120, *range(91, 100), 83]
            assert len(room.events()) == 1
            assert room.intake.counts.stored == 11
            assert await room.outbox.state(STATE) is not None


@virtual_time
async def test_what_has_waited_for_room_goes_in_batches_that_a_broker_takes(tmp_path: Path) -> None:
    async with a_room(tmp_path / "o.db", LoopClock(), store=Crammed) as room:
        store = room.outbox._store
        assert isinstance(store, Crammed)
        async with _running(room):
            store.full = True
            await room.take(spo2(97))
            await asyncio.sleep(10)
            for _ in range(999):
                await room.take(spo2(97))
            store.full = False
            await asyncio.sleep(2)
            assert [batch.items for (batch,) in room.offered] == [256, 256, 256, 232]


@virtual_time
async def test_what_waits_for_room_at_the_end_is_an_error(tmp_path: Path) -> None:
    async with a_room(tmp_path / "o.db", LoopClock(), store=Crammed) as room:
        store = room.outbox._store
        assert isinstance(store, Crammed)
        await room.take(spo2(97))
        store.full = True
        with pytest.raises(FullError):
            await room.intake.drain()


# --- the end ----------------------------------------------------------------------------------------------------------


@virtual_time
async def test_a_cancelled_intake_commits_what_is_pending(tmp_path: Path) -> None:
    async with a_room(tmp_path / "o.db", LoopClock()) as room:
        async with _running(room):
            await room.take(spo2(97))
            room.intake.note(Event("technical", room.clock.stamp(), {"code": "x"}), ReadingClass.WAVEFORM)
        assert len(room.items()) == 2


@virtual_time
async def test_draining_waits_for_what_is_being_committed_already(tmp_path: Path) -> None:
    gate = asyncio.Event()
    async with a_room(tmp_path / "o.db", LoopClock()) as room:
        commit = room.outbox.commit

        async def slow(*args: object, **kwargs: object) -> object:
            await gate.wait()
            return await commit(*args, **kwargs)  # type: ignore[arg-type]

        room.outbox.commit = slow  # type: ignore[method-assign, assignment]
        async with _running(room), asyncio.TaskGroup() as tasks:
            await room.take(spo2(97))
            await asyncio.sleep(1.5)  # the commit has begun
            drained = tasks.create_task(room.intake.drain())
            await asyncio.sleep(5)
            assert not drained.done()
            gate.set()
        assert len(room.readings()) == 1


@virtual_time
async def test_a_commit_is_finished_though_everything_is_cancelled_around_it(tmp_path: Path) -> None:
    async with a_room(tmp_path / "o.db", LoopClock()) as room:
        async with asyncio.TaskGroup() as tasks:
            before = tasks.create_task(room.outbox.seen(bytes(16)))  # keeps the writer thread busy
            task = tasks.create_task(room.intake.run())
            await room.take(spo2(97))
            room.intake._due_s[ReadingClass.CONTINUOUS] = 0.0
            room.intake._wake.set()
            await settle(6)
            task.cancel()
            before.cancel()
        await room.outbox.seen(bytes(16))
        assert room.outbox.last_seq == 1


@given(
    script=st.lists(
        st.tuples(
            st.sampled_from(["live", "record", "stored", "event", "wait"]),
            st.integers(60, 100),
            st.sampled_from(list(ReadingClass)[1:]),
        ),
        max_size=25,
    )
)
@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
def test_everything_taken_is_offered_exactly_once_and_in_order(
    tmp_path_factory: pytest.TempPathFactory, script: list[tuple[str, int, ReadingClass]]
) -> None:
    @virtual_time
    async def run() -> None:
        path = tmp_path_factory.mktemp("o") / "o.db"
        async with a_room(path, LoopClock(), limit(90)) as room:
            taken: dict[ReadingClass, list[str]] = {cls: [] for cls in ReadingClass}
            async with _running(room):
                for number, (what, value, cls) in enumerate(script):
                    if what == "wait":
                        await asyncio.sleep(value / 50)
                    elif what == "event":
                        room.intake.note(Event("technical", room.clock.stamp(), {"code": str(number)}))
                    else:
                        record = {"live": None, "record": value, "stored": number}[what]
                        reading = spo2(value, cls=cls)._replace(record=record, stored=what == "stored")
                        if await room.take(reading):
                            taken[cls].append(str(value))
                await room.intake.drain()  # as the app does before it ends the others
            offered: dict[ReadingClass, list[str]] = {cls: [] for cls in ReadingClass}
            for item in room.readings():
                offered[item.reading.cls].append(str(item.reading.measurements[0].value))
            for cls in ReadingClass:  # within a batch, readings of one shape stay together
                assert sorted(offered[cls]) == sorted(taken[cls])
            codes = [event.fields["code"] for event in room.events() if event.kind == "technical"]
            assert codes == [str(number) for number, (what, _, _) in enumerate(script) if what == "event"]
            assert room.intake.counts.stored == sum(map(len, taken.values()))
            assert all(isinstance(item, ReceivedReading | Event) for item in room.items())

    run()
