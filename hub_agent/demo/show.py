"""Runs the demo: everything on one machine, live on the screen or unattended.

Owns: the order in which the demo's parts start and stop, the keys, the last line.
Never: takes a short cut: the agent, its links and the NOC are the real ones; only devices and patients are virtual.
"""

import asyncio
import contextlib
import json
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from hub_agent import config as configuration
from hub_agent import identity, logs
from hub_agent.app import running
from hub_agent.clock import SystemClock
from hub_agent.demo import scene as scenery
from hub_agent.demo.broker import HOST, Broker, Wanted, broker
from hub_agent.demo.relay import Relay
from hub_agent.demo.screen import Page, View
from hub_agent.demo.tally import Tally
from hub_agent.demo.terminal import keys, screen
from hub_agent.devices.ways import opener
from hub_agent.errors import HubError
from hub_agent.model import ReadingClass
from hub_agent.parts import Agent
from hub_agent.simulate.pace import RealPace
from hub_agent.simulate.radio.host import VirtualHost

_REFRESH_S: Final = 0.25
_START_S: Final = 60.0
"""The longest that the NOC may take to start, on a busy machine; one that ends instead is noticed at once."""
_SETTLE_S: Final = 30.0
"""The longest that the end waits for what is still on its way."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What the demo was asked for.

    Attributes:
        seconds: how long, from when every part runs; None: until somebody quits.
        as_json: no screen, one JSON line at the end.
        cut_at_s: when the wire to the broker is cut by itself.
        cut_for_s: for how long; 0: never.
        broker: which to run.
    """

    seconds: float | None = None
    as_json: bool = False
    cut_at_s: float = 0.0
    cut_for_s: float = 0.0
    broker: Wanted = "auto"


def run(plan: Plan) -> dict[str, Any]:
    """Run the demo; give what the last line says. Raises HubError when a part could not be started, or it was ended."""
    logs.configure("critical", "json")
    directory = Path(tempfile.mkdtemp(prefix="hub-demo-"))
    try:
        return asyncio.run(_run(plan, directory))
    except asyncio.CancelledError:
        raise HubError("the demo was ended by a signal before it could count", hint="q ends it and counts") from None
    finally:
        shutil.rmtree(directory, ignore_errors=True)


async def _run(plan: Plan, directory: Path) -> dict[str, Any]:
    if (task := asyncio.current_task()) is not None:
        for number in (signal.SIGTERM, signal.SIGHUP):  # a closed window leaves neither a broker nor a NOC behind
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    key = identity.make(directory / "identity.pem")
    (directory / "hub.pub").write_bytes(identity.public_pem(key))
    await _noc(directory, "keygen", "noc")
    await _noc(
        directory, "hub", "add", scenery.HUB_ID, str(directory / "hub.pub"), "--store", str(directory / "noc.db")
    )
    async with broker(directory, plan.broker) as real, Relay(real.port).serving() as relay:
        file = directory / "hub-agent.toml"
        file.write_text(scenery.configuration(relay.port, real.protocol), encoding="utf-8")
        tally = Tally()
        async with _collecting(directory, real, tally) as pace:
            scene = scenery.build(directory, pace, datetime.now())  # noqa: DTZ005, TID251 - what a device's clock shows
            return await _play(plan, configuration.load(file), real, relay, scene, tally, pace)


async def _play(
    plan: Plan,
    config: configuration.Config,
    real: Broker,
    relay: Relay,
    scene: scenery.Scene,
    tally: Tally,
    pace: RealPace,
) -> dict[str, Any]:
    for peripheral in scene.ble.values():
        await peripheral.power_on()
    host = VirtualHost(scene.air)
    async with running(config, opener(lambda: host), clock=SystemClock(synced=lambda: True)) as agent:
        async with asyncio.TaskGroup() as tasks:
            devices = [tasks.create_task(one.run()) for one in scene.ble.values()]
            devices += [tasks.create_task(one.run()) for one in scene.serial.values()]
            devices.append(tasks.create_task(_measure(scene, pace)))
            cutting = tasks.create_task(_cut(plan, relay))
            with screen(silent=plan.as_json) as show:
                view = _Viewer(agent, tally, scene, relay, real, pace, interactive=not plan.as_json)
                await _watch(plan, view, show)
                await scene.confirmed()
                for task in (*devices, cutting):
                    task.cancel()
                relay.set_cut(False)
                await _settle(agent, tally, scene, lambda: show(Page(view())))
        return _sum(agent, tally, scene)


class _Viewer:
    """Makes a view of this instant."""

    def __init__(
        self,
        agent: Agent,
        tally: Tally,
        scene: scenery.Scene,
        relay: Relay,
        real: Broker,
        pace: RealPace,
        *,
        interactive: bool,
    ) -> None:
        self.relay = relay
        self.pace = pace
        self._agent = agent
        self._tally = tally
        self._scene = scene
        self._broker = f"{real.name} (MQTT {real.protocol})"
        self._interactive = interactive

    def __call__(self) -> View:
        return View(
            self._agent,
            self._tally,
            self._scene.emitted(),
            self.pace.now_s(),
            self._broker,
            self.relay.cut,
            self._interactive,
        )


