"""How each hub is, judged from its last word and from what is wrong with its deliveries. Pure.

Owns: the states and alarms of the fleet's table, and what has changed between two looks.
Never: reads a store or a clock, draws a table.

The broker's Will is a hint: a broker that dies sends none. A hub is silent when its heartbeats stop, whatever its
retained status says.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from hub_agent.noc.faults import OpenFault
from hub_agent.noc.hubs import Seen
from hub_agent.noc.lines import LATE_S
from hub_agent.spelling import instant
from hub_agent.strict_json import EXACT

BEAT_S: Final = 10.0
"""How often a hub sends its heartbeat."""
MISSED: Final = 2
"""How many heartbeats may be missing before the hub counts as silent."""
_GRACE_S: Final = 2.0

SILENT: Final = "hub_silent"
OFFLINE: Final = "hub_offline"
LATE: Final = "latency"
LAGGING: Final = "loop_lag"
SLOW_CARD: Final = "slow_commits"
COLLECTOR: Final = "collector_silent"

SLOW_S: Final = 1.0
"""A hub whose event loop stood still for so long within the last minute, or whose commits take so long, warns."""


class HubView(NamedTuple):
    """One hub at one instant.

    Attributes:
        hub: its id; empty for the NOC's own collector.
        state: ``online``, ``offline``, ``silent``, ``never`` (heard of), or ``stranger`` (not registered).
        beat_age_s: since the newest heartbeat.
        latency_p99_s: from reading to confirmation, the worst class that the promise is about.
        waiting: batches that wait at the hub.
        oldest_s: how long the oldest of them has waited, of the classes that the promise is about.
        devices: (those that are connected, all).
        alarms: alarms at the patient, as the hub counts them.
        conditions: technical alarms of this end, sorted.
    """

    hub: str
    state: str
    beat_age_s: float | None
    latency_p99_s: float | None
    waiting: int | None
    oldest_s: float | None
    devices: tuple[int, int]
    alarms: int | None
    conditions: tuple[str, ...]


def judge(
    hubs: Iterable[Seen], faults: Sequence[OpenFault], collector_ms: int | None, now_ms: int, beat_s: float = BEAT_S
) -> list[HubView]:
    """Judge the whole fleet; a fault of a hub that is not registered makes a row of its own."""
    by_hub: dict[str, set[str]] = {}
    for fault in faults:
        by_hub.setdefault(fault.hub, set()).add(fault.kind)
    views = [_judge_one(seen, by_hub.pop(seen.name, set()), now_ms, beat_s) for seen in hubs]
    views += [
        HubView(hub, "stranger", None, None, None, None, (0, 0), None, tuple(sorted(by_hub[hub]))) for hub in by_hub
    ]
    if collector_ms is None or now_ms - collector_ms > (_GRACE_S + 1) * 1000:
        views.insert(0, HubView("", "silent", None, None, None, None, (0, 0), None, (COLLECTOR,)))
    return views


def _judge_one(seen: Seen, conditions: set[str], now_ms: int, beat_s: float) -> HubView:
    health = seen.health or {}
    age_s = None if seen.health_ms is None else max(0.0, (now_ms - seen.health_ms) / 1000)
    state = "never"
    if age_s is not None:
        state = "online"
        if age_s > MISSED * beat_s + _GRACE_S:
            state = "silent"
            conditions.add(SILENT)
    status_is_newer = (seen.status_ms or 0) >= (seen.health_ms or 0)
    if seen.status is not None and seen.status.get("state") == "offline" and status_is_newer:
        state = "offline"
        conditions.add(OFFLINE)
    latency_s, oldest_s = _latency(health), _oldest(health)
    if max(latency_s or 0.0, oldest_s or 0.0) > LATE_S:
        conditions.add(LATE)
    if _seconds(_map(health, "process", "loop_lag_s").get("max")) > SLOW_S:
        conditions.add(LAGGING)
    if _seconds(_map(health, "storage", "commit_s").get("p95")) > SLOW_S:
        conditions.add(SLOW_CARD)
    return HubView(
        seen.name,
        state,
        age_s,
        latency_s,
        _waiting(health),
        oldest_s,
        _devices(health),
        _number(_map(health, "alarms").get("live")),
        tuple(sorted(conditions)),
    )


def _map(value: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    """Go down into nested maps; what is not there, or is no map, is an empty one: a heartbeat is anybody's JSON."""
    for name in names:
        found = value.get(name)
        value = found if isinstance(found, dict) else {}
    return value


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= EXACT else None


def _seconds(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _latency(health: Mapping[str, Any]) -> float | None:
    return _worst(_map(health, "delivery", "latency_s"), "p99")


def _oldest(health: Mapping[str, Any]) -> float | None:
    return _worst(_map(health, "delivery", "waiting"), "oldest_s")


def _worst(classes: Mapping[str, Any], figure: str) -> float | None:
    """Give the largest figure of the classes that the promise is about."""
    found = [_map(classes, name).get(figure) for name in ("alarm", "episodic", "continuous")]
    return max((float(value) for value in found if isinstance(value, int | float) and value <= EXACT), default=None)


def _waiting(health: Mapping[str, Any]) -> int | None:
    lanes = _map(health, "delivery", "waiting")
    found = [_number(_map(lanes, name).get("batches")) for name in lanes]
    return sum(value for value in found if value is not None) if found else None


def _devices(health: Mapping[str, Any]) -> tuple[int, int]:
    devices = health.get("devices")
    if not isinstance(devices, list):
        return 0, 0
    states = [device.get("state") for device in devices if isinstance(device, Mapping)]
    return states.count("connected"), len(devices)


def changes(before: Sequence[HubView], after: Sequence[HubView], now_ms: int) -> Iterator[dict[str, Any]]:
    """Say what has changed, as JSON-able objects: states, and conditions that began or ended."""
    old = {view.hub: view for view in before}
    for view in after:
        was = old.pop(view.hub, None)
        if was is None or was.state != view.state:
            yield _change(view.hub, now_ms, state=view.state, was=None if was is None else was.state)
        conditions = set(was.conditions) if was else set()
        for condition in sorted(conditions ^ set(view.conditions)):
            yield _change(view.hub, now_ms, condition=condition, active=condition in view.conditions)
    for view in old.values():
        for condition in view.conditions:
            yield _change(view.hub, now_ms, condition=condition, active=False)


def _change(hub: str, now_ms: int, **what: object) -> dict[str, Any]:
    return {"type": "state" if "state" in what else "alarm", "at": instant(now_ms), "hub": hub, **what}
