"""Area *footprint*: what the daemon weighs: memory, CPU, start, threads, descriptors; also on a small board's share."""

import asyncio
import contextlib
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Final

from hub_agent.config import Config
from hub_agent.simulate.line import Line
from hub_agent.simulate.physiology import Patient
from hub_agent.simulate.serial_encoders import Shown, masimo_line
from hub_agent.simulate.serial_oximeters import Masimo
from scripts.benchlib.area import Effort
from scripts.benchlib.cgroup import share
from scripts.benchlib.figures import Row, Table, at_most
from scripts.benchlib.process import daemon
from scripts.benchlib.readings import DEVICES
from scripts.benchlib.site import Site, rss_mib, site

LIBRARIES: Final = (
    "asyncio, sqlite3, ssl, zoneinfo, cbor2, joserfc.jws, paho.mqtt.client, pydantic.main, serialx, structlog, typer, "
    "cryptography.hazmat.primitives.hpke, cryptography.hazmat.primitives.asymmetric.ed25519, "
    "cryptography.hazmat.primitives.ciphers.aead"
)
"""What a hub with serial devices must import whatever it does with it; a radio adds bleak.

``pydantic`` by itself is a facade that imports nothing before it is used; ``main`` is where its models are."""

CORE: Final = 0.15
"""A Raspberry Pi 4 runs Python some 5 to 8 times slower than the machines that the figures are from."""
MEMORY: Final = 256 << 20
_BEGAN: Final = datetime(2026, 3, 1)  # noqa: DTZ001 - a device's clock
_STARTS: Final = count()

_DEVICE: Final = """
[[devices]]
name = "{name}"
driver = "masimo-ascii"
port = "{port}"
cadence_s = 1
"""
_AT_ONCE: Final = """
[commit]
continuous_s = 0.01
"""


def _ports(here: Path, names: Sequence[str]) -> str:
    return "".join(_DEVICE.format(name=name, port=here / f"tty-{name}") for name in names)


@asynccontextmanager
async def oximeters(here: Path, names: Sequence[str]) -> AsyncIterator[None]:
    """Let virtual oximeters say a line a second, each on its serial port, while the context is open."""
    began = time.perf_counter()
    lines = [(Line(here / f"tty-{name}"), Masimo(Patient(number), _BEGAN)) for number, name in enumerate(names)]
    for line, _ in lines:
        line.plug()

    async def live() -> None:
        while True:
            for line, firmware in lines:
                now_s = time.perf_counter() - began
                line.hear()
                for sent in firmware.due(now_s, listening=line.listening):
                    line.send(sent.data, sent.readings)
                await asyncio.sleep(0.02)

    async with asyncio.TaskGroup() as tasks:
        living = tasks.create_task(live())
        try:
            yield
        finally:
            living.cancel()
            for line, _ in lines:
                line.unplug()


async def first_reading(path: Path, config: Config, port: Path, before: Sequence[str] = ()) -> float:
    """Start the daemon with a device that speaks as soon as it is heard; give the seconds until a reading is stored."""
    line = Line(port)
    line.plug()
    frame = masimo_line(
        Shown(97, 70, 2.5), _BEGAN + timedelta(seconds=next(_STARTS))
    )  # a line of its own, not a repeat

    async def speak() -> None:
        while not line.listening:
            line.hear()
            await asyncio.sleep(0.002)
        line.send(frame, 1)

    try:
        async with daemon(path, config, before) as one, asyncio.TaskGroup() as tasks:
            tasks.create_task(speak())
            return await one.until(lambda status: int(status["intake"]["stored"]) > 0, within_s=60, every_s=0.005)
    finally:
        line.unplug()


def imports() -> tuple[float, float]:
    """Give how long the bare import of the libraries takes (process start included), and what it weighs in MiB."""
    began = time.perf_counter()
    code = f"import {LIBRARIES}; print(flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:  # noqa: S603
        if process.stdout is None:
            raise RuntimeError("no output")
        process.stdout.readline()
        took_s = time.perf_counter() - began
        weight = rss_mib(process.pid)
        process.communicate(b"\n")
    return took_s, weight


