"""Area *end to end*: sensor → NOC confirmation by class, at rising rates, over TLS."""

import asyncio
from itertools import product
from typing import Final

from hub_agent.latency import Latency
from hub_agent.model import ReadingClass
from hub_agent.parts import Agent
from scripts.benchlib.agent import FedWays, hub, until, waiting
from scripts.benchlib.area import Effort
from scripts.benchlib.figures import Row, Table, at_most, number
from scripts.benchlib.site import site
from scripts.benchlib.traffic import devices, talking

RATES: Final = (1, 10, 100, 1000)
ALARMS_HZ: Final = 10.0
CUFF_HZ: Final = 1.0
CONTINUOUS: Final = ((ReadingClass.CONTINUOUS, True), (ReadingClass.CONTINUOUS, False))
QUANTILES: Final = (0.5, 0.95, 0.99)
TARGET_RATE: Final = 100
_P99: Final = {
    ReadingClass.ALARM: at_most(50),
    ReadingClass.EPISODIC: None,
    ReadingClass.CONTINUOUS: at_most(1100, text="≤ window + 100 ms"),
}

Found = dict[ReadingClass, list[float]]


def forget(agent: Agent) -> None:
    """Begin the figures of delivery anew."""
    agent.forwarder.figures.latency = {cls: Latency() for cls in ReadingClass}


async def listen(agent: Agent, ways: FedWays, seconds: float, rate_hz: float, *, alarms: bool) -> Found:
    """Let the devices talk for so long, and all be confirmed; give the quantiles by class, in milliseconds."""
    forget(agent)
    hz = {"alarms_hz": ALARMS_HZ, "cuff_hz": CUFF_HZ} if alarms else {}
    async with talking(ways, rate_hz, **hz):
        await asyncio.sleep(seconds)
    await until(lambda: waiting(agent) == 0, within_s=30)
    latencies = agent.forwarder.figures.latency
    return {
        cls: [(latency.quantile(q) or 0.0) * 1e3 for q in QUANTILES]
        for cls, latency in latencies.items()
        if latency.count
    }


def measure(effort: Effort) -> Table:
    """Measure at each rate: continuous readings alone, then beside ten alarms and one blood pressure a second."""
    found: dict[tuple[ReadingClass, int, bool], list[list[float]]] = {}
    seconds = 3

    async def run() -> None:
        async with site(effort.scratch / "site") as built, built.collecting():
            ways = FedWays()
            _, config = built.config(rest=devices())
            async with hub(config, ways) as agent:
                await until(lambda: agent.uplink.connects > 0)
                await asyncio.sleep(1)
                for _ in range(effort.times(3, 1)):
                    for rate, alarms in product(RATES, (False, True)):
                        for cls, values in (await listen(agent, ways, seconds, rate, alarms=alarms)).items():
                            found.setdefault((cls, rate, alarms), []).append(values)

    asyncio.run(run())
    table = Table("end to end: sensor → NOC confirmation, over TLS (p50 · p95 · p99)")
    for cls, alarms in ((ReadingClass.ALARM, True), (ReadingClass.EPISODIC, True), *CONTINUOUS):
        for rate in RATES:
            beside = "" if cls is not ReadingClass.CONTINUOUS or alarms else ", no alarms"
            values = found[cls, rate, alarms]
            middle = [sorted(column)[len(column) // 2] for column in zip(*values, strict=True)]
            judged = rate == TARGET_RATE
            table.rows.append(
                Row(
                    f"{cls.name.lower()}, {rate} readings/s{beside}: p99",
                    [row[-1] for row in values],
                    "ms",
                    target=_P99[cls] if judged else None,
                    shown=" · ".join(map(number, middle)) + " ms",
                )
            )
            if judged and cls is ReadingClass.ALARM:
                table.rows.append(Row("the same: p50", [row[0] for row in values], "ms", target=at_most(10)))
    table.notes.append(
        "From the arrival of the notification to the NOC's signed confirmation, as the hub itself reports it (exact to"
        f" 5 %). Where there are alarms, {ALARMS_HZ:g} transitions and {CUFF_HZ:g} blood pressure a second come beside"
        " the continuous readings, which wait for their commit window of 1 s, or for an alarm that takes them along."
        " While 72 h of backlog drain: see drain."
    )
    return table
