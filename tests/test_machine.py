"""What the machine tells of itself, as a Raspberry Pi does, as this one does, and as one that tells nothing."""

import asyncio
import tempfile
from pathlib import Path

import pytest

from hub_agent.machine import Machine, Wear
from hub_agent.model import ClockState
from tests.virtual import HandClock

SAGGED = "sys/class/hwmon/hwmon1/in0_lcrit_alarm"
THROTTLED = "sys/bus/platform/drivers/raspberrypi-firmware/soc:firmware/get_throttled"
_DAY_S = 86_400


def a_pi(root: Path, throttled: str = "0") -> Machine:
    """A machine whose kernel's files are as on a Raspberry Pi."""
    files = {
        "sys/class/thermal/thermal_zone0/temp": "51540\n",
        SAGGED: "0\n",
        THROTTLED: f"{throttled}\n",
        "proc/meminfo": "MemTotal:         948304 kB\nMemAvailable:     612000 kB\nHugePages_Total:       0\n",
        "proc/self/statm": "9000 2500 1200 1 0 3000 0\n",
        "proc/self/io": "rchar: 9\nwchar: 70000\nwrite_bytes: 4096\ncancelled_write_bytes: 0\n",
        "proc/self/fd/0": "",
        "proc/self/fd/1": "",
        "proc/self/task/17/comm": "",
    }
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="ascii")
    return Machine(root, root)


async def test_a_pi_tells_heat_power_memory_room_and_load(tmp_path: Path) -> None:
    pi = a_pi(tmp_path)
    host, process = pi.host(), pi.process()
    assert (host["temperature_c"], host["under_voltage"], host["throttled"]) == (51.5, False, False)
    assert (host["memory_bytes"], host["memory_available_bytes"]) == (948304 * 1024, 612000 * 1024)
    assert 0 < host["disk_free_bytes"] <= host["disk_bytes"]
    assert host["load_1m"] >= 0
    assert (process["descriptors"], process["threads"]) == (2, 1)
    assert pi.written_bytes() == 4096


async def test_the_leak_gauges_move_with_what_leaks() -> None:
    machine = Machine(Path("/"))
    before = machine.process()
    never = asyncio.Event()
    with tempfile.TemporaryFile():
        async with asyncio.TaskGroup() as tasks:
            held = tasks.create_task(never.wait())
            during = machine.process()
            held.cancel()
    assert during["tasks"] == before["tasks"] + 1
    assert during["descriptors"] == before["descriptors"] + 1
    assert during["threads"] >= 1
    assert during["rss_bytes"] > 2**20


@pytest.mark.parametrize(
    ("flags", "under_voltage", "throttled"),
    [("0", False, False), ("50000", True, True), ("1", True, False), ("2", False, True), ("80008", False, True)],
)
def test_the_firmwares_flags(tmp_path: Path, flags: str, under_voltage: bool, throttled: bool) -> None:  # noqa: FBT001
    host = a_pi(tmp_path, flags).host()
    assert (host["under_voltage"], host["throttled"]) == (under_voltage, throttled)


def test_a_sag_that_the_driver_saw_counts_though_it_is_over(tmp_path: Path) -> None:
    pi = a_pi(tmp_path)
    (tmp_path / SAGGED).write_text("1\n", encoding="ascii")
    assert pi.host()["under_voltage"] is True


async def test_what_a_machine_does_not_tell_is_none_and_not_zero(tmp_path: Path) -> None:
    silent = Machine(tmp_path / "nowhere", tmp_path)
    host, process = silent.host(), silent.process()
    assert {name for name, value in host.items() if value is not None} == {"load_1m"}
    assert {name for name, value in process.items() if value is not None} == {"tasks", "cpu_s"}
    assert silent.written_bytes() is None
    assert silent.wear.today_bytes(HandClock().stamp()) is None
    assert silent.wear.kept(HandClock().stamp()) is None


def test_a_sensor_that_answers_nonsense_is_left_out(tmp_path: Path) -> None:
    pi = a_pi(tmp_path)
    for name in ("sys/class/thermal/thermal_zone0/temp", SAGGED, THROTTLED):
        (tmp_path / name).write_text("asleep", encoding="ascii")
    host = pi.host()
    assert (host["temperature_c"], host["under_voltage"], host["throttled"]) == (None, None, None)


def test_a_day_is_counted_over_restarts_and_ends_at_midnight() -> None:
    written, clock = [1000], HandClock()
    wear = Wear(lambda: written[0])
    assert wear.today_bytes(clock.stamp()) == 1000
    written[0] = 1500
    kept = wear.kept(clock.stamp())
    assert kept == {"day": "2026-11-22", "bytes": 1500}
    written[0] = 30  # another process, which has written little itself
    again = Wear(lambda: written[0])
    again.restore(kept)
    assert again.today_bytes(clock.stamp()) == 1530
    clock.later(_DAY_S)
    assert again.today_bytes(clock.stamp()) == 0
    written[0] = 70
    assert again.today_bytes(clock.stamp()) == 40


def test_no_day_ends_while_the_clock_is_not_set() -> None:
    written, clock = [1000], HandClock(ClockState.UNSYNCED)
    wear = Wear(lambda: written[0])
    assert wear.today_bytes(clock.stamp()) == 1000
    assert wear.kept(clock.stamp()) is None
    clock.later(_DAY_S)
    assert wear.today_bytes(clock.stamp()) == 1000
    clock.state = ClockState.SYNCED
    assert wear.today_bytes(clock.stamp()) == 1000
