"""The neutral feeder: the same readings to everybody, by the way that each product takes.

Owns: what a reading says, when it was given and whether it was taken. Never: knows whom it feeds.
"""

import json
import os
import select
import threading
import time
import tty
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, Protocol

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from hub_agent.simulate.serial_encoders import Shown, masimo_line
from scripts.benchlib.readings import DEVICES

TOPIC: Final = "data"
WINDOW: Final = 20
BEGAN: Final = datetime(2026, 3, 1)  # noqa: DTZ001 - a device's clock
_PATIENCE_S: Final = 30.0


class Feed(Protocol):
    """A way to give readings.

    Attributes:
        given: when each was handed over (perf_counter_ns), by its number.
        accepted: the numbers of those that were taken.
    """

    given: dict[int, int]
    accepted: set[int]

    def give(self, number: int) -> None:
        """Give one reading of device ``number % 8``; waits while the system takes no more.

        Raises:
            TimeoutError: it takes nothing any more.
        """
        ...

    def settle(self) -> None:
        """Wait until everything given is taken, or for the time that patience lasts."""
        ...

    def close(self) -> None:
        """End."""
        ...


def shown(number: int) -> Shown:
    """Make what the device shows; it changes with every reading."""
    return Shown(95 + number % 5, 60 + number % 37, 1.0 + number % 400 / 100)


def body(number: int) -> bytes:
    """Spell a reading as the JSON that the other gateways take: some 200 bytes."""
    values = shown(number)
    return json.dumps(
        {
            "number": number,
            "device": DEVICES[number % len(DEVICES)],
            "ts": 1_790_000_000_000 + number,
            "message": f"{number * 0x9E3779B97F4A7C15 % 2**64:032x}",
            "spo2": values.spo2,
            "spo2_unit": "%",
            "pulse": values.pulse,
            "pulse_unit": "/min",
            "pi": values.perfusion,
            "quality": "good",
        },
        separators=(",", ":"),
    ).encode()


def line(number: int) -> bytes:
    """Spell the same reading as a Masimo oximeter does, whose clock says which one it is."""
    return masimo_line(shown(number), BEGAN + timedelta(seconds=number // len(DEVICES)))


def number_of(device: str, device_time: str) -> int:
    """Find a reading's number from the device's name and what its clock said."""
    seconds = (datetime.fromisoformat(device_time) - BEGAN) // timedelta(seconds=1)
    return seconds * len(DEVICES) + DEVICES.index(device)


class MqttFeed:
    """Publishes to a broker with QoS 1; taken is what the broker has acknowledged."""

    def __init__(self, port: int) -> None:
        self.given: dict[int, int] = {}
        self.accepted: set[int] = set()
        self._numbers: dict[int, int] = {}
        self._answered: deque[int] = deque()
        self._room = threading.Semaphore(WINDOW)
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2, "feeder", clean_session=False, protocol=MQTTProtocolVersion.MQTTv311
        )
        self._client.max_inflight_messages_set(WINDOW)
        self._client.max_queued_messages_set(0)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_publish = self._on_publish
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def give(self, number: int) -> None:
        """Publish one."""
        if not self._room.acquire(timeout=_PATIENCE_S):
            raise TimeoutError("the broker acknowledges nothing")
        self._note()
        self.given[number] = time.perf_counter_ns()
        sent = self._client.publish(f"{TOPIC}/{number % len(DEVICES)}", body(number), qos=1)
        self._numbers[sent.mid] = number

    def settle(self) -> None:
        """Wait for the acknowledgements."""
        end = time.perf_counter() + _PATIENCE_S
        self._note()
        while self._numbers and time.perf_counter() < end:
            time.sleep(0.005)
            self._note()

    def close(self) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._client.loop_stop()

    def _on_publish(self, _client: paho.Client, _data: Any, mid: int, *_: Any) -> None:  # noqa: ANN401 - paho's
        # paho holds its own lock here, so no other may be taken, and the number of this mid may not be known yet
        self._answered.append(mid)
        self._room.release()

    def _note(self) -> None:
        for _ in range(len(self._answered)):
            self.accepted.add(self._numbers.pop(self._answered.popleft()))


class SerialFeed:
    """Writes to serial lines; a device is told nothing, so that everything written counts as taken.

    Args:
        ports: of the devices, in their order: links to pseudo-terminals that this makes.
    """

    def __init__(self, ports: list[Path]) -> None:
        self.given: dict[int, int] = {}
        self.accepted: set[int] = set()
        self._ports = ports
        self._masters = []
        for port in ports:
            master, slave = os.openpty()
            tty.setraw(slave)
            port.symlink_to(os.ttyname(slave))
            os.close(slave)
            os.set_blocking(master, False)
            self._masters.append(master)

    def give(self, number: int) -> None:
        """Write one line."""
        master, rest = self._masters[number % len(self._masters)], line(number)
        self.given[number] = time.perf_counter_ns()
        while rest:
            if not select.select((), (master,), (), _PATIENCE_S)[1]:
                raise TimeoutError("the hub reads nothing")
            rest = rest[os.write(master, rest) :]
        self.accepted.add(number)

    def settle(self) -> None:
        """Have nothing to wait for."""

    def close(self) -> None:
        """Pull the cables."""
        for master, port in zip(self._masters, self._ports, strict=True):
            os.close(master)
            port.unlink()


def paced(give: Callable[[int], None], numbers: range, rate_hz: float) -> None:
    """Give readings evenly."""
    began = time.perf_counter()
    for beat, number in enumerate(numbers):
        late_s = beat / rate_hz - (time.perf_counter() - began)
        if late_s > 0:
            time.sleep(late_s)
        give(number)
