"""The connector against virtual devices: the whole serial path, from a firmware to a chunk, in virtual time."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from itertools import count
from pathlib import Path

import pytest

from hub_agent.clock import SystemClock
from hub_agent.devices.ports import PortMatch
from hub_agent.devices.serial_port import Limits, SerialConnection, SerialConnector
from hub_agent.driver import SERIAL
from hub_agent.errors import LinkError
from hub_agent.simulate.pace import VirtualPace
from hub_agent.simulate.physiology import Patient
from hub_agent.simulate.player import play
from hub_agent.simulate.script_parser import parse
from hub_agent.simulate.serial_devices import MODELS, TICK_S, VirtualSerial
from hub_agent.simulate.usb import VirtualUsb

BEGAN = datetime(2026, 11, 20, 9, 0)  # noqa: DTZ001 - devices know no zone
USB = (0x1856, 0x0001)


class Bench:
    """A virtual device behind a made-up USB bus, and the connector that looks for it there."""

    def __init__(self, root: Path, model: str) -> None:
        self.bus = VirtualUsb(root)
        self.pace = VirtualPace()
        self.device = VirtualSerial(model, self.bus.attach("ttyUSB0", USB), Patient(1), BEGAN, self.pace)
        self.connector = SerialConnector(
            MODELS[model].link,
            PortMatch(usb=(USB,)),
            SystemClock(),
            limits=Limits(poll_s=0.002),
            sysfs=self.bus.sysfs,
            dev=self.bus.dev,
        )
        self.chunks: list[bytes] = []
        self.connections: asyncio.Queue[int] = asyncio.Queue()
        self.losses: asyncio.Queue[int] = asyncio.Queue()

    async def hub(self) -> None:
        """Do what the runner does: connect, read, and again."""
        for number in count(1):
            with suppress(LinkError):
                async with self.connector.connect() as connection:
                    self.connections.put_nowait(number)
                    await self.read(connection)
            self.losses.put_nowait(number)

    async def read(self, connection: SerialConnection) -> None:
        while True:
            self.chunks.append((await connection.receive()).data)

    async def play_to(self, at_s: float) -> None:
        """Let the scene go on, with the hub's turn after each tick."""
        while self.pace.now_s() < at_s - TICK_S / 2:
            await self.pace.advance(TICK_S)
            await asyncio.sleep(0)

    async def until(self, turns: asyncio.Queue[int]) -> None:
        """Let the scene stand still while the hub's threads and the kernel do their part."""
        async with asyncio.timeout(100):
            await turns.get()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path / "bus", "nonin-df8")
    yield made
    made.device.close()


async def test_every_reading_that_was_emitted_arrives_through_faults_and_replugs(bench: Bench) -> None:
    script = parse("""
        at 5.5s oximeter unplug for 3s
        at 12.5s oximeter silent for 4s
        at 20.5s oximeter garbage 64
        at 25.5s oximeter unplug for 2s
    """)
    async with asyncio.TaskGroup() as tasks:
        hub, device = tasks.create_task(bench.hub()), tasks.create_task(bench.device.run())
        player = tasks.create_task(play(script, {"oximeter": bench.device}, bench.pace))
        for end_s in (8.6, 27.6):
            await bench.until(bench.connections)
            await bench.play_to(end_s)
            await bench.until(bench.losses)
        await bench.until(bench.connections)
        await bench.play_to(35.5)
        device.cancel()
        bench.device.close()
        await bench.until(bench.losses)
        hub.cancel()
        player.cancel()

    data = b"".join(bench.chunks)
    assert 20 <= bench.device.emitted <= 26  # a frame a second, less 3 s, 4 s and 2 s of faults, and what they cut
    assert bench.device.overrun == 0
    assert len(data) == 4 * bench.device.emitted + 64  # not a byte more, not a byte less


async def test_a_command_goes_to_the_device_and_its_answer_comes_back(bench: Bench) -> None:
    async with asyncio.TaskGroup() as tasks, asyncio.timeout(100):
        device = tasks.create_task(bench.device.run())
        async with bench.connector.connect() as connection:
            await connection.write(SERIAL, bytes.fromhex("027002020203"), response=True)
            await bench.pace.advance(TICK_S)
            assert (await connection.receive()).data[:1] == b"\x06"
        device.cancel()
