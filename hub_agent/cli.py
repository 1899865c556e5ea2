"""The command ``hub-agent``: what a technician, a driver author and systemd call.

Owns: arguments, screens and exit codes (0 ok, 1 failed, 2 wrong use).
Never: holds logic that a test would need a terminal for. Heavy parts are imported by the command that needs them, so
that the daemon does not carry the screens.
"""

import asyncio
import json
import os
import sys
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from hub_agent import cli_devices, cli_simulate
from hub_agent.cli_base import DEFAULT_CONFIG, ConfigOption, JsonOption, told
from hub_agent.errors import ConfigError

app = typer.Typer(
    name="hub-agent",
    help="The home hub of a hospital at home.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
)
app.add_typer(cli_devices.app, name="devices")


@app.command()
@told
def run(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Run the hub in the foreground (what systemd starts).

    Example: hub-agent run --config /etc/hub-agent/hub-agent.toml
    """
    from hub_agent import daemon

    raise typer.Exit(daemon.main(config))


@app.command()
@told
def check(
    config: ConfigOption = DEFAULT_CONFIG,
    no_files: Annotated[bool, typer.Option("--no-files", help="Do not look at the files that it names.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Check a configuration file and the files that it names.

    Each mistake is told with its line and what to do.

    Example: hub-agent check --config config/hub-agent.toml --no-files
    """
    from hub_agent.config import MistakesError, load, refuse
    from hub_agent.field import credentials
    from hub_agent.field.files import findings
    from hub_agent.registry import load_drivers

    try:
        found = load(config, load_drivers().drivers)
        if not no_files:
            refuse([*findings(found, os.environ)], config.read_text(encoding="utf-8"), config)
    except MistakesError as error:
        if not as_json:
            raise
        mistakes = [
            {"file": str(config), "line": m.line, "key": m.key, "reason": m.reason, "remedy": m.remedy}
            for m in error.mistakes
        ]
        typer.echo(json.dumps({"ok": False, "mistakes": mistakes}))
        raise typer.Exit(2) from None
    doubts = [] if no_files else [*credentials.doubts(found, os.environ)]
    summary = {"ok": True, "hub": found.hub.id, "devices": len(found.devices), "limits": len(found.limits)}
    if as_json:
        typer.echo(json.dumps({**summary, "doubts": doubts}))
    else:
        for doubt in doubts:
            typer.echo(f"look: {doubt}", err=True)
        typer.echo(f"{config} is good: hub {found.hub.id}; devices: {len(found.devices)}, limits: {len(found.limits)}.")


@app.command()
@told
def drivers(as_json: JsonOption = False) -> None:
    """List what can be read, over which link, and what can be set.

    Example: hub-agent drivers
    """
    from hub_agent.driver import BleLink
    from hub_agent.nomenclature import quantity
    from hub_agent.registry import load_drivers

    registry = load_drivers()
    rows: list[dict[str, Any]] = [
        {
            "driver": driver.name,
            "title": driver.title,
            "link": "BLE" if isinstance(driver.link, BleLink) else "serial",
            "measures": sorted(quantity(code).text for code in driver.measures),
            "level": driver.level,
            "options": dict(driver.options),
            "commands": sorted(driver.commands),
        }
        for driver in sorted(registry.drivers.values(), key=lambda driver: driver.name)
    ]
    if as_json:
        typer.echo(json.dumps({"drivers": rows, "broken": dict(registry.broken)}))
        return
    for row in rows:
        typer.echo(f"{row['driver']:24} {row['link']:7} {row['level']:9} {row['title']}")
        typer.echo(f"{'':24} {', '.join(row['measures'])}")
        for key, does in row["options"].items():
            typer.echo(f"{'':24} option {key}: {does}")
        if row["commands"]:
            typer.echo(f"{'':24} commands: {', '.join(row['commands'])}")
    for name, why in registry.broken.items():
        typer.echo(f"{name:24} broken: {why}", err=True)


def _plain(value: object) -> Any:  # noqa: ANN401 - JSON
    """Turn exact numbers into JSON numbers; they compare as decimals with what was meant."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() and abs(value) < 2**53 else float(value)
    raise TypeError(f"{type(value).__name__} is not JSON")


@app.command()
@told
def decode(
    jsonl: Annotated[bool, typer.Option("--jsonl", help="Read questions from standard input, one a line.")] = False,
    wire_format: Annotated[str, typer.Option("--format", metavar="NAME", help="The wire format of HEX.")] = "",
    hex_bytes: Annotated[str, typer.Argument(metavar="HEX", help="The bytes.")] = "",
    list_formats: Annotated[bool, typer.Option("--list", help="List the wire formats.")] = False,
) -> None:
    """Decode bytes, for driver authors.

    With --jsonl each input line is {"format": …, "hex": …}, answered by {"fields": …} or {"error": …}, or
    {"driver": …, "channel": …, "hex": …}, answered by {"readings": […]} or {"error": …}.

    Example: hub-agent decode --format ble.2a37 164d1603
    """
    from hub_agent import decoding

    if list_formats:
        typer.echo("\n".join(sorted(decoding.format_names())))
        return
    if jsonl:
        for line in sys.stdin:
            if line.strip():
                typer.echo(json.dumps(decoding.answer_line(line), default=_plain))
        return
    if not wire_format or not hex_bytes:
        raise ConfigError("decode needs --format NAME and HEX, or --jsonl", hint="hub-agent decode --help")
    answer = decoding.answer({"format": wire_format, "hex": hex_bytes})
    typer.echo(json.dumps(answer, default=_plain, indent=2))
    if "error" in answer:
        raise typer.Exit(1)


@app.command()
@told
def identity(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="Where the private key goes; mode 0600.")],
) -> None:
    """Make the hub's identity key and print its public half.

    The NOC registers the hub by it.

    Example: hub-agent identity /etc/hub-agent/identity.pem > hub-0001.pub
    """
    from hub_agent import identity as keys

    try:
        key = keys.make(path)
    except FileExistsError:
        raise ConfigError(f"{path} exists", hint="a hub's identity is never overwritten; move it away first") from None
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    typer.echo(keys.public_pem(key).decode(), nl=False)


@app.command()
@told
def status(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Show the state of the running hub.

    Example: hub-agent status
    """
    from hub_agent import control
    from hub_agent.config import load

    answer = asyncio.run(control.ask_status(load(config).hub.runtime_dir))
    if as_json:
        typer.echo(json.dumps(answer))
        return
    from hub_agent.status_screen import lines

    for line in lines(answer):
        typer.echo(line)


@app.command()
@told
def doctor(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Examine the hub and what it stands on.

    Each line is green, or red with what to do. Exits 1 if any is red.

    Example: hub-agent doctor
    """
    from hub_agent.clock import SystemClock, clock_synced
    from hub_agent.config import load
    from hub_agent.devices.ways import bluez
    from hub_agent.field import doctor as practice
    from hub_agent.registry import load_drivers

    async def examine() -> tuple[practice.Finding, ...]:
        found = load(config)
        status = await practice.ask_hub(found)
        now = SystemClock().now()
        patient = practice.Patient(found, load_drivers().drivers, status, now, clock_synced(), bluez)
        return await practice.examine(patient)

    try:
        findings = asyncio.run(examine())
    except ConfigError as error:
        findings = (
            practice.Finding("configuration", False, str(error.args[0]), error.hint or "`hub-agent check` says more"),
        )
    well = all(finding.ok for finding in findings)
    if as_json:
        typer.echo(json.dumps({"ok": well, "findings": [asdict(finding) for finding in findings]}))
    else:
        for finding in findings:
            typer.secho("ok   " if finding.ok else "RED  ", nl=False, bold=True, fg="green" if finding.ok else "red")
            remedy = f"\n     -> {finding.remedy}" if finding.remedy else ""
            typer.echo(f"{finding.what}: {finding.told}{remedy}")
    if not well:
        raise typer.Exit(1)


@app.command()
@told
def demo(
    seconds: Annotated[float | None, typer.Option("--seconds", metavar="N", min=1, help="End after N seconds.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="No screen; the last line is one JSON object.")] = False,
    cut_for: Annotated[float, typer.Option("--cut", metavar="N", min=0, help="Cut the broker for N seconds.")] = 0.0,
    cut_at: Annotated[
        float, typer.Option("--cut-at", metavar="N", min=0, help="Seconds into the demo when it is cut.")
    ] = 20.0,
    broker: Annotated[
        Literal["auto", "mosquitto", "amqtt"],
        typer.Option("--broker", help="Which one runs; auto: mosquitto if installed."),
    ] = "auto",
) -> None:
    """Show everything on one machine: devices, agent, broker, NOC.

    The devices are virtual; no root and no hardware are needed.

    Example: hub-agent demo --seconds 60 --json --cut 20
    """
    try:
        from hub_agent.demo import show, terminal
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"the demo needs {error.name}", hint="pip install 'hub-agent[demo]', or scripts/demo"
        ) from None
    if as_json and seconds is None:
        raise ConfigError("--json needs --seconds", hint="hub-agent demo --seconds 60 --json")
    if seconds is None and not sys.stdout.isatty():
        raise ConfigError("the live screen needs a terminal", hint="or: hub-agent demo --seconds 60 --json")
    typer.echo("starting a broker, a NOC, a hub and its devices …", err=True)
    summary = show.run(show.Plan(seconds, as_json, cut_at, cut_for, broker))
    typer.echo(json.dumps(summary) if as_json else terminal.last_words(summary))
    if summary["lost"] or summary["duplicates"] or summary["confirmed"] != summary["stored"]:
        raise typer.Exit(1)


app.command(name="simulate")(told(cli_simulate.simulate))


def main() -> None:
    """Run the command line. SIGPIPE stays ignored: the daemon must outlive a broker that hangs up as it writes."""
    app()
