"""The devices of a hub: which are run, which are left alone, and what is said of it."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from hub_agent.alarms.device_watch import Cadence
from hub_agent.config import Device
from hub_agent.deaths import Deaths
from hub_agent.devices.link import Connector
from hub_agent.devices.mark import Mark, tag_of
from hub_agent.driver import SERIAL, Action, Chunk, DecodeOnly, Driver, Emit, SerialLink
from hub_agent.errors import ConfigError
from hub_agent.gaps import Expected, Gaps
from hub_agent.model import Measurement, Reading, ReadingClass
from hub_agent.nomenclature import BATTERY, SPO2
from hub_agent.registry import Registry
from hub_agent.reporter import Reporter
from hub_agent.sources import Sources
from tests.rooms import Room, open_outbox
from tests.test_intake import _running
from tests.virtual import LoopClock, hold, virtual_time


class _Slow(DecodeOnly):
    """A session that holds everybody up."""

    def received(self, chunk: Chunk) -> list[Action]:
        del chunk
        hold(8.0)
        return []


def _driver(name: str, session: type[DecodeOnly]) -> Driver:
    return Driver(name, name, SerialLink(9600), frozenset({SPO2, BATTERY}), lambda _options: session({}))


class _Half(DecodeOnly):
    """A session of a device whose sensor is off for a while: it tells its battery, and the saturation now and then."""

    def received(self, chunk: Chunk) -> list[Action]:
        off = 5 <= chunk.moment.monotonic_s % 60 < 55
        return [Emit(Reading(ReadingClass.CONTINUOUS, (Measurement(BATTERY if off else SPO2, "%", Decimal(80)),)))]


_REGISTRY = Registry(
    {"good": _driver("good", DecodeOnly), "slow": _driver("slow", _Slow), "half": _driver("half", _Half)}
)
_CUFF = Device(name="cuff", driver="slow", port=Path("/dev/ttyS1"))
_OXIMETER = Device(name="oximeter", driver="good", port=Path("/dev/ttyS2"))


@dataclass
class _Line:
    """A serial line on which something comes all the time; its own connector and connection."""

    clock: LoopClock
    pause_s: float

    @asynccontextmanager
    async def connect(self) -> AsyncIterator["_Line"]:
        yield self

    async def subscribe(self) -> None:
        return

    def waiting(self) -> bool:
        return False

    async def receive(self) -> Chunk:
        await asyncio.sleep(self.pause_s)
        return Chunk(SERIAL, b"x", self.clock.moment())

    async def write(self, channel: str, data: bytes, *, response: bool) -> None:
        raise AssertionError(channel, data, response)

    async def read(self, channel: str) -> None:
        raise AssertionError(channel)

    def rssi_dbm(self) -> int | None:
        return None


@dataclass
class _Ways:
    clock: LoopClock

    def connector(self, device: Device, driver: Driver) -> Connector:
        if device.port is None:
            raise ConfigError(f"{driver.name} needs a port")
        return _Line(self.clock, pause_s=1.0 if driver.name == "half" else 0.0)

    async def run(self) -> None:
        return


@dataclass
class _Life:
    """One life of a hub's process: its sources, and what they told."""

    room: Room
    reporter: Reporter
    sources: Sources
    deaths: Deaths
    ways: _Ways

    async def told(self, code: str) -> list[dict[str, Any]]:
        """The technical events of a code, once they are durable."""
        await self.room.intake.keep_state()
        return [dict(event.fields) for event in self.room.events() if event.fields.get("code") == code]

    def alarms(self) -> list[tuple[str, str]]:
        return [(alarm.condition.code, alarm.condition.device) for alarm in self.room.book.alarms()]


@asynccontextmanager
async def _life(here: Path, devices: Iterable[Device] = (_CUFF, _OXIMETER)) -> AsyncIterator[_Life]:
    clock = LoopClock()
    outbox = open_outbox(here / "o.db", clock)
    try:
        names = {device.name: device.driver for device in devices}
        room = Room(outbox, clock, devices={name: Cadence(None, 3.0) for name in names})
        deaths = Deaths(outbox, Mark(here / "mark"), clock, names)
        reporter = Reporter(room.book, Gaps({"oximeter": Expected(10.0, "unplugged")}, clock.stamp()), clock)
        reporter.taker = room.intake
        await deaths.restore()
        async with _running(room):
            sources = Sources(_REGISTRY, clock, reporter, room.intake.take, deaths)
            yield _Life(room, reporter, sources, deaths, _Ways(clock))
    finally:
        await outbox.close()


