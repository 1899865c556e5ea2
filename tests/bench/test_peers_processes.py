import os
import socket
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from scripts.benchlib.peers.subscriber import Subscriber
from scripts.benchlib.peers.system import System
from scripts.benchlib.peers.uplink import Uplink

PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import os; os.write(1, b'up'); input()"], stdin=subprocess.PIPE)
end = time.process_time() + 0.1
while time.process_time() < end: pass
child.wait()
"""


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    one = System([sys.executable, "-c", PARENT], tmp_path, {"ONE": "1"}, tmp_path / "log")
    yield one
    one.stop()


def until_said(log: Path, text: str) -> None:
    while not log.exists() or text not in log.read_text(encoding="utf-8"):
        os.sched_yield()


def test_a_system_is_the_process_and_all_that_it_starts(system: System, tmp_path: Path) -> None:
    system.start()
    until_said(tmp_path / "log", "up")

    assert system.runs()
    alone = System([sys.executable, "-c", "input()"], tmp_path, {}, tmp_path / "other")
    assert system.rss_mib() > 8  # two interpreters
    assert 0 < system.rss_mib() <= system.peak_mib()
    assert (alone.runs(), alone.rss_mib(), alone.cpu_s()) == (False, 0, 0)
    while system.cpu_s() < 0.1:
        os.sched_yield()
    assert system.cpu_s() < 10

    system.kill()
    assert not system.runs()
    assert system.cpu_s() == 0


def test_a_subscriber_stamps_lines_whole_even_when_they_come_in_pieces(tmp_path: Path) -> None:
    code = "import os; [os.write(1, part) for part in (b'1 2', b'3\\n4', b'5\\n')]; input()"
    with closing(Subscriber([sys.executable, "-c", code], tmp_path, lambda line: map(int, line.split()))) as one:
        while len(one.arrivals()) < 3:
            os.sched_yield()
        arrivals = one.arrivals()

    assert [arrival.number for arrival in arrivals] == [1, 23, 45]
    assert sorted(arrival.at_ns for arrival in arrivals) == [arrival.at_ns for arrival in arrivals]


def test_the_uplink_is_cut_and_healed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as broker, closing(Uplink(broker.getsockname()[1])) as uplink:
        with socket.create_connection(("127.0.0.1", uplink.port)) as hub:
            hub.sendall(b"before")
            far, _ = broker.accept()
            with far:
                assert far.recv(6) == b"before"
                uplink.cut()
                assert hub.recv(1) == b""
        assert uplink.connected_ns() == 0

        uplink.heal()
        with socket.create_connection(("127.0.0.1", uplink.port)) as hub:
            hub.sendall(b"after")
            far, _ = broker.accept()
            with far:
                assert far.recv(5) == b"after"
                assert uplink.connected_ns() > 0
