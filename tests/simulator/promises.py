"""The promises, held against one history: what the devices know, and what the NOC wrote down.

Each function gives what is wrong, one line each; nothing when the promise holds.
"""

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from tests.simulator.chart import Chart, Gap
from tests.simulator.devices import CADENCE_S
from tests.simulator.obedience import obeyed
from tests.simulator.turns import BUSY_TURN_S, CALM_TURN_S
from tests.simulator.world import CALM_S, History

HEALED_S = 21.0
"""Fresh readings after any single trouble that heals (promise 1)."""
ALARM_S = 5.0
"""An alarm while everything works, over 64 kbit/s and whatever waits: its commit, one batch before it, its own way."""
COMMIT_S = 1.0
"""What a power cut may take of readings that no device was told to be safe (promise 3)."""
STRIP_S = 5.0
"""The same of a waveform's blocks."""
PATIENCE_S = 3 * CADENCE_S
DATED_S = 1.0
ENDING_S = 5.0
"""How long a planned end may take."""

_SLACK_S = 0.5
_SEEN_TO = ("on", "acknowledged")


def broken(history: History) -> list[str]:
    """Give every promise that this history breaks."""
    chart = Chart(history.store, history.boots)
    return [
        *_nothing_lost(history, chart),
        *_shed_fairly(history, chart),
        *_room_given_back(history),
        *_nothing_twice(chart),
        *_fresh_first(history, chart),
        *_alarms_told(history, chart),
        *_alarms_at_once(history, chart),
        *_gaps_told(history, chart),
        *_dated(history, chart),
        *_nothing_wrong_at_the_noc(chart),
        *_nothing_stuck(history),
        *_alive(history),
        *obeyed(history.commands, chart.answers, chart.security),
    ]


def _nothing_lost(history: History, chart: Chart) -> Iterator[str]:
    """What a device was told to be safe is charted; of the rest, a death takes the commit window's at the most.

    What was shed is told: of which class and device, and when it was. Where nothing may be shed, what waits for room is
    lost with the process, and lies in the gap that its next life tells.
    """
    missing: Counter[str] = Counter()
    for cls, device, number, at_s in _not_charted(history, chart):
        missing[cls] += 1
        if not _is_shed(chart, cls, device, at_s):
            yield f"lost: {cls} reading {number} of {at_s:.1f}, which was safe"
    for cls, times in missing.items():
        told = sum(shed.items for shed in chart.sheds if shed.cls == cls)
        if times > told:
            yield f"lost: {times} {cls} readings, of which {told} were told as shed"
    if history.waiting:
        yield f"undelivered: {history.waiting} batches after an hour of calm"


def _not_charted(history: History, chart: Chart) -> Iterator[tuple[str, str, int, float]]:
    """Give class, device, number and instant of what is not charted and no death excuses."""
    charted = {row.number for row in chart.rows}
    for number, told_s in history.truth.told_s.items():
        if number not in charted:
            yield "episodic", "keeper", number, told_s
    deaths_s = sorted(history.deaths_s)
    for device, number in ((device, number) for device, said in history.truth.said.items() for number in said):
        heard_s = history.truth.heard_s[number]
        if number in charted or heard_s > history.ended_s:
            continue
        cls, commit_s = ("waveform", STRIP_S) if device == "recorder" else ("continuous", COMMIT_S)
        place = bisect_right(deaths_s, heard_s)
        death_s = deaths_s[place] if place < len(deaths_s) else math.inf
        if death_s - heard_s > commit_s + _SLACK_S and not _starved(history, chart, heard_s, death_s):
            yield cls, device, number, heard_s


def _starved(history: History, chart: Chart, heard_s: float, death_s: float) -> bool:
    """Say whether a reading waited for room until the process died, and the gap of the hub tells so."""
    waited = any(heard_s <= full_s <= death_s for full_s in history.full_s)
    return waited and any(
        gap.why == "hub_off" and gap.since_s <= heard_s + STRIP_S and (gap.until_s is None or heard_s <= gap.until_s)
        for gap in chart.gaps
    )


def _is_shed(chart: Chart, cls: str, device: str, heard_s: float) -> bool:
    """Say whether a hub told that it has shed something of this class and device, of that time."""
    return any(
        shed.cls == cls
        and (shed.since_s is None or (shed.since_s - _SLACK_S <= heard_s and device in shed.devices))
        and (shed.until_s is None or heard_s <= shed.until_s + _SLACK_S)
        for shed in chart.sheds
    )


def _shed_fairly(history: History, chart: Chart) -> Iterator[str]:
    """The least valuable goes first, alarms never, and what is gone is told as over."""
    for line in history.unjust:
        yield f"unfair: {line}"
    for shed in chart.sheds:
        if shed.until_s is None:
            yield f"open: {shed.items} {shed.cls} readings are told as shed, with no end"
        elif shed.since_s is not None and not any(_shows(gap, shed.since_s, shed.until_s) for gap in chart.gaps):
            yield f"hidden: the NOC shows no gap of {shed.since_s:.1f} to {shed.until_s:.1f}, which was shed"


def _shows(gap: Gap, since_s: float, until_s: float) -> bool:
    within = gap.since_s <= since_s + DATED_S and gap.until_s is not None and until_s <= gap.until_s + DATED_S
    return gap.why == "shed" and within


