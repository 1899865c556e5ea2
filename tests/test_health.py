"""What the hub says of itself."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from hub_agent.delivery import Policy
from hub_agent.devices.runner import DeviceState
from hub_agent.forwarder import Forwarder
from hub_agent.health import BRIEF_BEATS, EDGES_S, RELEASE, Health, Uplink, status
from hub_agent.latency import Latency
from hub_agent.machine import Machine
from hub_agent.model import ReadingClass, ReceivedReading
from hub_agent.status_screen import lines
from hub_agent.topics import Topics
from tests.rooms import HUB, Room, a_room, pressure, spo2
from tests.test_machine import SAGGED, a_pi
from tests.virtual import BOOT, LoopClock, virtual_time

_SESSION = "5e" * 16


def _health(
    room: Room,
    devices: dict[str, DeviceState],
    uplink: Uplink,
    oldest_s: Mapping[ReadingClass, float] = MappingProxyType({}),
    machine: Machine | None = None,
    lag: Latency | None = None,
) -> Health:
    forwarder = Forwarder(
        room.outbox,
        Topics(HUB),
        [],
        Policy(),
        room.clock,
        lambda _code, _fields: None,
        lambda _code, _active: None,
    )
    return Health(
        HUB,
        _SESSION,
        room.clock,
        room.outbox,
        forwarder,
        room.intake,
        devices,
        room.book,
        uplink,
        oldest_s,
        machine or Machine(Path("/")),
        lag or Latency(),
        lambda: 2,
    )


def test_the_status_and_the_will_differ_in_their_state_alone() -> None:
    more = (_SESSION, BOOT, "2026-11-22T12:00:00+00:00", ["noc-1", "op-1"], "2027-01-01T00:00:00+00:00")
    online, offline = (json.loads(status(HUB, state, *more)) for state in ("online", "offline"))
    assert online == offline | {"state": "online"}
    assert online == {
        "v": 1,
        "hub": HUB,
        "state": "online",
        "session": _SESSION,
        "boot": BOOT,
        "since": "2026-11-22T12:00:00+00:00",
        "release": RELEASE,
        "keys": ["noc-1", "op-1"],
        "certificate_until": "2027-01-01T00:00:00+00:00",
    }


@virtual_time
async def test_a_beat_counts_and_carries_all_that_the_noc_compares(tmp_path: Path) -> None:
    async with a_room(tmp_path / "o.db", LoopClock()) as room:
        now_s = room.clock.monotonic_s()
        state = DeviceState("connected", now_s - 5, readings=7, battery_percent=80, rssi_dbm=-70)
        health = _health(
            room, {"oximeter": state}, Uplink(now_s - 2, now_s - 1, 1), {ReadingClass.CONTINUOUS: 1.5}, a_pi(tmp_path)
        )
        await room.outbox.commit({})
        await room.intake.take("oximeter", spo2(97), room.clock.stamp())
        await room.intake.drain()
        first, second = json.loads(health.beat()), json.loads(health.beat())
    assert (first["seq"], second["seq"]) == (1, 2)
    waiting = {"batches": 1, "items": 1, "numbers": 1, "oldest_s": 1.5}
    assert second["delivery"] == {"waiting": {"continuous": waiting}}
    assert second["storage"].keys() == {"bytes", "fill", "journal", "last_seq", "chain"}
    assert len(json.dumps(second, separators=(",", ":"))) < 500
    assert (first["hub"], first["release"], first["clock"]) == (HUB, RELEASE, "synced")
    assert first["storage"]["journal"] == room.outbox.journal.hex()
    assert (first["storage"]["last_seq"], first["storage"]["chain"]) == (1, room.outbox.chain.hex())
    assert first["delivery"]["waiting"]["continuous"] == waiting
    assert first["delivery"]["waiting"]["alarm"]["oldest_s"] is None
    assert first["storage"]["written_today_bytes"] == 4096
    assert (first["host"]["temperature_c"], first["host"]["under_voltage"]) == (51.5, False)
    nothing = {"p50": None, "p95": None, "max": None}
    assert first["uplink"] == {"up": True, "for_s": 1.0, "connects": 1, "why": "", "round_trip_s": nothing}
    assert [device["for_s"] for device in first["devices"]] == [5.0]
    assert first["intake"] == {"received": 1, "stored": 1, "repeated": 0}
    assert first["security_events"] == 2
    assert (first["storage"]["check"], first["storage"]["check_age_s"]) == ("none", 0.0)
    assert 0 < first["storage"]["wal_bytes"] < first["storage"]["bytes"]
    assert first["process"].keys() == {"rss_bytes", "descriptors", "threads", "tasks", "cpu_s", "loop_lag_s"}
    assert first["process"]["tasks"] >= 1


@virtual_time
async def test_a_beat_is_whole_once_a_minute_and_when_there_is_news(tmp_path: Path) -> None:
    async with a_room(tmp_path / "o.db", LoopClock()) as room:
        state, uplink = DeviceState("connected"), Uplink(room.clock.monotonic_s(), connects=1)
        health = _health(room, {"cuff": state}, uplink, machine=a_pi(tmp_path))

        def whole() -> bool:
            beat = json.loads(health.beat())
            assert {"storage", "delivery", "session", "at"} <= beat.keys()
            return "devices" in beat

        assert [whole() for _ in range(8)] == [True, *[False] * 5, True, False]
        state.state = "waiting"
        assert [whole(), whole()] == [True, False]
        room.intake.raise_now(room.book.technical("uplink_down", "", room.clock.stamp(), active=True))
        room.book.tick(room.clock.stamp()._replace(monotonic_ns=room.clock.stamp().monotonic_ns + 10**12))
        assert [whole(), whole()] == [True, False]
        uplink.connects += 1
        assert [whole(), whole()] == [True, False]
        (tmp_path / SAGGED).write_text("1\n", encoding="ascii")
        assert [whole(), whole()] == [True, False]


@virtual_time
async def test_what_is_slow_is_told_of_the_time_since_the_last_whole_beat(tmp_path: Path) -> None:
    async with a_room(tmp_path / "o.db", LoopClock()) as room:
        lag = Latency()
        health = _health(room, {}, Uplink(room.clock.monotonic_s()), lag=lag)
        trips = health._forwarder.figures.round_trip
        health.beat()
        for slow_s in (0.004, 0.004, 0.9):
            lag.add(slow_s)
            trips.add(10 * slow_s)
        await room.outbox.save("some", b"state")
        for _ in range(BRIEF_BEATS):
            health.beat()
        for _ in range(2):  # to look changes nothing
            state = health.snapshot()
            assert state["process"]["loop_lag_s"] == pytest.approx({"p50": 0.004, "p95": 0.9, "max": 0.9}, rel=0.05)
            assert state["uplink"]["round_trip_s"] == pytest.approx({"p50": 0.04, "p95": 9.0, "max": 9.0}, rel=0.05)
            assert state["storage"]["commit_s"] == {"p50": 0.0, "p95": 0.0, "max": 0.0}
        assert json.loads(health.beat())["process"]["loop_lag_s"]["max"] == 0.9
        state = health.snapshot()
    for figures in (state["process"]["loop_lag_s"], state["uplink"]["round_trip_s"], state["storage"]["commit_s"]):
        assert set(figures.values()) == {None}


@virtual_time
async def test_the_histogram_has_a_count_for_each_edge(tmp_path: Path) -> None:
    async with a_room(tmp_path / "o.db", LoopClock()) as room:
        health = _health(room, {}, Uplink(room.clock.monotonic_s()))
        health._forwarder.figures.latency[ReadingClass.EPISODIC].add(0.7)
        histogram = health.snapshot()["delivery"]["histogram"]
    assert histogram["edges_s"] == list(EDGES_S)
    assert histogram["episodic"] == [0, 1, 1, 1, 1, 1, 1, 1, 1]


@virtual_time
async def test_no_value_gets_into_a_beat_or_onto_the_screen(tmp_path: Path) -> None:
    async with a_room(tmp_path / "o.db", LoopClock()) as room:
        state = DeviceState(since_s=room.clock.monotonic_s(), why="driver 'canary-x' on ttyCANARY0: gone")
        health = _health(room, {"canary-cuff": state}, Uplink(room.clock.monotonic_s()))
        await room.intake.take("oximeter", spo2("83.0417"), room.clock.stamp())
        room.intake._add(ReadingClass.EPISODIC, room.intake._pending[ReadingClass.CONTINUOUS][0])
        await room.intake.take("cuff", pressure(1_234_567)._replace(cls=ReadingClass.CONTINUOUS), room.clock.stamp())
        await room.intake.drain()
        said = health.beat().decode()
        shown = "\n".join(lines(health.snapshot()))
    assert not re.search(r"83\.0417|1234567", said + shown)
    assert "canary" not in said.lower()
    assert "canary-cuff" in shown


@virtual_time
async def test_the_screen_shows_good_and_bad_days(tmp_path: Path) -> None:
    async with a_room(tmp_path / "o.db", LoopClock()) as room:
        now_s = room.clock.monotonic_s()
        room.book.technical("uplink_refused", "", room.clock.stamp(), active=True)
        parked = DeviceState("parked", now_s, why="driver 'x' raised ValueError")
        well = DeviceState("connected", now_s, readings=3, last_reading_s=now_s - 4, battery_percent=12)
        uplink = Uplink(now_s - 90)
        (tmp_path / "pi").mkdir()
        pi = a_pi(tmp_path / "pi", throttled="5")
        health = _health(room, {"cuff": parked, "oximeter": well}, uplink, {ReadingClass.CONTINUOUS: 90.0}, pi)
        bad = "\n".join(lines(health.snapshot()))
        uplink.connected_s = now_s
        health._forwarder.figures.latency[ReadingClass.ALARM].add(0.25)
        health._forwarder.figures.last_confirmed_s = now_s - 1
        await room.outbox.commit({ReadingClass.CONTINUOUS: [ReceivedReading("o", spo2(97), room.clock.stamp(), "")]})
        health._forwarder.figures.round_trip.add(0.08)
        health._lag.add(1.5)
        good = "\n".join(lines(health.snapshot()))
    assert "DOWN (not yet connected) for 90 s; last confirmation never" in bad
    assert "cuff: parked (driver 'x' raised ValueError), 0 readings, last never" in bad
    assert "oximeter: connected, 3 readings, last 4.0 s ago, battery 12 %" in bad
    assert "waiting   nothing" in bad
    assert "1 continuous (oldest 90 s)" in good
    assert "UNDER-VOLTAGE: the power supply is too weak, THROTTLED" in bad
    assert "52 °C, 598 MiB memory free" in bad
    assert "0.0 MiB written today" in bad
    assert "alarms    1 high" in bad
    assert re.search(r"write-ahead log [1-9]\d* KiB; at the start new", bad)
    assert "security  2 messages or devices" in bad
    assert "lately    nothing measured yet" in bad
    assert "lately    broker p50 80 ms, p95 80 ms; commit p95 0 ms, max 0 ms; loop late p95 1500 ms" in good
    assert "connected for 0 s; last confirmation 1.0 s ago" in good
    assert "alarm: p50 250 ms, p99 250 ms" in good
