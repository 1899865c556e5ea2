"""What devices say while the bench looks: eight oximeters, one patient who is ill, one cuff.

Owns: the pace of notifications. Never: knows what the hub makes of them.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from itertools import count
from random import Random
from typing import Final

from hub_agent.driver import sig_uuid
from hub_agent.simulate import encoders
from scripts.benchlib.agent import FedWays
from scripts.benchlib.readings import DEVICES, LOW

_PLX: Final = sig_uuid(0x2A5F)
_BLOOD_PRESSURE: Final = sig_uuid(0x2A35)
_BEGAN: Final = datetime(2026, 3, 1)  # noqa: DTZ001 - a device's clock
_TURN_S: Final = 0.002

_DEVICE: Final = """
[[devices]]
name = "{name}"
driver = "{driver}"
address = "F0:00:00:00:00:{number:02X}"
{more}
"""


def devices() -> str:
    """Write the devices' part of the configuration."""
    names = [*DEVICES, "ill", "cuff"]
    return "".join(
        _DEVICE.format(
            name=name,
            number=number,
            driver="gatt-blood-pressure" if name == "cuff" else "gatt-pulse-oximeter",
            more="" if name == "cuff" else "cadence_s = 600",  # what says nothing in this measurement is not silent
        )
        for number, name in enumerate(names)
    )


@asynccontextmanager
async def talking(
    ways: FedWays, rate_hz: float, *, alarms_hz: float = 0.0, cuff_hz: float = 0.0
) -> AsyncIterator[None]:
    """Let the devices talk while the context is open.

    Args:
        ways: of the running hub.
        rate_hz: continuous readings a second, all devices together.
        alarms_hz: how often the ill patient's saturation crosses the limit.
        cuff_hz: how often the cuff gives a blood pressure.
    """
    async with asyncio.TaskGroup() as tasks:
        talk = [tasks.create_task(_oximeters(ways, rate_hz))]
        if alarms_hz:
            talk.append(tasks.create_task(_ill(ways, alarms_hz)))
        if cuff_hz:
            talk.append(tasks.create_task(_cuff(ways, cuff_hz)))
        try:
            yield
        finally:
            for task in talk:
                task.cancel()


async def _paced(rate_hz: float) -> AsyncIterator[int]:
    """Count off beats, each at its own instant where the rate allows."""
    began = time.perf_counter()
    for number in count():
        late = number / rate_hz - (time.perf_counter() - began)
        if late > 0:
            await asyncio.sleep(max(late, _TURN_S) if rate_hz > 1 / _TURN_S else late)
        yield number


async def _oximeters(ways: FedWays, rate_hz: float) -> None:
    noise = Random(1)  # noqa: S311 - patients, no secret
    async for number in _paced(rate_hz):
        data = encoders.plx_continuous(noise.choice((95, 96, 96, 97)), noise.randint(68, 74), 4.1)
        ways.devices[DEVICES[number % len(DEVICES)]].say(_PLX, data)


async def _ill(ways: FedWays, rate_hz: float) -> None:
    async for number in _paced(rate_hz):
        ways.devices["ill"].say(_PLX, encoders.plx_continuous(97 if number % 2 else LOW, 88, 1.2))


async def _cuff(ways: FedWays, rate_hz: float) -> None:
    async for _ in _paced(rate_hz):
        number = next(ways.measurements)  # a device's record of a time is the same whenever it comes
        at = _BEGAN + timedelta(seconds=number)
        data = encoders.blood_pressure((120 + number % 9, 80, 93), 70, at)
        ways.devices["cuff"].say(_BLOOD_PRESSURE, data)
