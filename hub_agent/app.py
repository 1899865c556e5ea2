"""Runs a hub: what is opened, in which order, and the two task groups of the design.

Owns: start and end. Never: holds logic of its own; a decision that could be tested alone belongs to a part.

    devices ─▶ runners ─▶ intake ─┬─▶ alarm book ─▶ annunciator
                                  └─▶ outbox ─▶ forwarder ─▶ broker ─▶ NOC
    broker ─▶ desk ─▶ orders ─▶ results ─▶ intake
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Final

from hub_agent.alarms.annunciator import Output
from hub_agent.builder import Builder, Load
from hub_agent.clock import Clock, SystemClock
from hub_agent.config import Config
from hub_agent.deaths import Deaths
from hub_agent.devices.mark import Mark
from hub_agent.outbox.outbox import Outbox
from hub_agent.parts import Agent, OpenWays, Parts
from hub_agent.registry import load_drivers
from hub_agent.supervise import Progress, feed_watchdog, notify

_INTAKE_S: Final = 15.0
"""Intake turns at least once a second, or as fast as the card is; this late, it is stuck."""
_UPLINK_S: Final = 40.0
"""The uplink turns once a second too, but a slow broker may take its time-outs one after the other to connect."""


async def _load(build: Builder, outbox: Outbox, mark: Mark) -> Deaths:
    """Load the drivers; first take up with whom earlier lives died, for that may have been a package on its import."""
    deaths = Deaths(outbox, mark, build.clock, {device.name: device.driver for device in build.config.devices})
    await deaths.restore()
    build.load(deaths.importing)
    return deaths


@asynccontextmanager
async def running(
    config: Config,
    open_ways: OpenWays,
    *,
    load: Load = load_drivers,
    clock: Clock | None = None,
    outputs: Sequence[Output] = (),
    mark: Mark | None = None,
) -> AsyncIterator[Agent]:
    """Run a hub for as long as the context is open.

    Args:
        config: the validated configuration.
        open_ways: opens the ways to devices, as an async context manager of :class:`Ways`.
        load: loads the drivers of the configured devices.
        clock: the machine's, unless a test brings its own.
        outputs: show and sound the annunciator's signal.
        mark: tells, and keeps for the next life, which device's driver is at work.

    Raises:
        HubError: a part could not be opened.
    """
    clock = clock or SystemClock(config.hub.timezone)
    build = Builder(config, clock, load)
    async with AsyncExitStack() as stack:
        stack.enter_context(build.alone())
        outbox = build.outbox()
        stack.push_async_callback(outbox.close)
        deaths = await _load(build, outbox, mark or Mark())
        parts = Parts(build, outbox, build.book(), deaths, outputs)
        await parts.restore()
        ways = await stack.enter_async_context(open_ways(config, clock, parts.reporter.radio, outbox))
        runners = [runner for device in config.devices if (runner := parts.sources.runner(device, ways)) is not None]
        progress = Progress(clock)
        sinks = await stack.enter_async_context(asyncio.TaskGroup())
        intake_task = sinks.create_task(parts.intake.run(partial(progress.show, "intake")), name="intake")
        tasks = [
            sinks.create_task(parts.obey(), name="commands"),
            sinks.create_task(parts.broker().run(partial(progress.show, "uplink")), name="uplink"),
            sinks.create_task(parts.keep_house(), name="housekeeping"),
            sinks.create_task(parts.keep_showing(), name="annunciator"),
            sinks.create_task(parts.salvage(), name="salvage"),
            sinks.create_task(feed_watchdog(progress), name="watchdog"),
        ]
        progress.expect("intake", _INTAKE_S)
        progress.expect("uplink", _UPLINK_S)
        async with asyncio.TaskGroup() as sources:
            running_sources = [sources.create_task(ways.run(), name="radio")]
            running_sources += [sources.create_task(parts.sources.keep(runner), name=runner.name) for runner in runners]
            notify("READY=1")
            parts.started()
            try:
                yield parts.agent
            finally:
                notify("STOPPING=1")
                for task in running_sources:
                    task.cancel()
        await parts.intake.drain()
        await parts.notes.write(ended=True)
        await deaths.forgive()
        for task in (*tasks, intake_task):
            task.cancel()
