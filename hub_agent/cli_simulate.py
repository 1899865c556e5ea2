"""The command ``hub-agent simulate``: virtual devices for a hub that does not know the difference.

Owns: its arguments and its screen. Never: holds logic; ``hub_agent.simulate.bench`` does.
"""

import asyncio
import json
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from hub_agent.cli_base import JsonOption
from hub_agent.errors import ConfigError


def simulate(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME", help="Which devices; without any they are listed.")
    ] = None,
    link: Annotated[
        Path | None,
        typer.Option("--link", metavar="PATH", help="Serial: where the port appears; for several a directory."),
    ] = None,
    script: Annotated[
        Path | None,
        typer.Option("--script", metavar="FILE", help="What goes wrong when, such as: at 12s nonin unplug for 5s"),
    ] = None,
    hci: Annotated[str, typer.Option("--hci", metavar="TRANSPORT", help="BLE: vhci, or a Bumble transport.")] = "",
    seed: Annotated[
        int, typer.Option("--seed", metavar="N", help="Another number, another patient.", show_default=True)
    ] = 0,
    seconds: Annotated[
        float | None, typer.Option("--seconds", metavar="N", min=0.1, help="End after N seconds.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Run virtual devices.

    Serial ones are on a pty, BLE ones behind a virtual controller.

    Example: hub-agent simulate nonin --link /tmp/nonin
    """
    from hub_agent.clock import SystemClock
    from hub_agent.simulate import bench

    if not names:
        known = bench.titles()
        typer.echo(json.dumps(known) if as_json else "\n".join(f"{name:20} {text}" for name, text in known.items()))
        return
    try:
        text = "" if script is None else script.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise ConfigError(f"--script {script}: {why}") from error
    plan = bench.Plan(names, link, text, hci, seed)
    began = SystemClock().now().astimezone().replace(tzinfo=None, microsecond=0)

    async def live() -> None:
        async with asyncio.timeout(seconds):
            await bench.run(plan, began, typer.echo)

    with suppress(TimeoutError, KeyboardInterrupt):
        asyncio.run(live())
