"""The commands ``hub-agent devices …``: finding, trying and configuring devices.

Owns: their arguments and screens. Never: holds logic; ``hub_agent.field`` does.
"""

import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from pydantic import ValidationError

from hub_agent.cli_base import DEFAULT_CONFIG, ConfigOption, JsonOption, told
from hub_agent.config import Config, Device
from hub_agent.errors import ConfigError, HubError, LinkError

app = typer.Typer(help="Find, try and configure devices.", no_args_is_help=True, rich_markup_mode=None)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The hub's alias of the device.")]
DriverOption = Annotated[str, typer.Option("--driver", metavar="DRIVER", help="One of `hub-agent drivers`.")]
AddressOption = Annotated[str | None, typer.Option("--address", metavar="AA:BB:…", help="BLE: its address.")]
PortOption = Annotated[str | None, typer.Option("--port", metavar="PATH", help="Serial: a port whose name stays.")]
UsbOption = Annotated[str | None, typer.Option("--usb", metavar="VID:PID[:SERIAL]", help="Serial: its USB adapter.")]
OptionOption = Annotated[
    list[str], typer.Option("--option", metavar="KEY=VALUE", help="For the driver; may be given again.")
]
CommandOption = Annotated[
    str, typer.Option("--command", metavar="COMMAND", help="Give this command of its driver, once, when it is reached.")
]
CaptureOption = Annotated[
    Path | None, typer.Option("--capture", metavar="FILE", help="Write what was said; never over a file.")
]
SecondsOption = Annotated[float, typer.Option("--seconds", metavar="N", min=0.1, help="How long.", show_default=True)]

_WIDTH: Final = 20
"""Bytes that are shown on a line; longer frames go on below."""


