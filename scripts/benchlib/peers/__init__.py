"""Area *peers*: what a user would take instead of the hub, on the same work, in the same run.

Owns: who is compared, with how much work. Never: lets a system know that it is measured.
"""

import asyncio
import shutil
import sys
from collections.abc import Sequence
from itertools import count
from typing import Final

from scripts.benchlib import deliver
from scripts.benchlib.area import Effort
from scripts.benchlib.figures import Row, Table, at_least, at_most
from scripts.benchlib.peers.bridge import MosquittoBridge
from scripts.benchlib.peers.candidate import Candidate
from scripts.benchlib.peers.comparison import Comparison
from scripts.benchlib.peers.hub import Hub
from scripts.benchlib.peers.node_red import NodeRed
from scripts.benchlib.peers.setup import MissingError
from scripts.benchlib.peers.thingsboard import ThingsBoard
from scripts.benchlib.peers.trial import Amount, try_out
from scripts.benchlib.site import HUB, site

FULL: Final = Amount(home_s=30, busy_s=10, backlog=57_600, crash_s=4)
"""The backlog is two hours of eight devices at 1 Hz."""
QUICK: Final = Amount(home_s=5, busy_s=3, backlog=5_000, crash_s=0)

_OURS: Final = Hub()
_SHORT: Final = Hub(0.05)
_THEIRS: Final = ThingsBoard()
CANDIDATES: Final[Sequence[Candidate]] = (_OURS, _SHORT, _THEIRS, NodeRed(), MosquittoBridge())


def measure(effort: Effort) -> Comparison:
    """Try every candidate that can be had; name those that cannot, and go on."""
    amount = QUICK if effort.quick else FULL
    comparison = Comparison("Peers: what one would take instead", amount)
    candidates = [candidate for candidate in CANDIDATES if candidate is not _SHORT or not effort.quick]
    for number, candidate in enumerate(candidates):
        try:
            comparison.versions[candidate.name] = candidate.version()
            here = effort.scratch / f"{number}"
            comparison.systems[candidate.name] = try_out(candidate, here, amount)
            shutil.rmtree(here)
        except (MissingError, OSError) as error:
            comparison.missing[candidate.name] = str(error)
            print(f"*** {candidate.name} CANNOT BE MEASURED: {error}", file=sys.stderr)
    _judge(comparison, effort)
    comparison.notes += _notes(comparison)
    return comparison


def _judge(comparison: Comparison, effort: Effort) -> None:
    ours, theirs = comparison.systems.get(_OURS.name), comparison.systems.get(_THEIRS.name)
    if ours is None or theirs is None or not ours.keys() & theirs.keys() >= {"drain", "home cpu"}:
        comparison.notes.append("**No target can be judged: one of the two has no figure.**")
        return
    delivered = asyncio.run(_delivered(effort))
    cpu, drain = theirs["home cpu"], theirs["drain"]
    comparison.targets = Table(
        "",
        _THEIRS.name,
        [
            Row("deliver: hub → NOC, 100 readings a batch (as in the area)", delivered, "readings/s",
                drain * len(delivered), at_least(30, of_limit=True)),
            Row("drain after the outage: hub-agent", ours["drain"], "readings/s", drain),
            Row("CPU at 8 devices at 1 Hz: hub-agent", ours["home cpu"], "%", cpu, at_most(0.1, of_limit=True)),
        ],
    )  # fmt: skip


async def _delivered(effort: Effort) -> list[float]:
    """Measure the area *deliver* again, for the ratio: plain, with nothing beside it."""
    rates: list[float] = []
    batches, numbers = effort.times(1000, 200), count()
    async with site(effort.scratch / "deliver", tls=False) as built:
        for _ in range(3):
            _, config = built.config(HUB, state=built.here / f"state-{next(numbers)}")
            await deliver.fill(config, batches, 100)
            async with built.collecting():
                rate, _ = await deliver.drain(config, batches * 100)
                rates.append(rate)
    return rates


def _notes(comparison: Comparison) -> list[str]:
    shown = [candidate for candidate in CANDIDATES if candidate.name in comparison.systems]
    said = "\n".join(f"- **{one.name}** ({comparison.versions[one.name]}): {one.settings}." for one in shown)
    return [f"Each as its documentation advises against loss:\n\n{said}"]
