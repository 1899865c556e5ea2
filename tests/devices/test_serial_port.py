import asyncio
import gc
import os
import threading
import tty
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub_agent.clock import SystemClock
from hub_agent.devices import serial_port
from hub_agent.devices.ports import PortMatch
from hub_agent.devices.serial_port import _HIGH_WATER, Limits, SerialConnection, SerialConnector, Sleep
from hub_agent.driver import SERIAL, SerialLink
from hub_agent.errors import LinkError
from hub_agent.simulate.usb import VirtualUsb

FTDI = (0x0403, 0x6001)
STRANGER = (0xDEAD, 0xBEEF)
LINK = SerialLink(9600)


class Bench:
    """Real pseudo-terminals under made-up names and identities."""

    def __init__(self, root: Path) -> None:
        self.bus = VirtualUsb(root)
        self.masters: dict[str, int] = {}
        self.spare: list[int] = []

    def plug(self, name: str, usb: tuple[int, int] = FTDI, serial_number: str = "SN-A") -> int:
        master, slave = os.openpty()
        tty.setraw(slave)
        self.bus.attach(name, usb, serial_number=serial_number).symlink_to(os.ttyname(slave))
        os.close(slave)
        os.set_blocking(master, False)
        self.masters[name] = master
        return master

    def unplug(self, name: str) -> None:
        self.bus.detach(name)
        (self.bus.dev / name).unlink()
        os.close(self.masters.pop(name))

    def connector(
        self, match: PortMatch | None = None, *, limits: Limits | None = None, sleep: Sleep = asyncio.sleep
    ) -> SerialConnector:
        match = match or PortMatch(usb=(FTDI,), serial_number="SN-A")
        bus = self.bus
        return SerialConnector(LINK, match, SystemClock(), limits=limits, sleep=sleep, sysfs=bus.sysfs, dev=bus.dev)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path / "bus")
    yield made
    for name in list(made.masters):
        made.unplug(name)


@asynccontextmanager
async def connected(connector: SerialConnector) -> AsyncIterator[SerialConnection]:
    async with asyncio.timeout(100), connector.connect() as connection:
        await connection.subscribe()
        yield connection


async def collect(connection: SerialConnection, size: int) -> bytes:
    got = b""
    while len(got) < size:
        got += (await connection.receive()).data
    return got


