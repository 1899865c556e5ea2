import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from hub_agent.clock import SystemClock
from hub_agent.devices.ble.host import Change
from hub_agent.field.survey import Found, survey
from hub_agent.registry import load_drivers
from hub_agent.simulate.ble_devices import MODELS
from hub_agent.simulate.physiology import Patient
from hub_agent.simulate.radio.air import Air
from hub_agent.simulate.radio.host import VirtualHost


class Dead(VirtualHost):
    """A machine without a Bluetooth service."""

    @asynccontextmanager
    async def watch(self, changed: Change) -> AsyncIterator[None]:
        del changed
        yield

    async def ready(self) -> None:
        raise OSError("no bus")


def _usb(root: Path) -> Path:
    place = root / "sys/devices/usb1/1-1"
    (place / "1-1:1.0/ttyUSB0").mkdir(parents=True)
    (place / "idVendor").write_text("1cbe\n")
    (place / "idProduct").write_text("0002\n")
    (place / "serial").write_text("A0001\n")
    port = root / "sys/class/tty/ttyUSB0"
    port.mkdir(parents=True)
    (port / "device").symlink_to(place / "1-1:1.0/ttyUSB0")
    return root / "sys"


async def test_who_advertises_and_what_is_plugged_in_with_the_drivers_that_fit(tmp_path: Path) -> None:
    air = Air()
    strap = MODELS["heart-rate-strap"].make(air, "C0:00:00:00:00:01", Patient(1), lambda: 0.0)
    await strap.power_on()
    async with asyncio.TaskGroup() as tasks:
        living = tasks.create_task(strap.run())
        found = await survey(
            0.5, load_drivers().drivers, lambda: VirtualHost(air), SystemClock(), sysfs=_usb(tmp_path), dev=tmp_path
        )
        living.cancel()
    assert found.plain() == {
        "ble": [{"address": "C0:00:00:00:00:01", "name": "HRM strap", "rssi_dbm": -50, "drivers": ["gatt-heart-rate"]}],
        "serial": [{"port": str(tmp_path / "ttyUSB0"), "usb": "1cbe:0002", "serial": "A0001", "drivers": []}],
        "radio": "ok",
    }


async def test_a_machine_without_a_radio_still_lists_its_ports(tmp_path: Path) -> None:
    found = await survey(
        0.1, load_drivers().drivers, lambda: Dead(Air()), SystemClock(), sysfs=_usb(tmp_path), dev=tmp_path
    )
    assert found.radio
    assert found.ble == ()
    assert len(found.serial) == 1


async def test_a_radio_that_says_nothing_in_time_is_told_and_not_taken_for_an_empty_air(tmp_path: Path) -> None:
    class Mute(Dead):
        async def ready(self) -> None:
            await asyncio.Event().wait()

    found = await survey(0.1, {}, lambda: Mute(Air()), SystemClock(), sysfs=_usb(tmp_path), dev=tmp_path)
    assert found.radio == "does not answer"
    assert [*found.missing()] == ["No radio (does not answer): systemctl status bluetooth; rfkill list bluetooth"]


def test_nothing_found_is_told_with_what_to_do() -> None:
    assert ["heard" in word or "plugged" in word for word in Found((), ()).missing()] == [True, True]
