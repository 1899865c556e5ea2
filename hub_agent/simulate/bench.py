"""A bench of virtual devices for a hub that knows nothing of it: serial ones on a pty, BLE ones behind a controller.

Owns: which devices are on it, the script that is played to them, and how they are reached.
Never: imports the radio's libraries unless a BLE device is asked for.

A BLE device needs a controller that the hub's Bluetooth stack can drive: ``vhci`` makes one for the Linux kernel
(``/dev/vhci``, root), and any other transport of Bumble (``tcp-server:…``, ``pty:…``) offers one to another stack.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from hub_agent.errors import ConfigError, LinkError
from hub_agent.simulate.pace import RealPace
from hub_agent.simulate.physiology import Patient
from hub_agent.simulate.player import Actor, check, play
from hub_agent.simulate.script import Event
from hub_agent.simulate.script_parser import parse
from hub_agent.simulate.serial_devices import MODELS, VirtualSerial

if TYPE_CHECKING:
    from hub_agent.simulate.ble_devices import Model

_ADDRESS = "F0:00:00:00:00:{:02X}"


@dataclass(frozen=True, slots=True)
class Plan:
    """What to put on the bench.

    Attributes:
        names: of the devices, serial and BLE, each once.
        link: where a serial device's port appears; a directory for several. None makes one.
        script: of faults; empty for none.
        hci: Bumble transport of the controller for BLE devices.
        seed: of the patient.
    """

    names: Sequence[str]
    link: Path | None = None
    script: str = ""
    hci: str = ""
    seed: int = 0


def titles() -> dict[str, str]:
    """Name every virtual device, with what it is; BLE ones only where the radio's libraries are installed."""
    known = {name: f"serial  {model.title} ({model.link.baudrate} baud)" for name, model in MODELS.items()}
    with suppress(ModuleNotFoundError):
        known |= {name: f"BLE     {model.title}" for name, model in _ble().items()}
    return known


def _ble() -> "Mapping[str, Model]":
    from hub_agent.simulate import ble_devices  # noqa: PLC0415 - Bumble, which a serial device needs not

    return ble_devices.MODELS


async def run(plan: Plan, began: datetime, tell: Callable[[str], object]) -> None:
    """Let the devices live, until cancelled.

    Args:
        plan: which.
        began: the home's wall clock now, naive.
        tell: is told how each device is reached, and when all are there.

    Raises:
        ConfigError: a device that there is not, a script that cannot be played, or no way to the BLE devices.
        LinkError: the controller cannot be opened.
    """
    serial = [name for name in plan.names if name in MODELS]
    ble = [name for name in plan.names if name not in MODELS]
    unknown = [name for name in ble if name not in titles()]
    if unknown or not plan.names or len(set(plan.names)) != len(plan.names):
        raise ConfigError(
            f"no virtual device is called {unknown[0]!r}" if unknown else "name each device once",
            hint="`hub-agent simulate` lists them",
        )
    events = parse(plan.script)
    pace, patient = RealPace(), Patient(plan.seed)
    async with _lines(plan, serial, patient, began, pace) as lines, _radio(plan, ble, patient, began, pace) as radio:
        actors: dict[str, Actor] = {**lines, **radio}
        check(events, actors)
        async with asyncio.TaskGroup() as tasks:
            for name, line in lines.items():
                tell(f"{name} is at {_place(plan, name, serial)}")
                tasks.create_task(line.run(), name=name)
            for name in radio:
                tell(f"{name} is on the air at {_ADDRESS.format(ble.index(name) + 1)}")
            tell("ready")
            await _played(events, actors, pace)


async def _played(events: Sequence[Event], actors: Mapping[str, Actor], pace: RealPace) -> None:
    await play(events, actors, pace)
    await asyncio.Event().wait()


def _place(plan: Plan, name: str, serial: Sequence[str]) -> Path:
    """Say where a serial device's port appears."""
    if plan.link is None:
        return Path(tempfile.gettempdir()) / f"hub-agent-{name}"
    return plan.link if len(serial) == 1 else plan.link / name


@asynccontextmanager
async def _lines(
    plan: Plan, names: Sequence[str], patient: Patient, began: datetime, pace: RealPace
) -> AsyncIterator[dict[str, VirtualSerial]]:
    lines: dict[str, VirtualSerial] = {}
    try:
        for name in names:
            try:
                lines[name] = VirtualSerial(name, _place(plan, name, names), patient, began, pace, seed=plan.seed)
            except OSError as error:
                raise ConfigError(f"--link: {_place(plan, name, names)}: {error.strerror}") from error
        yield lines
    finally:
        for line in lines.values():
            line.close()


@asynccontextmanager
async def _radio(
    plan: Plan, names: Sequence[str], patient: Patient, began: datetime, pace: RealPace
) -> AsyncIterator[dict[str, Actor]]:
    if not names:
        yield {}
        return
    if not plan.hci:
        raise ConfigError(
            f"{names[0]} is a BLE device", hint="give --hci vhci (root, Linux) or another Bumble transport"
        )
    from bumble.transport import open_transport  # noqa: PLC0415

    from hub_agent.simulate.ble_devices import BleActor, DeviceClock  # noqa: PLC0415
    from hub_agent.simulate.radio.air import Air, adapter  # noqa: PLC0415

    try:
        transport = await open_transport(plan.hci)
    except (OSError, ValueError) as error:
        raise LinkError(
            f"--hci {plan.hci} cannot be opened: {type(error).__name__}", hint="vhci needs root and /dev/vhci"
        ) from error
    async with transport, asyncio.TaskGroup() as tasks:
        air = Air()
        adapter(air, transport.source, transport.sink)
        living = []
        actors: dict[str, Actor] = {}
        for number, name in enumerate(names, 1):
            clock = DeviceClock(began, pace.now_s)
            device = _ble()[name].make(air, _ADDRESS.format(number), patient, pace.now_s, clock=clock)
            await device.power_on()
            living.append(tasks.create_task(device.run(), name=name))
            actors[name] = BleActor(device, patient)
        try:
            yield actors
        finally:
            for task in living:
                task.cancel()
            if (server := getattr(transport, "server", None)) is not None:
                server.close()  # Bumble 0.0.236 leaves a server's socket open
