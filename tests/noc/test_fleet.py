"""How each hub is judged, and what is told of it."""

from io import StringIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from hub_agent.noc.faults import OpenFault
from hub_agent.noc.fleet import HubView, changes, judge
from hub_agent.noc.hubs import Seen
from hub_agent.noc.watch import table

NOW = 1_800_000_000_000
HEALTH: dict[str, Any] = {
    "delivery": {
        "latency_s": {
            "alarm": {"p99": 0.2},
            "episodic": {"p99": None},
            "continuous": {"p99": 1.5},
            "waveform": {"p99": 99},
        },
        "waiting": {
            "alarm": {"batches": 1, "oldest_s": 0.4},
            "continuous": {"batches": 41, "oldest_s": 12.5},
            "waveform": {"batches": 0, "oldest_s": 99.0},
        },
    },
    "devices": [{"state": "waiting"}, {"state": "connected"}],
    "alarms": {"live": 2},
}
ONLINE = {"state": "online"}
NAMES = st.sampled_from(["delivery", "latency_s", "alarm", "p99", "waiting", "batches", "devices"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["delivery", "latency_s", "alarm", "p99", "waiting", "batches", "devices"]), inner
        )
    ),
)


def seen(beat_age_ms: int | None, status: dict[str, Any] | None = ONLINE, status_age_ms: int = 60_000) -> Seen:
    beat_ms = None if beat_age_ms is None else NOW - beat_age_ms
    return Seen("hub-1", status, NOW - status_age_ms, None if beat_ms is None else HEALTH, beat_ms)


def look(*hubs: Seen, faults: tuple[OpenFault, ...] = (), collector_ms: int | None = NOW) -> list[HubView]:
    return judge(hubs, faults, collector_ms, NOW)


def test_a_healthy_hub() -> None:
    assert look(seen(3_000)) == [HubView("hub-1", "online", 3.0, 1.5, 42, 12.5, (1, 2), 2, ())]


@pytest.mark.parametrize(
    ("hub", "state", "conditions"),
    [
        (seen(21_900), "online", ()),
        (seen(22_100), "silent", ("hub_silent",)),
        (seen(None, None), "never", ()),
        (seen(3_000, {"state": "offline"}, 1_000), "offline", ("hub_offline",)),
        (seen(90_000, {"state": "offline"}, 1_000), "offline", ("hub_offline", "hub_silent")),
        (seen(1_000, {"state": "offline"}, 3_000), "online", ()),  # back, though its status is still on the way
        (seen(90_000, ONLINE, 1_000), "silent", ("hub_silent",)),  # the Will is only a hint
    ],
)
def test_states(hub: Seen, state: str, conditions: tuple[str, ...]) -> None:
    (view,) = look(hub)
    assert (view.state, view.conditions) == (state, conditions)


def test_a_promise_that_is_broken_is_an_alarm() -> None:
    health = HEALTH | {"delivery": {"latency_s": {"episodic": {"p99": 30.1}}}}
    (view,) = look(Seen("hub-1", ONLINE, NOW, health, NOW))
    assert (view.latency_p99_s, view.conditions, view.waiting) == (30.1, ("latency",), None)


def test_what_waits_too_long_is_an_alarm_before_it_is_delivered() -> None:
    waiting = {"continuous": {"batches": 31, "oldest_s": 30.5}}
    (view,) = look(Seen("hub-1", ONLINE, NOW, HEALTH | {"delivery": {"waiting": waiting}}, NOW))
    assert (view.oldest_s, view.conditions) == (30.5, ("latency",))


@pytest.mark.parametrize(
    ("loop_s", "card_s", "conditions"),
    [
        (1.0, 1.0, ()),
        (1.1, 0.2, ("loop_lag",)),
        (None, 1.1, ("slow_commits",)),
        (9.0, 9.0, ("loop_lag", "slow_commits")),
        ("9", True, ()),
    ],
)
def test_a_hub_that_is_slow_within_warns(loop_s: Any, card_s: Any, conditions: tuple[str, ...]) -> None:  # noqa: ANN401 - JSON
    slow = {"process": {"loop_lag_s": {"max": loop_s}}, "storage": {"commit_s": {"p95": card_s, "max": 99.0}}}
    (view,) = look(Seen("hub-1", ONLINE, NOW, HEALTH | slow, NOW))
    assert (view.state, view.conditions) == ("online", conditions)