async def _measure(scene: scenery.Scene, pace: RealPace) -> None:
    """Let somebody take a blood pressure now and then."""
    at_s = 3.0
    while True:
        await pace.sleep_until(at_s)
        scene.measure()
        at_s += scenery.MEASURE_EVERY_S


async def _cut(plan: Plan, relay: Relay) -> None:
    if plan.cut_for_s:
        await asyncio.sleep(plan.cut_at_s)
        relay.set_cut(True)
        await asyncio.sleep(plan.cut_for_s)
        relay.set_cut(False)


async def _watch(plan: Plan, view: _Viewer, show: Callable[[Page], None]) -> None:
    """Refresh the screen and heed the keys until the time is up, from now, or somebody quits."""
    began_s = view.pace.now_s()
    with keys() as pressed:
        while plan.seconds is None or view.pace.now_s() - began_s < plan.seconds:
            if not plan.as_json:
                show(Page(view()))
            await asyncio.sleep(_REFRESH_S)
            while pressed:
                key = pressed.pop(0)
                if key == "q":
                    return
                if key == "c":
                    view.relay.set_cut(not view.relay.cut)


async def _settle(agent: Agent, tally: Tally, scene: scenery.Scene, refresh: Any) -> None:  # noqa: ANN401
    """Wait until everything is confirmed and charted, or it is plain that it will not be."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_SETTLE_S):
            while _waiting(agent) or tally.charted < scene.emitted():
                refresh()
                await asyncio.sleep(0.1)


def _waiting(agent: Agent) -> int:
    return sum(agent.outbox.tallies[cls].items for cls in ReadingClass)


def _sum(agent: Agent, tally: Tally, scene: scenery.Scene) -> dict[str, Any]:
    """Make the last line. Battery levels are stored and confirmed too, but no device counts them as readings."""
    figures = agent.forwarder.figures
    emitted = scene.emitted()
    classes = (ReadingClass.ALARM, ReadingClass.EPISODIC, ReadingClass.CONTINUOUS)
    return {
        "emitted": emitted,
        "stored": agent.intake.counts.stored,
        "confirmed": figures.confirmed_readings,
        "charted": tally.charted,
        "duplicates": tally.duplicates,
        "lost": emitted - (tally.charted - tally.duplicates),
        "latency_s": {cls.name.lower(): figures.latency[cls].summary() for cls in classes},
        "alarms": tally.alarms,
    }


# --- the NOC end ------------------------------------------------------------------------------------------------------


async def _noc(directory: Path, *arguments: str) -> None:
    """Run one command of the NOC to its end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "hub_agent.noc",
        *arguments,
        cwd=directory,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await process.communicate()
    if process.returncode:
        raise HubError(f"hub-noc {arguments[0]} failed: {errors.decode(errors='replace').strip()}")


@contextlib.asynccontextmanager
async def _collecting(directory: Path, real: Broker, tally: Tally) -> AsyncIterator[RealPace]:
    """Run ``hub-noc collect`` as a process of its own and count what it prints; give the scene's time.

    The scene begins when the NOC listens: however long a busy machine takes to start one, nothing of it is missed.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "hub_agent.noc", "collect",
        "--keys", "noc", "--store", "noc.db",
        "--host", HOST, "--port", str(real.port), "--protocol", real.protocol, "--json",
        cwd=directory, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, limit=1 << 20,
        process_group=0,  # a terminal's Ctrl-C ends the demo, not what it still needs
    )  # fmt: skip
    stdout, stderr = process.stdout, process.stderr
    if stdout is None or stderr is None:
        raise HubError("hub-noc collect has no output")
    try:
        await _until_listening(stderr)
        pace = RealPace()
        async with asyncio.TaskGroup() as tasks:
            reading = [tasks.create_task(_count(stdout, tally, pace)), tasks.create_task(_drain(stderr))]
            try:
                yield pace
            finally:
                for task in reading:
                    task.cancel()
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def _until_listening(stderr: asyncio.StreamReader) -> None:
    """Read what the NOC logs until it has its broker."""
    try:
        async with asyncio.timeout(_START_S):
            while line := await stderr.readline():
                if b"collector_up" in line:
                    return
    except TimeoutError:
        raise HubError(f"hub-noc collect did not start within {_START_S:.0f} s") from None
    raise HubError("hub-noc collect ended before it had its broker")


async def _count(stdout: asyncio.StreamReader, tally: Tally, pace: RealPace) -> None:
    while line := await stdout.readline():
        tally.take(json.loads(line), pace.now_s())


async def _drain(stderr: asyncio.StreamReader) -> None:
    while await stderr.readline():
        pass
