import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub_agent.driver import SERIAL, Chunk, Emit, Moment
from hub_drivers.masimo_ascii.driver import DRIVER
from scripts.benchlib.peers import gateways, hub
from scripts.benchlib.peers.feed import SerialFeed, body, line, number_of, shown
from scripts.benchlib.readings import DEVICES

NUMBERS = st.integers(0, 10_000_000)


@given(NUMBERS)
def test_the_hub_reads_back_which_reading_a_line_is(number: int) -> None:
    actions = list(DRIVER.session({}).received(Chunk(SERIAL, line(number), Moment(0.0, None))))

    (emitted,) = (action.reading for action in actions if isinstance(action, Emit))
    assert emitted.measured is not None
    device = DEVICES[number % len(DEVICES)]
    assert number_of(device, emitted.measured.local.isoformat()) == number
    said = json.dumps({"type": "reading", "device": device, "device_time": emitted.measured.local.isoformat()})
    assert list(hub.numbers(said.encode())) == [number]


def test_the_collectors_other_lines_are_no_readings() -> None:
    assert list(hub.numbers(b'{"type":"event","hub":"h","kind":"hub_started"}')) == []


@given(st.lists(NUMBERS, min_size=1, max_size=4))
def test_readings_are_found_however_a_gateway_packs_them(numbers: list[int]) -> None:
    as_they_came = b",".join(map(body, numbers))
    packed = json.dumps(
        {"oximeter-1": [{"ts": 1, "values": {**json.loads(body(number)), "number": str(number)}} for number in numbers]}
    )

    assert list(gateways.numbers(as_they_came)) == list(gateways.numbers(packed.encode())) == numbers


@given(NUMBERS)
def test_both_ways_say_the_same(number: int) -> None:
    plain, values = json.loads(body(number)), shown(number)

    assert (plain["spo2"], plain["pulse"], plain["pi"]) == (values.spo2, values.pulse, values.perfusion)
    assert plain["device"] == DEVICES[number % len(DEVICES)]
    assert 180 <= len(body(number)) <= 220


@pytest.fixture
def serial(tmp_path: Path) -> Iterator[tuple[SerialFeed, list[Path]]]:
    ports = [tmp_path / name for name in DEVICES]
    feed = SerialFeed(ports)
    yield feed, ports
    feed.close()


def test_a_serial_port_carries_its_devices_lines(serial: tuple[SerialFeed, list[Path]]) -> None:
    feed, ports = serial
    with ports[3].open("rb") as port:
        for number in (3, 4, 11):
            feed.give(number)

        assert [port.readline(), port.readline()] == [line(3), line(11)]
    assert feed.accepted == feed.given.keys() == {3, 4, 11}