def _die(here: Path, device: str) -> None:
    Mark(here / "mark").note(tag_of(device))


@virtual_time
async def test_a_device_that_cannot_be_run_is_parked_and_said_so(tmp_path: Path) -> None:
    lost = Device(name="lost", driver="none-such", port=Path("/dev/ttyS3"))
    async with _life(tmp_path, (lost, _OXIMETER)) as life:
        assert life.sources.runner(lost, life.ways) is None
        assert life.sources.runner(_OXIMETER, life.ways) is not None
        assert {name: state.state for name, state in life.sources.states.items()} == {
            "lost": "parked",
            "oximeter": "waiting",
        }
        (event,) = await life.told("device_parked")
        assert "no driver is called" in event["why"]
        assert (await life.told("driver_stuck"), life.alarms()) == ([], [("device_parked", "lost")])
        found = lost.model_copy(update={"driver": "good"})
        assert life.sources.runner(found, life.ways) is not None
        assert life.alarms() == []


@virtual_time
async def test_the_device_that_killed_twice_is_left_alone_and_that_is_an_alarm(tmp_path: Path) -> None:
    _die(tmp_path, "cuff")
    async with _life(tmp_path) as life:
        assert life.sources.runner(_CUFF, life.ways) is not None  # once more
        assert life.sources.runner(_OXIMETER, life.ways) is not None
        assert await life.told("driver_stuck") == [
            {"code": "driver_stuck", "device": "cuff", "deaths": 1, "parked": False}
        ]
        assert life.alarms() == []
    _die(tmp_path, "cuff")
    async with _life(tmp_path) as life:
        assert life.sources.runner(_CUFF, life.ways) is None
        assert life.sources.runner(_OXIMETER, life.ways) is not None
        assert "died 2 times" in life.sources.states["cuff"].why
        assert await life.told("driver_stuck") == [
            {"code": "driver_stuck", "device": "cuff", "deaths": 2, "parked": True}
        ]
        assert len(await life.told("device_parked")) == 1
        assert life.alarms() == [("driver_stuck", "cuff")]
        await life.deaths.forgive()
    async with _life(tmp_path) as life:
        life.room.intake.raise_now(
            life.room.book.technical("driver_stuck", "cuff", life.room.clock.stamp(), active=True)
        )
        assert life.sources.runner(_CUFF, life.ways) is not None
        assert life.alarms() == []  # what an earlier life raised is over with the parking
        assert await life.told("driver_stuck") == []


@virtual_time
async def test_a_driver_that_holds_the_hub_up_is_parked_while_it_runs(tmp_path: Path) -> None:
    async with _life(tmp_path) as life:
        runner = life.sources.runner(_CUFF, life.ways)
        assert runner is not None
        await life.sources.keep(runner)
        state = life.sources.states["cuff"]
        assert (state.state, state.warnings) == ("parked", {"driver_slow": 2})
        assert await life.told("driver_stuck") == [
            {"code": "driver_stuck", "device": "cuff", "deaths": 0, "parked": True}
        ]
        assert life.alarms() == [("driver_stuck", "cuff")]


@virtual_time
async def test_a_battery_s_level_ends_no_gap(tmp_path: Path) -> None:
    async with _life(tmp_path) as life:
        runner = life.sources.runner(_OXIMETER.model_copy(update={"driver": "half"}), life.ways)
        assert runner is not None
        clock = life.room.clock
        began_s = clock.monotonic_s()
        async with asyncio.TaskGroup() as tasks:
            device = tasks.create_task(life.sources.keep(runner))
            while clock.monotonic_s() - began_s < 120:
                await asyncio.sleep(1.0)
                life.reporter.turn(clock.stamp())
            device.cancel()
        await life.room.intake.keep_state()
        gaps = [event.fields for event in life.room.events() if event.kind == "gap"]
        lengths_s = [(gap["to"][1] - gap["from"][1]) / 1000 for gap in gaps if gap["to"] is not None]
        assert max(lengths_s) == pytest.approx(
            51, abs=1
        )  # from the last saturation to the next, not to a battery's level
