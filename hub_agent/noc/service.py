"""``hub-noc collect`` as a process: the collector with its keys, its printer and its end.

Owns: signals, standard output, the garbage collector's pace.
Never: decides anything about a message.
"""

import asyncio
import contextlib
import gc
import json
import os
import signal
import sys
from collections.abc import Iterator
from enum import Enum
from pathlib import Path

from hub_agent import logs
from hub_agent.clock import SystemClock
from hub_agent.errors import ConfigError
from hub_agent.model import Measurement, ReceivedReading
from hub_agent.mqtt import Profile
from hub_agent.noc.collector import Collector, Keys
from hub_agent.noc.keyring import Keyring
from hub_agent.noc.lines import Charted, fault_line, line
from hub_agent.noc.outcome import Outcome
from hub_agent.noc.store import Store
from hub_agent.nomenclature import QUANTITIES
from hub_agent.spelling import instant


class Printing(Enum):
    """What goes to standard output."""

    NOTHING = "nothing"
    TEXT = "text"
    JSON = "json"


async def collect_until_stopped(
    keys: Path, store: Path, profile: Profile, prefix: str, confirm_within_s: float, printing: Printing
) -> None:
    """Collect until SIGINT or SIGTERM.

    Raises:
        ConfigError: keys or options cannot be used.
        StorageError: the store cannot be opened.
    """
    logs.configure()
    ring = Keyring.open(keys)
    clock = SystemClock()

    async def tell(outcome: Outcome) -> None:
        await asyncio.to_thread(_print, outcome, printing, clock)

    # Readings are acyclic and live for milliseconds; the default pace spends a third of the time looking for cycles.
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    with Store(store) as opened:
        collector = Collector(
            opened,
            Keys(ring.opening_keys(), ring.confirming_key().private),
            profile,
            clock,
            prefix=prefix,
            confirm_within_s=confirm_within_s,
            on_outcome=tell,
        )
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(collector.run(), name="collector")
            loop = asyncio.get_running_loop()
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, task.cancel)
    if not task.cancelled():
        raise ConfigError("the collector cannot go on", hint="the log above says why")


def _print(outcome: Outcome, printing: Printing, clock: SystemClock) -> None:
    """Write lines; a reader that has gone away ends the process, as is the custom of pipes."""
    if printing is Printing.NOTHING:
        return
    try:
        sys.stdout.write("".join(f"{text}\n" for text in _lines(outcome, printing, clock)))
        sys.stdout.flush()
    except BrokenPipeError:
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        os.kill(os.getpid(), signal.SIGTERM)


def _lines(outcome: Outcome, printing: Printing, clock: SystemClock) -> Iterator[str]:
    now_ms = clock.stamp().wall_ns // 1_000_000
    if printing is Printing.JSON:
        yield from map(line, outcome.charted)
        yield from (fault_line(fault, now_ms) for fault in outcome.faults)
        return
    for charted in outcome.charted:
        yield _text(charted)
    for fault in outcome.faults:
        yield f"{instant(now_ms)} {fault.hub} FAULT {fault.kind}"


def _text(charted: Charted) -> str:
    """Spell an item for people."""
    at = instant(charted.received_ms) or "time unknown"
    latency = "" if charted.latency_s is None else f"  ({charted.latency_s:.2f} s)"
    item = charted.item
    if isinstance(item, ReceivedReading):
        values = " · ".join(map(_value, item.reading.measurements)) or "waveform"
        return f"{at} {charted.hub} {item.device}  {values}{latency}"
    told = (f"{name}={_word(value)}" for name, value in item.fields.items() if value is not None)
    return f"{at} {charted.hub} {item.kind.upper()}  {' '.join(told)}{latency}"


def _word(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str, separators=(",", ":"))


def _value(measurement: Measurement) -> str:
    known = QUANTITIES.get(measurement.code)
    name = known.text if known else str(measurement.code)
    if measurement.value is None:
        return f"{name}: {measurement.absent}"
    return f"{name} {measurement.value} {measurement.unit}"