def _room_given_back(history: History) -> Iterator[str]:
    """When all is delivered, the ballast stands again, the file is small, and no alarm about storage is left."""
    for line in history.kept:
        yield f"kept: {line}"


def _nothing_twice(chart: Chart) -> Iterator[str]:
    for number, times in Counter(row.number for row in chart.rows).items():
        if times > 1:
            yield f"twice: reading {number} is charted {times} times"


def _due_s(history: History, at_s: float) -> float | None:
    """Say from when on everything worked that a reading of this instant needs; None where that did not last."""
    for since_s, until_s in history.whole.spans:
        if at_s < since_s - 5.0:
            return None  # not fresh when the trouble was over
        if at_s <= until_s:
            from_s = max(at_s, since_s)
            return from_s if from_s + HEALED_S + COMMIT_S <= until_s else None
    return None


def _fresh_first(history: History, chart: Chart) -> Iterator[str]:
    """However much waits, what is fresh is there in time once everything works."""
    for row in chart.rows:
        heard_s = history.truth.heard_s.get(row.number)
        due_s = None if heard_s is None else _due_s(history, heard_s)
        if due_s is not None and row.charted_s - due_s > HEALED_S + COMMIT_S:
            yield f"late: reading {row.number} of {heard_s:.1f}, due from {due_s:.1f}, charted at {row.charted_s:.1f}"


def _alarms_told(history: History, chart: Chart) -> Iterator[str]:
    """When a charted reading broke a limit, its alarm was on."""
    for device in {row.device for row in chart.rows}:
        signals = [signal for signal in chart.signals if signal.device == device]
        times_s = [signal.at_s for signal in signals]
        for row in chart.rows:
            if row.device != device or row.number not in history.truth.alarming:
                continue
            heard_s = history.truth.heard_s[row.number]
            place = bisect_right(times_s, heard_s + _SLACK_S)
            if not place or signals[place - 1].presence not in _SEEN_TO:
                yield f"untold: reading {row.number} of {heard_s:.1f} broke its limit and raised no alarm"


def _alarms_at_once(history: History, chart: Chart) -> Iterator[str]:
    """An alarm never waits behind a backlog."""
    for _, presence, at_s, charted_s in chart.signals:
        due_s = _due_s(history, at_s)
        if due_s is None:
            continue
        settled = any(since_s + HEALED_S <= at_s <= until_s for since_s, until_s in history.whole.spans)
        if charted_s - due_s > (ALARM_S if settled else HEALED_S + COMMIT_S):
            yield f"late: alarm of {at_s:.1f}, now {presence}, charted at {charted_s:.1f}"


def _gaps_told(history: History, chart: Chart) -> Iterator[str]:
    """Where nothing of a device that is due is charted for longer than patience, a gap says why.

    Each life of the process is patient anew, and at the end of each patience it may look a turn too late.
    """
    for device in ("stream-1", "stream-2"):
        times_s = sorted(history.truth.heard_s[row.number] for row in chart.rows if row.device == device)
        told = sorted(
            (gap.since_s, history.ended_s + CALM_S if gap.until_s is None else gap.until_s)
            for gap in chart.gaps
            if gap.device in (device, "")
        )
        for before_s, after_s in pairwise(times_s):
            lives = 1 + sum(before_s <= death_s <= after_s for death_s in history.deaths_s)
            left_s = _uncovered_s(before_s, after_s, told)
            if left_s > (1 + lives) * (PATIENCE_S + BUSY_TURN_S) + CALM_TURN_S:
                yield f"gap: {device} {before_s:.1f} to {after_s:.1f}: {left_s:.1f} s of it untold"


def _uncovered_s(since_s: float, until_s: float, told: list[tuple[float, float]]) -> float:
    """Say how much of a silence no gap tells of."""
    left_s, at_s = 0.0, since_s
    for began_s, ended_s in told:
        if ended_s <= at_s or began_s >= until_s:
            continue
        left_s += max(0.0, began_s - at_s)
        at_s = max(at_s, min(ended_s, until_s))
    return left_s + max(0.0, until_s - at_s)


def _dated(history: History, chart: Chart) -> Iterator[str]:
    """Whatever the hub's clock showed, the NOC dates each reading right, or says that it cannot."""
    for row in chart.rows:
        heard_s = history.truth.heard_s.get(row.number)
        if heard_s is not None and row.dated_s is not None and abs(row.dated_s - heard_s) > DATED_S:
            yield f"misdated: reading {row.number} of {heard_s:.1f} is dated {row.dated_s:.1f}"


def _nothing_wrong_at_the_noc(chart: Chart) -> Iterator[str]:
    """No gap in the numbers, no fork, no clone, no forgery: none of that happened."""
    for kind, times in chart.faults:
        yield f"accused: the NOC sees a {kind}, {times} times"


def _nothing_stuck(history: History) -> Iterator[str]:
    """No part of the hub ceases to turn: the watchdog would end it."""
    for part, times in Counter(history.stuck).items():
        yield f"stuck: {part} made no progress, {times} times"


def _alive(history: History) -> Iterator[str]:
    """While everything works the process lives, but for a planned end."""
    for death_s in history.deaths_s:
        planned = any(planned_s <= death_s <= planned_s + ENDING_S for planned_s in history.planned_s)
        settled = any(since_s + HEALED_S <= death_s <= until_s for since_s, until_s in history.whole.spans)
        if settled and not planned:
            yield f"died: at {death_s:.1f}, while everything worked"
