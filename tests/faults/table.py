"""Rows of the table that ``scripts/test --faults`` prints: what was injected, and what became of the readings."""

import json
import os
from pathlib import Path


def book(
    fault: str, *, injected: int, readings: int, lost: int, duplicated: int, worst_delay_s: float | None = None
) -> None:
    """Write one row to the file that HUB_FAULTS_TABLE names, where there is one.

    Args:
        fault: in a few words.
        injected: how often.
        readings: at stake.
        lost: of them; where a window is promised (power cuts), beyond it.
        duplicated: charted more than once.
        worst_delay_s: seconds; of a power cut, the age of the oldest reading that it took; of damage, how much later
            than at a sound start readings were stored again.
    """
    row = {
        "fault": fault,
        "injected": injected,
        "readings": readings,
        "lost": lost,
        "duplicated": duplicated,
        "worst_delay_s": worst_delay_s,
    }
    file = os.environ.get("HUB_FAULTS_TABLE")
    if file:
        with Path(file).open("a", encoding="ascii") as table:
            table.write(json.dumps(row) + "\n")