async def _steady(built: Site, seconds: float, found: dict[str, list[float]], before: Sequence[str], tag: str) -> None:
    """Run eight devices at 1 Hz and look."""
    path, config = built.config(rest=_ports(built.here, DEVICES))
    async with daemon(path, config) as one:  # makes the outbox: what that takes, a hub's other starts do not
        await one.until(lambda status: bool(status["uplink"]["up"]), within_s=60)
    async with oximeters(built.here, DEVICES), daemon(path, config, before) as one:
        await one.until(lambda status: int(status["intake"]["stored"]) >= len(DEVICES), within_s=60)
        await asyncio.sleep(5 if not before else 10)
        rss = one.rss_mib()
        wall, cpu = time.perf_counter(), one.cpu_s()
        await asyncio.sleep(seconds)
        used = (one.cpu_s() - cpu) / (time.perf_counter() - wall)
        found.setdefault(f"{tag}cpu", []).append(used * 100)
        found.setdefault(f"{tag}rss", []).append(one.rss_mib())
        found.setdefault(f"{tag}growth", []).append((one.rss_mib() - rss) * 1024)
        found.setdefault(f"{tag}threads", []).append(one.threads())
        found.setdefault(f"{tag}descriptors", []).append(one.descriptors())
        status = await one.status()
        p99 = status["delivery"]["latency_s"]["continuous"]["p99"]
        found.setdefault(f"{tag}p99", []).append(float(p99 or 0) * 1e3)


async def _idle(built: Site, found: dict[str, list[float]]) -> None:
    path, config = built.config("hub-idle")
    async with daemon(path, config) as one:
        await one.until(lambda status: bool(status["uplink"]["up"]), within_s=60)
        await asyncio.sleep(2)
        wall, cpu = time.perf_counter(), one.cpu_s()
        await asyncio.sleep(10)
        found.setdefault("idle cpu", []).append((one.cpu_s() - cpu) / (time.perf_counter() - wall) * 100)


def measure(effort: Effort) -> Table:
    """Measure start, steady running, and both on a small board's share."""
    found: dict[str, list[float]] = {}

    async def run() -> None:
        hubs = ("hub-bench", "hub-start", "hub-idle")
        async with site(effort.scratch / "site", hubs=hubs) as built, built.collecting():
            await _starts(built, effort, found)
            await _steady(built, effort.times(30, 10), found, (), "")
            await _idle(built, found)
            with share(CORE, MEMORY) as before:
                if before is not None:
                    await _steady(built, effort.times(20, 10), found, before, "board ")

    asyncio.run(run())
    return _table(found)


async def _starts(built: Site, effort: Effort, found: dict[str, list[float]]) -> None:
    path, config = built.config("hub-start", rest=_ports(built.here, ["first"]) + _AT_ONCE)
    port = built.here / "tty-first"
    await first_reading(path, config, port)  # makes the outbox, writes the bytecode
    for _ in range(effort.rounds):
        took_s, weight = await asyncio.to_thread(imports)
        found.setdefault("import", []).append(took_s * 1e3)
        found.setdefault("floor", []).append(weight)
        found.setdefault("start", []).append(await first_reading(path, config, port) * 1e3)
    with share(CORE, MEMORY) as before, contextlib.suppress(TimeoutError):
        if before is not None:
            found.setdefault("board start", []).append(await first_reading(path, config, port, before))


def _table(found: dict[str, list[float]]) -> Table:
    table = Table("footprint: hub-agent run, eight serial oximeters at 1 Hz, TLS", "libraries alone")
    floor = sorted(found["floor"])[len(found["floor"]) // 2]
    table.rows = [
        Row("bare import of its libraries", found["import"], "ms"),
        Row("start → first reading stored", found["start"], "ms", found["import"], at_most(2.5, of_limit=True)),
        Row("RSS of the libraries alone", found["floor"], "MiB"),
        Row("RSS, steady", found["rss"], "MiB", [floor] * len(found["rss"]), at_most(1.3, of_limit=True)),
        Row("its growth meanwhile", found["growth"], "KiB"),
        Row("CPU of one core", found["cpu"], "%", target=at_most(1)),
        Row("CPU of one core, no devices", found["idle cpu"], "%"),
        Row("threads", found["threads"], ""),
        Row("descriptors", found["descriptors"], ""),
    ]
    if "board cpu" in found:
        table.rows += [
            Row(f"{CORE:.0%} of a core, 256 MB: start → first reading stored", found["board start"], "s"),
            Row("there: CPU of one core", found["board cpu"], "%", target=at_most(CORE * 100 / 2)),
            Row("there: RSS", found["board rss"], "MiB"),
            Row("there: sensor → NOC confirmation, p99", found["board p99"], "ms", target=at_most(30_000)),
        ]
    table.notes.append(f"The libraries: {LIBRARIES}.")
    table.notes.append(
        "The first start of all makes the outbox by sqlite-utils, and holds some 8 MiB more until the next."
    )
    return table
