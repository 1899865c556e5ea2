"""The runner: a session's actions in order, and a driver's faults kept to its own device."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import repeat
from pathlib import Path

import pytest

from hub_agent.devices.mark import Mark
from hub_agent.devices.runner import ACTIONS_MAX, REJECTED_KEPT, REJECTED_PER_MINUTE, Outlet, Runner
from hub_agent.driver import (
    SERIAL,
    Action,
    BleLink,
    Chunk,
    Driver,
    Emit,
    Finished,
    Match,
    Moment,
    Read,
    Rejected,
    SerialLink,
    Wait,
    Warn,
    Write,
)
from hub_agent.errors import ConfigError, DriverError, LinkError, StuckDriverError
from hub_agent.model import Measurement, Reading, ReadingClass, Stamp
from hub_agent.nomenclature import BATTERY, PULSE_RATE_OXIMETER, SPO2
from hub_agent.supervise import keep_running
from tests.rooms import spo2
from tests.virtual import LoopClock, hold, settle, virtual_time

_PULSE = Reading(ReadingClass.CONTINUOUS, (Measurement(PULSE_RATE_OXIMETER, "/min", Decimal(61)),))
_READING = Reading(ReadingClass.CONTINUOUS, (Measurement(SPO2, "%", Decimal(97)),))
_ONE_CHANNEL = "00002a5f-0000-1000-8000-00805f9b34fb"

Answer = Callable[[Chunk], Iterable[Action]]


class _Session:
    """A session whose every answer a test decides."""

    def __init__(
        self,
        received: Answer = lambda _chunk: (),
        opened: Iterable[Action] = (),
        silent: Callable[[Moment], Iterable[Action]] = lambda _moment: (),
    ) -> None:
        self._received, self._opened, self._silent = received, opened, silent

    def opened(self, moment: Moment) -> Iterable[Action]:
        del moment
        return self._opened

    def received(self, chunk: Chunk) -> Iterable[Action]:
        return self._received(chunk)

    def silent(self, moment: Moment) -> Iterable[Action]:
        return self._silent(moment)

    def command(self, name: str, moment: Moment) -> Iterable[Action]:
        del name, moment
        return ()


def _driver(session: Callable[[], _Session], link: SerialLink | BleLink | None = None) -> Driver:
    return Driver("test", "test", link or SerialLink(9600), frozenset({SPO2, BATTERY}), lambda _options: session())


@dataclass
class _Device:
    """A connection (and its connector) on which a test is the device. ``trail`` is what happened on it, in order."""

    clock: LoopClock
    chunks: asyncio.Queue[Chunk | Exception] = field(default_factory=asyncio.Queue)
    trail: list[object] = field(default_factory=list)
    refusal: Exception | None = None

    @asynccontextmanager
    async def connect(self) -> AsyncIterator["_Device"]:
        if self.refusal is not None:
            raise self.refusal
        self.trail.append("connected")
        try:
            yield self
        finally:
            self.trail.append("closed")

    async def subscribe(self) -> None:
        self.trail.append("subscribed")

    def waiting(self) -> bool:
        return not self.chunks.empty()

    async def receive(self) -> Chunk:
        chunk = await self.chunks.get()
        if isinstance(chunk, Exception):
            raise chunk
        return chunk

    async def write(self, channel: str, data: bytes, *, response: bool) -> None:
        self.trail.append((channel, data, response))

    async def read(self, channel: str) -> None:
        self.trail.append(channel)

    def rssi_dbm(self) -> int | None:
        return -60

    def say(self, data: bytes = b"x") -> None:
        self.chunks.put_nowait(Chunk(SERIAL, data, self.clock.moment()))

    def gone(self) -> None:
        self.chunks.put_nowait(LinkError("unplugged"))


@dataclass
class _Bench:
    """A runner with its device and what came out of it."""

    driver: Driver
    name: str = "oximeter"
    mark: Mark | None = None
    durable: asyncio.Event = field(default_factory=asyncio.Event)
    taken: list[tuple[Reading, Stamp]] = field(default_factory=list)
    rejected: list[tuple[str, bytes]] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    links: list[tuple[bool, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.clock = LoopClock()
        self.device = _Device(self.clock)
        self.durable.set()
        outlet = Outlet(
            self._take,
            lambda _device, reason, data: self.rejected.append((reason, data)),
            lambda _device, code: self.events.append(code),
            lambda _device, up, why: self.links.append((up, why)),
        )
        self.runner = Runner(self.name, self.driver, {}, self.device, self.clock, outlet, self.mark)

    async def _take(self, _device: str, reading: Reading, stamp: Stamp) -> bool:
        await self.durable.wait()
        self.taken.append((reading, stamp))
        self.device.trail.append("durable")
        return True

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(self.runner.run())
            await settle()
            yield
            task.cancel()

    async def fault(self, kind: type[Exception]) -> str:
        with pytest.raises(kind) as found:
            await self.runner.run()
        return str(found.value)


def _bench(received: Answer = lambda _chunk: (), **session: object) -> _Bench:
    return _Bench(_driver(lambda: _Session(received, **session)))  # type: ignore[arg-type]


# --- order ------------------------------------------------------------------------------------------------------------


@virtual_time
async def test_a_device_is_told_received_only_after_its_reading_is_durable() -> None:
    bench = _bench(lambda _chunk: [Emit(_READING), Write(SERIAL, b"ack")])
    bench.durable.clear()
    async with bench.running():
        bench.device.say()
        await asyncio.sleep(60)
        assert bench.device.trail == ["connected", "subscribed"]
        bench.durable.set()
        await settle()
        assert bench.device.trail == ["connected", "subscribed", "durable", (SERIAL, b"ack", True)]


@virtual_time
async def test_actions_are_performed_in_their_order() -> None:
    bench = _bench(opened=[Write(SERIAL, b"1", response=False), Read("serial"), Warn("odd"), Write(SERIAL, b"2")])
    async with bench.running():
        assert bench.device.trail[2:] == [(SERIAL, b"1", False), "serial", (SERIAL, b"2", True)]
        assert bench.events == ["odd"]
        assert bench.runner.state.warnings == {"odd": 1}


@virtual_time
async def test_a_driver_that_must_write_before_it_subscribes_does_so() -> None:
    link = BleLink((_ONE_CHANNEL,), Match(), open_before_subscribe=True, subscribe_gap_s=2.0)
    bench = _Bench(_driver(lambda: _Session(opened=[Write(_ONE_CHANNEL, b"time")]), link))
    async with bench.running():
        assert bench.device.trail == ["connected", (_ONE_CHANNEL, b"time", True)]
        await asyncio.sleep(2.1)
        assert bench.device.trail[2:] == ["subscribed"]


@virtual_time
async def test_a_finished_session_closes_the_link_and_is_no_failure() -> None:
    bench = _bench(lambda _chunk: [Emit(_READING), Finished(), Emit(_READING)])
    bench.device.say()
    await bench.runner.run()
    assert bench.device.trail == ["connected", "subscribed", "durable", "closed"]
    assert bench.links == [(True, ""), (False, "finished")]
    assert (bench.runner.state.state, bench.runner.state.drops) == ("waiting", 0)


# --- silence ----------------------------------------------------------------------------------------------------------


def _listener(received: Answer, opened: Iterable[Action]) -> tuple[_Bench, list[float]]:
    """A bench whose session notes when it is told of silence."""
    told: list[float] = []

    def silent(moment: Moment) -> Iterable[Action]:
        told.append(moment.monotonic_s)
        return ()

    return _bench(received, opened=opened, silent=silent), told


@virtual_time
async def test_silence_is_told_once_and_a_later_wait_replaces_an_earlier_one() -> None:
    bench, told = _listener(lambda _chunk: [Wait(10.0)], [Wait(3.0)])
    began_s = bench.clock.monotonic_s()
    async with bench.running():
        await asyncio.sleep(2)
        bench.device.say()  # replaces the three seconds by ten from now
        await asyncio.sleep(60)
    assert [at_s - began_s for at_s in told] == [12.0]


@virtual_time
async def test_whatever_is_received_begins_the_silence_anew() -> None:
    bench, told = _listener(lambda _chunk: (), [Wait(3.0)])
    began_s = bench.clock.monotonic_s()
    async with bench.running():
        for _ in range(20):
            await asyncio.sleep(2)
            bench.device.say()
        await asyncio.sleep(60)
    assert [at_s - began_s for at_s in told] == [43.0]


@virtual_time
async def test_a_slow_card_is_no_silence() -> None:
    bench, told = _listener(lambda _chunk: [Emit(_READING)], [Wait(3.0)])
    async with bench.running():
        bench.durable.clear()
        for _ in range(10):
            bench.device.say()
            await asyncio.sleep(1)
        bench.durable.set()
        await settle(100)
        assert len(bench.taken) == 10
        assert told == []


@virtual_time
async def test_without_a_wait_silence_is_never_told() -> None:
    bench, told = _listener(lambda _chunk: (), [])
    async with bench.running():
        await asyncio.sleep(10_000)
    assert told == []


# --- stamps -----------------------------------------------------------------------------------------------------------


@virtual_time
async def test_a_reading_is_stamped_with_the_arrival_of_its_last_byte() -> None:
    bench = _bench(lambda _chunk: [Emit(_READING), Emit(_READING)])
    async with bench.running():
        at = bench.clock.stamp()
        bench.device.say()
        bench.durable.clear()
        await asyncio.sleep(7)  # the card is slow
        bench.durable.set()
        await settle()
    assert [stamp for _, stamp in bench.taken] == [at, at]


# --- what is counted --------------------------------------------------------------------------------------------------


@virtual_time
async def test_rejected_frames_are_all_counted_and_a_few_of_them_kept_cut_short() -> None:
    bench = _bench(lambda chunk: [Rejected("no frame", chunk.data)])
    async with bench.running():
        for _ in range(100):
            bench.device.say(b"\xff" * 1000)
        await settle(300)
        assert bench.runner.state.rejected == 100
        assert bench.rejected == [("no frame", b"\xff" * REJECTED_KEPT)] * REJECTED_PER_MINUTE
        await asyncio.sleep(61)
        bench.device.say(b"late")
        await settle()
        assert bench.rejected[-1] == ("no frame", b"late")


@virtual_time
async def test_the_state_says_what_is_known_of_the_link() -> None:
    battery = Reading(ReadingClass.EPISODIC, (Measurement(BATTERY, "%", Decimal(34)),))
    said = iter((battery, _READING))
    bench = _bench(lambda _chunk: [Emit(next(said))])
    async with bench.running():
        bench.device.say()
        await settle()
        state = bench.runner.state
        assert (state.state, state.readings, state.connections) == ("connected", 1, 1)
        assert (state.battery_percent, state.rssi_dbm) == (34, -60)
        assert state.last_reading_s is None  # a battery's level does not tell that it measures
        bench.device.say()
        await settle()
        assert state.last_reading_s == bench.clock.monotonic_s()


@virtual_time
async def test_a_lost_link_is_told_with_its_reason() -> None:
    bench = _bench()
    bench.device.gone()
    assert "unplugged" in await bench.fault(LinkError)
    assert bench.links == [(True, ""), (False, "unplugged")]
    assert bench.runner.state.drops == 1
    assert (bench.runner.state.state, bench.runner.state.why) == ("waiting", "unplugged")


@virtual_time
async def test_a_connection_that_never_was_is_no_loss() -> None:
    bench = _bench()
    bench.device.refusal = LinkError("in use")
    await bench.fault(LinkError)
    assert bench.links == []
    assert (bench.runner.state.why, bench.runner.state.drops) == ("in use", 0)


@virtual_time
async def test_a_bug_in_a_link_leaves_no_device_connected() -> None:
    bench = _bench()
    bench.device.chunks.put_nowait(KeyError("F0:0D:CA:FE:00:01"))
    await bench.fault(KeyError)
    assert bench.links == [(True, ""), (False, "KeyError")]
    assert bench.runner.state.state == "waiting"


# --- drivers that break their contract --------------------------------------------------------------------------------


def _raises(_chunk: Chunk) -> Iterable[Action]:
    raise ZeroDivisionError("value 83")


def _exits(_chunk: Chunk) -> Iterable[Action]:
    sys.exit("value 83")


def _cancels(_chunk: Chunk) -> Iterable[Action]:
    raise asyncio.CancelledError


def _raises_half_way(_chunk: Chunk) -> Iterator[Action]:
    yield Emit(_READING)
    raise ValueError("value 83")


def _endless(_chunk: Chunk) -> Iterable[Action]:
    return repeat(Wait(1.0))


def _none(_chunk: Chunk) -> Iterable[Action]:
    return None  # type: ignore[return-value]  # what a forgotten return gives


def _alarm(_chunk: Chunk) -> Sequence[Action]:
    return [Emit(_READING._replace(cls=ReadingClass.ALARM))]


def _undeclared(_chunk: Chunk) -> Sequence[Action]:
    return [Emit(_PULSE)]


def _nan(_chunk: Chunk) -> Sequence[Action]:
    return [Emit(spo2("NaN")._replace(measurements=(Measurement(SPO2, "%", Decimal("NaN")),)))]


_FAULTS = [_raises, _exits, _cancels, _raises_half_way, _endless, _none, _alarm, _undeclared, _nan]


@pytest.mark.parametrize("fault", _FAULTS)
def test_a_driver_that_breaks_its_contract_is_named_without_a_value(fault: Answer) -> None:
    @virtual_time
    async def run() -> None:
        bench = _bench(fault)
        bench.device.say()
        text = await bench.fault(DriverError)
        assert "driver 'test'" in text
        assert "83" not in text
        assert bench.taken == []
        assert bench.links[-1][0] is False

    run()


def test_the_bound_on_actions_is_above_what_a_full_serial_buffer_can_hold() -> None:
    assert ACTIONS_MAX > 64 * 1024


@virtual_time
async def test_an_option_that_the_driver_cannot_use_keeps_its_hint() -> None:
    def session() -> _Session:
        raise ConfigError("option 'model'", hint="one of a, b")

    assert "one of a, b" in await _Bench(_driver(session)).fault(ConfigError)


@pytest.mark.parametrize("fault", _FAULTS)
def test_it_parks_itself_alone(fault: Answer) -> None:
    @virtual_time
    async def run() -> None:
        ill, well = _bench(fault), _bench(lambda _chunk: [Emit(_READING)])
        async with asyncio.TaskGroup() as tasks:
            parked = tasks.create_task(keep_running("ill", ill.runner.run, clock=ill.clock))
            other = tasks.create_task(keep_running("well", well.runner.run, clock=well.clock))
            for _ in range(20):
                ill.device.say()
                well.device.say()
                await asyncio.sleep(1)
            assert parked.done()
            assert len(well.taken) == 20
            other.cancel()

    run()


# --- a driver that takes everybody's time -----------------------------------------------------------------------------


def _slow(took_s: float) -> _Bench:
    def received(_chunk: Chunk) -> Iterable[Action]:
        hold(took_s)
        yield Emit(_READING)

    return _bench(received)


@virtual_time
async def test_a_driver_that_computes_too_long_again_and_again_is_parked_and_what_it_gave_is_kept() -> None:
    bench = _slow(0.5)
    clock = bench.clock
    for number in range(1000):
        asyncio.get_running_loop().call_later(number, bench.device.say)
    began_s = clock.monotonic_s()
    assert "computes too long" in await bench.fault(StuckDriverError)
    assert clock.monotonic_s() - began_s == pytest.approx(24.5)  # 0.5 s each second, of which a tenth is forgiven
    assert len(bench.taken) == 25
    assert bench.runner.state.warnings == {"driver_slow": 25}
    assert bench.events == ["driver_slow"]  # not 25 of them


@virtual_time
async def test_one_that_was_slow_once_goes_on() -> None:
    bench = _slow(15.0)
    async with bench.running():
        for _ in range(3):
            bench.device.say()
            await asyncio.sleep(600)
        assert len(bench.taken) == 3
    assert bench.events == ["driver_slow"] * 3


@virtual_time
async def test_an_account_is_kept_over_connections() -> None:
    bench = _slow(2.0)
    for _ in range(5):
        bench.device.say()
        bench.device.gone()
        await bench.fault(LinkError)
    bench.device.say()
    await bench.fault(StuckDriverError)


@virtual_time
async def test_who_is_at_work_is_noted_while_he_is_and_only_then(tmp_path: Path) -> None:
    seen: list[str] = []

    def note() -> None:
        seen.append(Mark(tmp_path / "mark").left)

    def received(_chunk: Chunk) -> Iterable[Action]:
        note()
        yield Emit(_READING)  # not yet performed: the runner asks for all actions first
        note()
        raise ZeroDivisionError

    def make() -> _Session:
        note()
        return _Session(received)

    bench = _Bench(_driver(make), mark=Mark(tmp_path / "mark"))
    bench.device.say()
    await bench.fault(DriverError)
    note()
    assert seen == ["oximeter", "oximeter", "oximeter", ""]