def test_faults_are_conditions_and_a_stranger_has_a_row() -> None:
    faults = (
        OpenFault("hub-1", "gap", 3, 0, 0),
        OpenFault("hub-1", "clone", 1, 0, 0),
        OpenFault("hub-9", "stranger", 7, 0, 0),
    )
    mine, stranger = look(seen(1_000), faults=faults)
    assert mine.conditions == ("clone", "gap")
    assert (stranger.hub, stranger.state, stranger.conditions) == ("hub-9", "stranger", ("stranger",))


@pytest.mark.parametrize("collector_ms", [None, NOW - 3_100])
def test_a_collector_that_does_not_work_is_the_first_alarm(collector_ms: int | None) -> None:
    assert look(seen(1_000), collector_ms=collector_ms)[0].conditions == ("collector_silent",)
    assert look(seen(1_000), collector_ms=NOW - 2_900)[0].hub == "hub-1"


def test_changes_are_told_once_both_ways() -> None:
    healthy, silent = look(seen(1_000)), look(seen(30_000))
    assert [c["state"] for c in changes([], healthy, NOW)] == ["online"]
    assert list(changes(healthy, healthy, NOW)) == []
    told = list(changes(healthy, silent, NOW))
    assert [(c["type"], c.get("state"), c.get("condition"), c.get("active")) for c in told] == [
        ("state", "silent", None, None),
        ("alarm", None, "hub_silent", True),
    ]
    assert [c.get("active") for c in changes(silent, healthy, NOW)] == [None, False]
    assert [(c["condition"], c["active"]) for c in changes(silent, [], NOW)] == [("hub_silent", False)]


@given(JSON, JSON)
def test_a_heartbeat_is_anybodys_json(status: object, health: object) -> None:
    as_map = [value if isinstance(value, dict) else None for value in (status, health)]
    views = look(Seen("hub-1", as_map[0], NOW, as_map[1], NOW))
    console = Console(file=StringIO(), width=200)
    console.print(table(views, 200))


FAULTS = ("fork", "clone", "gap", "forged", "no_key")


def test_a_number_beyond_all_others_keeps_nobody_else_from_being_watched() -> None:
    beyond = 10**400
    lane = {"batches": beyond, "oldest_s": beyond}
    health = {"delivery": {"latency_s": {"alarm": {"p99": beyond}}, "waiting": {"alarm": lane}}, "alarms": {"live": 1}}
    (view,) = judge([Seen("hub-1", None, None, health, NOW)], (), NOW, NOW)
    assert (view.latency_p99_s, view.oldest_s, view.alarms) == (None, None, 1)


@pytest.mark.parametrize("width", [80, 100, 140])
def test_the_table_shows_it_all_and_cuts_no_word(width: int) -> None:
    out = StringIO()
    name = "ward-7-north-home-hub-0000000042"  # as long as an id may be
    faults = [OpenFault(name, kind, 1, 0, 0) for kind in FAULTS]
    hubs = [seen(3_000), seen(30_000)._replace(name=name), seen(400_000)._replace(name="hub-2")]
    Console(file=out, width=width).print(table(judge(hubs, faults, None, NOW), width))
    lines = out.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    words = set(out.getvalue().split())
    assert {"(NOC)", "hub-1", "silent", "1.5", "42,", "12", "1/2", "collector_silent", "hub_silent"} <= words
    assert {*FAULTS} <= words
    assert ("7 min" in out.getvalue(), "…" in out.getvalue()) == (True, False)
    assert [line.split()[0] for line in lines if " 1/2" in line][-1] == "hub-1"  # the well come last