def count_turns(loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Count how often the loop looks for something to do: a busy loop looks without end."""
    turns = 0
    selector = loop._selector  # type: ignore[attr-defined]
    select = selector.select

    def counting(timeout: float | None = None) -> object:
        nonlocal turns
        turns += 1
        return select(timeout)

    monkeypatch.setattr(selector, "select", counting)
    return lambda: turns


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_bytes_arrive_in_order_with_the_moment_of_their_arrival(bench: Bench) -> None:
    master = bench.plug("ttyUSB0")
    async with connected(bench.connector()) as connection:
        os.write(master, b"\x01\x90")
        first = await connection.receive()
        os.write(master, b"\x01\x00\x92")
        second = await connection.receive()

    assert (first.channel, first.data + second.data) == (SERIAL, b"\x01\x90\x01\x00\x92")
    assert first.moment.monotonic_s < second.moment.monotonic_s


@given(pieces=st.lists(st.binary(min_size=1, max_size=64), max_size=12))
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
def test_no_byte_is_changed_lost_or_added_however_the_stream_is_split(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes]
) -> None:
    async def check() -> None:
        bench = Bench(tmp_path_factory.mktemp("bench") / "bus")
        master = bench.plug("ttyUSB0")
        async with connected(bench.connector()) as connection:
            for piece in pieces:
                os.write(master, piece)
            whole = b"".join(pieces)
            assert await collect(connection, len(whole)) == whole
        bench.unplug("ttyUSB0")

    asyncio.run(check())


async def test_what_the_driver_sends_arrives_at_the_device(bench: Bench) -> None:
    master = bench.plug("ttyUSB0")
    async with connected(bench.connector()) as connection:
        await connection.write(SERIAL, b"\x02\x70\x02\x02\x08\x03", response=True)
        assert os.read(master, 100) == b"\x02\x70\x02\x02\x08\x03"


async def test_stale_bytes_from_before_the_opening_are_dropped(bench: Bench) -> None:
    master = bench.plug("ttyUSB0")
    os.write(master, b"half a fra")
    async with connected(bench.connector()) as connection:
        os.write(master, b"me")
        assert (await connection.receive()).data == b"me"


async def test_unplug_is_an_error_at_once_after_what_had_come(bench: Bench) -> None:
    master = bench.plug("ttyUSB0")
    async with connected(bench.connector()) as connection:
        os.write(master, b"last words")
        connection.data_received(await collect(connection, 10))  # it has arrived, and now waits in the queue
        bench.unplug("ttyUSB0")
        assert (await connection.receive()).data == b"last words"
        for _ in range(2):
            with pytest.raises(LinkError, match="ttyUSB0: unplugged"):
                await connection.receive()
        with pytest.raises(LinkError, match="unplugged"):
            await connection.write(SERIAL, b"x", response=True)
        with pytest.raises(LinkError, match="unplugged"):
            await connection.subscribe()


async def test_unplug_wakes_whoever_waits(bench: Bench) -> None:
    bench.plug("ttyUSB0")
    async with connected(bench.connector()) as connection:
        asyncio.get_running_loop().call_soon(bench.unplug, "ttyUSB0")
        with pytest.raises(LinkError, match="unplugged"):
            await connection.receive()


async def test_a_write_right_after_the_unplug_is_no_success(bench: Bench) -> None:
    bench.plug("ttyUSB0")
    async with connected(bench.connector()) as connection:
        bench.unplug("ttyUSB0")  # and the loop has had no turn to notice
        with pytest.raises(LinkError, match="unplugged"):
            await connection.write(SERIAL, b"x", response=True)


async def test_an_unplugged_port_costs_no_turns(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.plug("ttyUSB0")
    async with connected(bench.connector()) as connection:
        bench.unplug("ttyUSB0")
        with pytest.raises(LinkError):
            await connection.receive()
        turns = count_turns(asyncio.get_running_loop(), monkeypatch)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), 0.05)
        assert turns() <= 8


async def test_replug_under_another_number_is_found(bench: Bench) -> None:
    bench.plug("ttyUSB0")
    connector = bench.connector(limits=Limits(poll_s=0.01))
    async with connected(connector) as connection:
        bench.unplug("ttyUSB0")
        with pytest.raises(LinkError):
            await connection.receive()
    bench.plug("ttyUSB0", STRANGER, "SN-X")
    master = bench.plug("ttyUSB1")
    async with connected(connector) as connection:
        os.write(master, b"back")
        assert await collect(connection, 4) == b"back"


async def test_waiting_looks_once_an_interval_and_notices_a_replug_within_a_second(bench: Bench) -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            bench.plug("ttyUSB4")
        await asyncio.sleep(0)

    async with connected(bench.connector(sleep=sleep)):
        pass

    assert waits == [Limits().poll_s] * 3
    assert Limits().poll_s <= 1.0


async def test_only_a_stranger_plugged_in_is_like_nothing_plugged_in(bench: Bench) -> None:
    bench.plug("ttyUSB0", STRANGER)
    looks = 0

    async def sleep(_: float) -> None:
        nonlocal looks
        looks += 1
        if looks == 2:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        async with connected(bench.connector(sleep=sleep)):
            pass
    assert looks == 2


async def test_a_pty_without_identity_at_the_path_is_refused_when_one_is_asked_for(bench: Bench) -> None:
    bench.plug("ttyUSB0")
    match = PortMatch(path=bench.bus.dev / "ttyUSB0", usb=(FTDI,))

    with pytest.raises(LinkError, match="is another device's"):
        async with connected(bench.connector(match)):
            pass


async def test_a_port_that_changes_hands_while_it_is_opened_is_refused(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.plug("ttyUSB0")
    connector = bench.connector()
    find = connector._find
    looks = 0

    async def swapping() -> object:
        nonlocal looks
        looks += 1
        if looks == 2:
            bench.bus.detach("ttyUSB0")
            bench.bus.attach("ttyUSB0", STRANGER)
        return await find()

    monkeypatch.setattr(connector, "_find", swapping)
    with pytest.raises(LinkError, match="changed hands"):
        async with connected(connector):
            pass


async def test_the_port_is_this_process_alone(bench: Bench) -> None:
    bench.plug("ttyUSB0")
    async with connected(bench.connector()):
        with pytest.raises(LinkError, match=r"EBUSY.*another program uses it"):
            async with connected(bench.connector()):
                pass


async def test_the_port_is_free_again_after_the_context(bench: Bench) -> None:
    master = bench.plug("ttyUSB0")
    for _ in range(3):
        async with connected(bench.connector()) as connection:
            os.write(master, b"again")
            assert await collect(connection, 5) == b"again"


async def test_a_connection_is_dead_after_its_context(bench: Bench) -> None:
    bench.plug("ttyUSB0")
    kept: list[SerialConnection] = []
    async with connected(bench.connector()) as connection:
        kept.append(connection)
    with pytest.raises(LinkError, match="closed"):
        await kept[0].receive()


async def test_a_device_that_takes_nothing_is_a_time_out(bench: Bench) -> None:
    bench.plug("ttyUSB0")
    async with connected(bench.connector(limits=Limits(write_s=0.02))) as connection:
        with pytest.raises(LinkError, match="did not take what was sent"):
            await connection.write(SERIAL, bytes(1 << 17), response=True)


async def test_a_port_that_is_no_port_is_an_error_with_the_reason(bench: Bench) -> None:
    bench.bus.attach("ttyUSB0", FTDI, serial_number="SN-A").write_bytes(b"a file")

    with pytest.raises(LinkError, match="ttyUSB0 did not open"):
        async with connected(bench.connector()):
            pass


async def test_a_node_that_vanished_between_looking_and_opening_is_an_error(bench: Bench) -> None:
    bench.bus.attach("ttyUSB0", FTDI, serial_number="SN-A")

    with pytest.raises(LinkError, match="did not open: ENOENT"):
        async with connected(bench.connector()):
            pass


async def test_a_flood_that_nobody_reads_stays_bounded_and_none_of_it_is_lost(bench: Bench) -> None:
    master = bench.plug("ttyUSB0")
    async with connected(bench.connector()) as connection:
        sent = 0
        while not connection._paused:
            try:
                sent += os.write(master, bytes(1024))
            except BlockingIOError:
                await asyncio.sleep(0)
        assert connection._waiting_bytes < _HIGH_WATER + 8192
        assert len(await collect(connection, sent)) == sent
        os.write(master, b"on")
        assert await collect(connection, 2) == b"on"


async def test_a_serial_line_has_one_channel_and_nothing_to_read(bench: Bench) -> None:
    bench.plug("ttyUSB0")
    async with connected(bench.connector()) as connection:
        with pytest.raises(LinkError, match="no channel"):
            await connection.write("2a37", b"", response=False)
        with pytest.raises(LinkError, match="no value"):
            await connection.read(SERIAL)
        assert connection.rssi_dbm() is None


async def test_opening_and_closing_leaves_no_descriptor_behind(bench: Bench) -> None:
    bench.plug("ttyUSB0")
    connector = bench.connector()
    async with connected(connector):
        pass
    gc.collect()  # what other tests left open is theirs
    before = open_descriptors()
    for _ in range(5):
        async with connected(connector):
            with pytest.raises(LinkError):
                async with connected(connector):
                    pass
    assert open_descriptors() == before


async def test_a_look_that_never_ends_keeps_one_thread_and_no_more(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[threading.Event] = []
    looking = threading.Event()

    def stuck(*_args: object, **_options: object) -> None:
        looks.append(threading.Event())
        looking.set()
        looks[-1].wait(100.0)

    monkeypatch.setattr(serial_port, "find_port", stuck)
    connector = bench.connector(limits=Limits(open_s=0.02))
    try:
        for _ in range(3):
            with pytest.raises(LinkError, match="too long"):
                async with connector.connect():
                    pass
        assert looking.wait(100.0)  # a busy machine may start the thread after all three have given up
        assert len(looks) == 1
    finally:
        for look in looks:
            look.set()
