import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

import pytest
from bumble import hci
from bumble.core import AdvertisingData
from bumble.device import Advertisement, Device
from bumble.transport import open_transport

from hub_agent.clock import SystemClock
from hub_agent.demo.broker import free_port
from hub_agent.devices.ports import PortMatch
from hub_agent.devices.serial_port import SerialConnector
from hub_agent.errors import ConfigError, LinkError
from hub_agent.registry import load_drivers
from hub_agent.simulate.bench import Plan, run, titles
from hub_agent.simulate.ble_devices import MODELS, BleActor
from hub_agent.simulate.physiology import Patient
from hub_agent.simulate.radio.air import Air
from hub_agent.simulate.script import Step


def there(path: Path) -> bool:
    """Whether the link itself is there, wherever it leads."""
    return path.is_symlink()


BEGAN = datetime(2026, 11, 22, 8, 0)  # noqa: DTZ001 - the home's wall clock


@asynccontextmanager
async def running(plan: Plan) -> AsyncIterator[list[str]]:
    """Run a bench until the context ends; give what it told."""
    told: list[str] = []
    ready = asyncio.Event()

    def tell(text: str) -> None:
        told.append(text)
        if text == "ready":
            ready.set()

    async with asyncio.TaskGroup() as tasks:
        living = tasks.create_task(run(plan, BEGAN, tell))
        async with asyncio.timeout(10):
            await ready.wait()
        yield told
        living.cancel()


async def test_a_serial_device_is_behind_its_link_and_speaks(tmp_path: Path) -> None:
    link = tmp_path / "nonin"
    driver = load_drivers().driver("nonin-serial")
    assert driver.link is not None
    async with running(Plan(["nonin"], link)) as told:
        assert told == [f"nonin is at {link}", "ready"]
        connector = SerialConnector(driver.link, PortMatch(path=link), SystemClock())  # type: ignore[arg-type]
        async with asyncio.timeout(10), connector.connect() as connection:
            assert (await connection.receive()).data
    assert not there(link)


async def test_several_are_in_one_directory_and_a_script_is_played(tmp_path: Path) -> None:
    async with running(Plan(["bci5", "masimo"], tmp_path, "at 0s bci5 unplug\n")) as told:
        assert told == [f"bci5 is at {tmp_path / 'bci5'}", f"masimo is at {tmp_path / 'masimo'}", "ready"]
        async with asyncio.timeout(10):
            while there(tmp_path / "bci5"):  # noqa: ASYNC110 - the file system has no event
                await asyncio.sleep(0.01)
        assert there(tmp_path / "masimo")


async def test_a_ble_device_is_heard_through_a_controller_of_another_process() -> None:
    """As behind /dev/vhci, but the host that drives the controller is Bumble's, over TCP."""
    port = free_port()
    async with running(Plan(["heart-rate-strap"], hci=f"tcp-server:127.0.0.1:{port}")) as told:
        assert told == ["heart-rate-strap is on the air at F0:00:00:00:00:01", "ready"]
        async with await open_transport(f"tcp-client:127.0.0.1:{port}") as transport:
            host = Device.with_hci("host", hci.Address("F1:00:00:00:00:01"), transport.source, transport.sink)
            heard: asyncio.Future[Advertisement] = asyncio.get_running_loop().create_future()
            host.on("advertisement", lambda found: None if heard.done() else heard.set_result(found))
            async with asyncio.timeout(10):
                await host.power_on()
                await host.start_scanning()
                found = await heard
    assert str(found.address)[:17] == "F0:00:00:00:00:01"
    assert found.data.get(AdvertisingData.COMPLETE_LOCAL_NAME) == "HRM strap"


@pytest.mark.parametrize(
    ("plan", "reason"),
    [
        (Plan(["none-such"]), "no virtual device is called 'none-such'"),
        (Plan(["nonin", "nonin"]), "name each device once"),
        (Plan([]), "name each device once"),
        (Plan(["o2ring"]), "o2ring is a BLE device"),
        (Plan(["nonin"], Path("/proc/none/nonin")), "--link"),
        (Plan(["nonin"], Path("/tmp/never"), "at 1s cuff measure"), "no device is called 'cuff'"),  # noqa: S108 - never made
    ],
)
async def test_what_cannot_be_simulated_is_told(plan: Plan, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        await run(plan, BEGAN, lambda _text: None)


async def test_a_controller_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    with pytest.raises(LinkError, match="cannot be opened"):
        await run(Plan(["o2ring"], hci=f"vhci:{tmp_path / 'none'}"), BEGAN, lambda _text: None)


def test_every_device_has_a_name_of_its_own() -> None:
    assert len(titles()) == len({*titles()}) >= 20
    assert titles()["nonin"].startswith("serial")
    assert titles()["o2ring"].startswith("BLE")


async def test_a_script_reaches_a_ble_device() -> None:
    patient = Patient(1)
    device = MODELS["blood-pressure-cuff"].make(Air(), "C0:00:00:00:00:01", patient, lambda: 0.0)
    actor = BleActor(device, patient)
    before = device.clock.local()
    for verb, on, args in (
        ("low-battery", True, ()),
        ("wrong-clock", True, (("by", 3600.0),)),
        ("nan", True, ()),
        ("silent", True, ()),
        ("desaturate", True, (("to", 80.0), ("over", 1.0), ("for", 5.0))),
        ("out-of-range", True, ()),
    ):
        actor.act(Step(0.0, "cuff", verb, on, args))
    assert device.battery < 10
    assert (device.clock.local() - before).total_seconds() == 3600
    assert device.air.away(device.controller)
    assert patient.vitals(3.0).spo2 < 85
    for verb, args in (("low-battery", ()), ("wrong-clock", (("by", 3600.0),)), ("out-of-range", ())):
        actor.act(Step(9.0, "cuff", verb, False, args))
    assert (device.battery, device.clock.local()) == (100, before)
    assert not device.air.away(device.controller)
    assert "measure" in actor.verbs
    with pytest.raises(ConfigError, match="cannot garbage"):
        actor.act(Step(0.0, "cuff", "garbage"))
