import asyncio
from datetime import datetime, timedelta

import pytest

from hub_agent.captures import Capture, Frame, Head, Line, Turn, complete
from hub_agent.devices.replay import ReplayConnector
from hub_agent.driver import SERIAL, Chunk, Moment
from hub_agent.errors import LinkError


def capture(*lines: Line, local: datetime | None = None) -> Capture:
    return Capture("test", Head(local=local), complete(lines))


CAPTURE = capture(
    Turn(0.0, "connected"),
    Frame(0.2, SERIAL, b"ask", "out"),
    Frame(0.5, SERIAL, b"one"),
    Frame(2.0, SERIAL, b"two"),
    Turn(3.0, "lost"),
    Turn(10.0, "connected"),
    Frame(11.0, SERIAL, b"three"),
    Turn(12.0, "lost"),
)


async def drain(connector: ReplayConnector) -> list[Chunk]:
    chunks = []
    async with connector.connect() as connection:
        await connection.subscribe()
        while True:
            try:
                chunks.append(await connection.receive())
            except LinkError:
                return chunks


async def test_a_capture_is_replayed_connection_by_connection_with_its_times() -> None:
    connector = ReplayConnector(CAPTURE, began_s=100.0)

    assert await drain(connector) == [
        Chunk(SERIAL, b"one", Moment(100.5, None)),
        Chunk(SERIAL, b"two", Moment(102.0, None)),
    ]
    assert not connector.over
    assert await drain(connector) == [Chunk(SERIAL, b"three", Moment(111.0, None))]
    assert connector.over


async def test_with_a_sleep_it_takes_as_long_as_the_device_did() -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    connector = ReplayConnector(CAPTURE, sleep=sleep)
    await drain(connector)
    await drain(connector)

    assert waits == [0.5, 1.5, 9.0]


async def test_after_the_last_connection_the_device_is_away_for_ever() -> None:
    connector = ReplayConnector(capture())
    assert connector.over
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01), connector.connect():
            pass


async def test_what_the_driver_sends_is_kept() -> None:
    connector = ReplayConnector(CAPTURE)
    async with connector.connect() as connection:
        await connection.write(SERIAL, b"\x02\x70", response=True)
        await connection.read(SERIAL)
        assert connection.rssi_dbm() is None
    assert connector.written == [(SERIAL, b"\x02\x70")]


async def test_a_closed_connection_is_dead() -> None:
    connector = ReplayConnector(CAPTURE)
    async with connector.connect() as connection:
        pass
    for call in (
        connection.receive(),
        connection.subscribe(),
        connection.read(SERIAL),
        connection.write(SERIAL, b"", response=False),
    ):
        with pytest.raises(LinkError, match="is over"):
            await call


async def test_a_capture_without_events_is_one_connection() -> None:
    connector = ReplayConnector(capture(Frame(0.0, SERIAL, b"a"), Frame(1.0, SERIAL, b"b")))

    assert [chunk.data for chunk in await drain(connector)] == [b"a", b"b"]
    assert connector.over


async def test_bytes_after_a_loss_begin_a_connection_of_their_own() -> None:
    lines = (Frame(0.0, SERIAL, b"a"), Turn(1.0, "lost"), Frame(2.0, SERIAL, b"b"))
    connector = ReplayConnector(capture(*lines))

    assert [chunk.data for chunk in await drain(connector)] == [b"a"]
    assert [chunk.data for chunk in await drain(connector)] == [b"b"]


async def test_what_was_read_on_connecting_is_at_hand() -> None:
    connector = ReplayConnector(
        capture(Frame(0.0, "2a19", b"a"), Frame(0.1, "2a08", b"b"), Turn(0.2, "opened"), Frame(0.3, "2a35", b"c"))
    )
    async with connector.connect() as connection:
        at_hand = []
        while connection.waiting():
            at_hand.append((await connection.receive()).data)
        assert at_hand == [b"a", b"b"]
        assert (await connection.receive()).data == b"c"


async def test_a_capture_that_knows_the_wall_clock_gives_it_to_the_session() -> None:
    local = datetime(2026, 11, 22, 8, 0)  # noqa: DTZ001 - the home's wall clock
    connector = ReplayConnector(capture(Frame(1.5, SERIAL, b"a"), local=local), began_s=7.0)

    assert await drain(connector) == [Chunk(SERIAL, b"a", Moment(8.5, local + timedelta(seconds=1.5)))]
