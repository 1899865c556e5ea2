"""The daemon: from a configuration file to a running hub and back, under systemd or by hand.

Owns: the process: signals, logs, exit codes. Never: wires parts; ``app`` does.
"""

import asyncio
import faulthandler
import gc
import signal
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Final

from hub_agent import config as configuration
from hub_agent import control, logs
from hub_agent.alarms.annunciator import Output
from hub_agent.alarms.outputs import Bell, Hook, Led
from hub_agent.app import running
from hub_agent.config import Config
from hub_agent.devices.mark import NAME, Mark
from hub_agent.devices.ways import bluez, opener
from hub_agent.errors import ConfigError, HubError
from hub_agent.registry import Around, Registry, load_drivers

RESTART: Final = 75
"""Exit code after ``agent.restart`` (sysexits EX_TEMPFAIL): the supervisor starts the hub anew."""
IMPORT_S: Final = 45.0
"""The longest that drivers may take to be imported: some seconds for the largest package, from the slowest card."""


def main(path: Path) -> int:
    """Run until a signal ends it; give the exit code: 0, RESTART, 2 for the configuration's fault, 1 for any other.

    Raises:
        ConfigError: the configuration cannot be used.
    """
    config = configuration.load(path)
    logs.configure(config.log.level, config.log.format)
    log = logs.get_logger("daemon")
    leaves: list[BaseException] = []
    try:
        return asyncio.run(_run(config))
    except* Exception as group:  # noqa: BLE001 - the last place: Python's own traceback would log whatever values it met
        leaves = _leaves(group)
    for error in leaves:
        why = str(error) if isinstance(error, HubError) else ""
        log.critical("hub_failed", error=type(error).__name__, why=why, exc_info=error)
    return 2 if all(isinstance(error, ConfigError) for error in leaves) else 1


def _leaves(group: BaseExceptionGroup[Exception]) -> list[BaseException]:
    leaves: list[BaseException] = []
    for error in group.exceptions:
        leaves += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return leaves


def outputs_of(config: Config) -> tuple[Output, ...]:
    """Make the outputs that ``[annunciator]`` names."""
    section = config.annunciator
    outputs: list[Output] = []
    if section.bell:
        outputs.append(Bell(sys.stderr))
    if section.led is not None:
        outputs.append(Led(section.led))
    if section.command:
        outputs.append(Hook(section.command))
    return tuple(outputs)


def _load_in_time(wanted: Collection[str], around: Around) -> Registry:
    """Load drivers, or end the process: a package that computes for ever as it is imported holds all others up.

    No supervisor may be patient here: nothing is read meanwhile, and the next life knows who it was.
    """
    faulthandler.dump_traceback_later(IMPORT_S, exit=True)  # its thread needs no lock of Python's
    try:
        return load_drivers(wanted, around)
    finally:
        faulthandler.cancel_dump_traceback_later()


async def _run(config: Config) -> int:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    faulthandler.enable()  # what the watchdog ends says where it was: files, lines, functions, no value
    outputs, mark = outputs_of(config), Mark(config.hub.runtime_dir / NAME, config.hub.state_dir / NAME)
    async with (
        running(config, opener(bluez), load=_load_in_time, outputs=outputs, mark=mark) as agent,
        control.serving(config.hub.runtime_dir, agent.health.snapshot),
    ):
        gc.collect()
        gc.freeze()  # no later collection walks what lives as long as the process, while readings wait for it
        async with asyncio.TaskGroup() as waiting:
            ends = [waiting.create_task(event.wait()) for event in (ended, agent.restart)]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            for task in ends:
                task.cancel()
        return RESTART if agent.restart.is_set() else 0