@app.command("list")
@told
def list_devices(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """List the configured devices, and how each is while the hub runs.

    Example: hub-agent devices list
    """
    from hub_agent import control
    from hub_agent.config import load

    found = load(config)
    try:
        states = asyncio.run(control.ask_status(found.hub.runtime_dir))["devices"]
    except LinkError:
        states = {}
    rows = [
        {
            "name": device.name,
            "driver": device.driver,
            "way": device.address or device.usb or (str(device.port) if device.port else "by its own USB chip"),
            "state": states.get(device.name, {}).get("state", "hub not running"),
            "readings": states.get(device.name, {}).get("readings"),
            "last_reading_age_s": states.get(device.name, {}).get("last_reading_age_s"),
        }
        for device in found.devices
    ]
    if as_json:
        typer.echo(json.dumps({"devices": rows}))
        return
    for row in rows:
        last = "" if row["last_reading_age_s"] is None else f", last reading {row['last_reading_age_s']:.1f} s ago"
        typer.echo(f"{row['name']:16} {row['driver']:22} {row['way']:34} {row['state']}{last}")


@app.command()
@told
def scan(seconds: SecondsOption = 10.0, as_json: JsonOption = False) -> None:
    """Look for devices on the air and on USB, with the drivers that fit.

    Example: hub-agent devices scan --seconds 20
    """
    from hub_agent.clock import SystemClock
    from hub_agent.devices.ways import bluez
    from hub_agent.field.survey import survey, usb_id
    from hub_agent.registry import load_drivers

    found = asyncio.run(survey(seconds, load_drivers().drivers, bluez, SystemClock()))
    if as_json:
        typer.echo(json.dumps(found.plain()))
        return
    for one in found.ble:
        typer.echo(f"BLE     {one.address}  {one.rssi_dbm:>4} dBm  {one.name or '-':24} {_fitting(one.drivers)}")
    for port, drivers in found.serial:
        usb = usb_id(port)
        typer.echo(f"serial  {port.device}  {usb}  {port.serial_number or '-':24} {_fitting(drivers)}")
    for word in found.missing():
        typer.echo(word, err=True)


def _fitting(drivers: Sequence[str]) -> str:
    return ", ".join(drivers) or "no driver knows it by this"


@app.command("test")
@told
def try_one(
    name: NameArgument = "",
    config: ConfigOption = DEFAULT_CONFIG,
    driver: DriverOption = "",
    address: AddressOption = None,
    port: PortOption = None,
    usb: UsbOption = None,
    option: OptionOption = [],  # noqa: B006 - typer copies it
    seconds: SecondsOption = 30.0,
    command: CommandOption = "",
    capture: CaptureOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run one device and show its frames beside its readings.

    NAME is a device of the configuration. Without one, --driver and --address, --port or --usb say what to reach.
    A device that shows six digits to be paired is paired: you are asked for them.
    A capture holds the vital signs of whoever wears the device: guard it as such. Exits 1 when nothing was read.

    Example: hub-agent devices test oximeter --seconds 60 --capture oximeter.jsonl
    """
    from hub_agent.clock import SystemClock
    from hub_agent.config import load
    from hub_agent.devices.ways import bluez
    from hub_agent.field import digits, stanza
    from hub_agent.field.reach import ways_for
    from hub_agent.field.screen import RadioNews, Screen
    from hub_agent.field.trial import Tally, trial
    from hub_agent.registry import load_drivers

    registry = load_drivers()
    clock = SystemClock()
    if driver:
        way = stanza.way(address, port, usb)
        device = _checked({"name": name or "device", "driver": driver, **way, "options": stanza.options_of(option)})
    else:
        found = load(config, registry.drivers)
        clock = SystemClock(found.hub.timezone)
        device = _named(found, name)
    screen = Screen(typer.echo, as_json=as_json, width=_WIDTH)
    known = registry.driver(device.driver)
    radio = RadioNews(_aside)

    async def run() -> Tally:
        with ExitStack() as stack:
            file = stack.enter_context(_new(capture)) if capture else None
            async with ways_for(known.link, bluez, clock, radio, digits.asking(sys.stdin, _aside)) as ways:
                one = ways.connector(device, known)
                return await trial(device, known, one, clock, seconds, tell=screen.line, file=file, command=command)

    try:
        tally = asyncio.run(run())
    except* HubError as group:
        raise _first(group) from None
    screen.end(tally)
    radio.end()
    if not tally.readings:
        raise typer.Exit(1)


def _aside(text: str) -> None:
    typer.echo(text, err=True)


def _first(group: BaseExceptionGroup[HubError]) -> HubError:
    """Give the first error of a group: a trial has one device."""
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error


def _new(path: Path) -> Any:  # noqa: ANN401 - a text file
    try:
        return path.open("x", encoding="utf-8")
    except FileExistsError:
        raise ConfigError(f"{path} exists", hint="a capture is never overwritten") from None
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error


@app.command()
@told
def replay(
    file: Annotated[Path, typer.Argument(metavar="CAPTURE", help="A capture file.")],
    driver: DriverOption = "",
    fill: Annotated[bool, typer.Option("--fill", help="Write the readings into the file, for you to review.")] = False,
    refill: Annotated[bool, typer.Option("--refill", help="As --fill, also over readings that differ.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Play a capture to a driver and show its frames beside its readings.

    No device is needed.

    Example: hub-agent devices replay oximeter.jsonl
    """
    from hub_agent.captures import Frame, load, play
    from hub_agent.captures import fill as fill_in
    from hub_agent.driver import Write
    from hub_agent.field.screen import Screen
    from hub_agent.registry import load_drivers

    capture = load(file)
    if not driver and not capture.head.driver:
        raise ConfigError(f"{file} names no driver", hint="give --driver")
    known = load_drivers().driver(driver or capture.head.driver)
    screen = Screen(typer.echo, as_json=as_json, width=_WIDTH)
    for line, actions in play(known, capture):
        if isinstance(line, Frame) and line.direction == "out":
            continue  # this driver may say something else
        screen.line(line, actions)
        for action in actions:
            if isinstance(action, Write):
                screen.line(Frame(line.at_s, action.channel, action.data, "out"), ())
    if fill or refill:
        fill_in(known, file, again=refill)


@app.command()
@told
def add(
    name: NameArgument,
    driver: DriverOption,
    address: AddressOption = None,
    port: PortOption = None,
    usb: UsbOption = None,
    pairing: Annotated[str | None, typer.Option("--pairing", metavar="none|bond|passkey", help="BLE pairing.")] = None,
    cadence_s: Annotated[float | None, typer.Option("--cadence", metavar="N", help="Seconds between readings.")] = None,
    option: OptionOption = [],  # noqa: B006 - typer copies it
    config: ConfigOption = DEFAULT_CONFIG,
    dry: Annotated[bool, typer.Option("--print", help="Print the table; change nothing.")] = False,
) -> None:
    """Add a device to the configuration file. The file is changed only if the result is good.

    Example: hub-agent devices add oximeter --driver nonin-ble --address 00:00:5E:00:53:01
    """
    from hub_agent.field import stanza
    from hub_agent.registry import load_drivers

    device: Mapping[str, Any] = {
        "name": name,
        "driver": driver,
        **stanza.way(address, port, usb),
        "pairing": pairing,
        "cadence_s": cadence_s,
        "options": stanza.options_of(option),
    }
    drivers = load_drivers().drivers
    if dry:
        text = stanza.read(config) if config.exists() else ""
        stanza.judge(text, device, config, drivers)
        typer.echo(stanza.stanza(device), nl=False)
        return
    stanza.replace_file(config, stanza.added(stanza.read(config), device), drivers)
    typer.echo(f"{name} is in {config}. Restart the hub to run it: systemctl restart hub-agent")


@app.command()
@told
def remove(name: NameArgument, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Take a device out of the configuration file. Readings that are stored stay.

    Example: hub-agent devices remove oximeter
    """
    from hub_agent.field import stanza
    from hub_agent.registry import load_drivers

    stanza.replace_file(config, stanza.removed(stanza.read(config), name), load_drivers().drivers)
    typer.echo(f"{name} is no longer in {config}. Restart the hub to let go of it: systemctl restart hub-agent")


def _checked(values: Mapping[str, Any]) -> Device:
    try:
        return Device.model_validate({key: value for key, value in values.items() if value is not None})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise ConfigError(f"--{where}: {first.get('ctx', {}).get('reason') or first['msg']}") from None


def _named(config: Config, name: str) -> Device:
    for device in config.devices:
        if device.name == name:
            return device
    known = ", ".join(device.name for device in config.devices) or "none"
    raise ConfigError(f"no device is called {name!r}" if name else "which device?", hint=f"there are: {known}")
