"""Gaps are data: each silence is accounted for, with its reason, and is dated at the NOC."""

import sqlite3
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub_agent.builder import Builder
from hub_agent.gaps import Expected, Gaps, from_bytes, hub_off, instant, to_bytes
from hub_agent.model import ClockState, Stamp
from hub_agent.noc.rows import rows_of
from hub_agent.noc.store import Store
from hub_agent.wire import Event, decode, encode
from tests.configs import config_of, make_keys
from tests.virtual import HandClock

BOOT = "b007" * 4
WALL_S = 1_795_348_800
PATIENCE_S = 10.0


def _at(seconds: float, *, boot: str = BOOT, synced: bool = True) -> Stamp:
    state = ClockState.SYNCED if synced else ClockState.UNSYNCED
    wall_s = WALL_S + seconds if synced else seconds
    return Stamp(boot, round(seconds * 1e9), round(wall_s * 1000) * 10**6, state)


def _gaps(away: Literal["out_of_range", "unplugged"] = "out_of_range") -> Gaps:
    gaps = Gaps({"oximeter": Expected(PATIENCE_S, away)}, _at(0))
    gaps.link("oximeter", connected=True)
    return gaps


def _told(event: Event | None) -> tuple[str, str, float, float | None]:
    assert event is not None
    assert event.kind == "gap"
    since, until = event.fields["from"], event.fields["to"]
    return event.fields["device"], event.fields["why"], since[1] / 1e3, None if until is None else until[1] / 1e3


def test_a_device_that_keeps_its_pace_has_no_gap() -> None:
    gaps = _gaps()
    for second in range(100):
        assert gaps.heard("oximeter", _at(second)) is None
        assert list(gaps.tick(_at(second + 0.5))) == []


@pytest.mark.parametrize(
    ("away", "connected", "why"),
    [
        ("out_of_range", True, "silent"),
        ("out_of_range", False, "out_of_range"),
        ("unplugged", False, "unplugged"),
        ("unplugged", True, "silent"),
    ],
)
def test_a_gap_is_told_when_it_opens_and_when_it_closes(
    away: Literal["out_of_range", "unplugged"], *, connected: bool, why: str
) -> None:
    gaps = _gaps(away)
    gaps.heard("oximeter", _at(5))
    gaps.link("oximeter", connected=connected)
    assert list(gaps.tick(_at(15))) == []
    (opened,) = gaps.tick(_at(15.1))
    assert _told(opened) == ("oximeter", why, 5.0, None)
    assert list(gaps.tick(_at(500))) == []
    gaps.link("oximeter", connected=True)  # what it is when it ends does not change why it began
    assert _told(gaps.heard("oximeter", _at(600))) == ("oximeter", why, 5.0, 600.0)
    assert gaps.heard("oximeter", _at(601)) is None


def test_a_gap_that_nobody_saw_open_is_told_whole() -> None:
    gaps = _gaps()
    assert _told(gaps.heard("oximeter", _at(60))) == ("oximeter", "silent", 0.0, 60.0)


def test_a_device_that_never_came_is_a_gap_from_the_start() -> None:
    gaps = Gaps({"oximeter": Expected(PATIENCE_S, "out_of_range")}, _at(0))
    (opened,) = gaps.tick(_at(11))
    assert _told(opened) == ("oximeter", "out_of_range", 0.0, None)


def test_a_device_whose_driver_cannot_be_loaded_is_missed_all_the_same(tmp_path: Path) -> None:
    make_keys(tmp_path)
    more = '[[devices]]\nname = "{}"\ndriver = "none-such"\n{}\ncadence_s = 1\n'
    way = 'address = "F0:0D:CA:FE:00:01"'
    config = config_of(tmp_path, more.format("strap", way) + more.format("line", 'port = "/dev/ttyS9"'))
    clock = HandClock()
    gaps = Builder(config, clock).gaps()
    gaps.park("line")
    clock.later(60)
    assert [_told(gap)[:2] for gap in gaps.tick(clock.stamp())] == [("strap", "out_of_range"), ("line", "parked")]


def test_a_parked_device_says_so() -> None:
    gaps = _gaps()
    gaps.park("oximeter")
    (opened,) = gaps.tick(_at(11))
    assert _told(opened) == ("oximeter", "parked", 0.0, None)


def test_a_device_that_is_used_now_and_then_has_no_gaps() -> None:
    gaps = Gaps({}, _at(0))
    gaps.link("cuff", connected=False)
    gaps.park("cuff")
    assert gaps.heard("cuff", _at(1)) is None
    assert gaps.heard("cuff", _at(100_000)) is None
    assert list(gaps.tick(_at(200_000))) == []


@given(st.lists(st.floats(0.1, 30), max_size=12), st.lists(st.booleans(), max_size=200))
def test_every_silence_longer_than_patience_is_told_whole_and_no_other(pauses: list[float], looks: list[bool]) -> None:
    gaps = _gaps()
    told: list[Event] = []
    now_s, look = 0.0, iter(looks)
    heard = [0.0]
    for pause in pauses:
        for _ in range(int(pause)):
            now_s += 1
            if next(look, True):
                told += gaps.tick(_at(now_s))
        now_s += 1 + pause % 1
        closed = gaps.heard("oximeter", _at(now_s))
        told += [closed] if closed else []
        heard.append(now_s)
    silences = [a for a, b in pairwise(heard) if round(b * 1e9) - round(a * 1e9) > PATIENCE_S * 1e9]
    whole = [_told(event) for event in told if event.fields["to"] is not None]

    assert len(whole) == len(silences)
    opened = [_told(event)[2] for event in told if event.fields["to"] is None]
    assert len(opened) == len(set(opened))
    assert set(opened) <= {since for _, _, since, _ in whole}


def test_a_hub_that_was_off_says_from_when_to_when() -> None:
    assert hub_off(None, _at(0)) is None
    last = from_bytes(to_bytes(_at(100, boot="b006" * 4)))
    event = hub_off(last, _at(3))
    assert event is not None
    assert event.fields["why"] == "hub_off"
    assert event.fields["device"] == ""
    assert event.fields["from"] == ["b006" * 4, 100_000, (WALL_S + 100) * 1000, True]
    assert event.fields["to"] == [BOOT, 3000, (WALL_S + 3) * 1000, True]


# --- at the NOC -------------------------------------------------------------------------------------------------------


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "noc.db") as opened:
        yield opened


def _chart(store: Store, *events: Event) -> None:
    """Put events into the chart as the NOC's intake does, through the wire."""
    items = [item for item in decode(encode(events)) if isinstance(item, Event)]
    with store.transaction():
        store.chart.add_clocks(1, [item.stamp for item in items], items)
        for row, _ in rows_of(items).events:
            store.chart._db.execute("INSERT INTO events VALUES (NULL, 1, 1, ?, ?, ?, ?, ?, ?)", row)
        store.chart._db.execute("INSERT OR IGNORE INTO hubs (id, name, public, added_ms) VALUES (1, 'hub-1', x'00', 0)")


def _view(store: Store) -> list[Any]:
    db = sqlite3.connect(store.path)
    try:
        return db.execute("SELECT * FROM gaps ORDER BY since_ms").fetchall()
    finally:
        db.close()


def test_the_noc_sees_each_gap_once_and_knows_which_are_open(store: Store) -> None:
    gaps = _gaps()
    (opened,) = gaps.tick(_at(11))
    _chart(store, opened)
    assert _view(store) == [("hub-1", "oximeter", "silent", WALL_S * 1000, None)]
    closed = gaps.heard("oximeter", _at(60))
    assert closed is not None
    _chart(store, closed, opened)  # the opening comes once more, and late
    assert _view(store) == [("hub-1", "oximeter", "silent", WALL_S * 1000, (WALL_S + 60) * 1000)]


def test_a_gap_that_the_hub_did_not_live_to_close_ends_with_its_own(store: Store) -> None:
    (before,) = _gaps().tick(_at(11))
    off = hub_off(_at(20), _at(50))
    (after,) = Gaps({"oximeter": Expected(PATIENCE_S, "unplugged")}, _at(50)).tick(_at(61))
    assert off is not None
    _chart(store, before, off, after)
    assert [(why, since_ms - WALL_S * 1000, until_ms) for _, _, why, since_ms, until_ms in _view(store)] == [
        (before.fields["why"], 0, (WALL_S + 50) * 1000),
        ("hub_off", 20_000, (WALL_S + 50) * 1000),
        ("unplugged", 50_000, None),
    ]


@pytest.mark.parametrize("ends_s", [(9, 11), (11, 9)])
def test_of_two_gaps_that_began_together_the_noc_sees_the_longer(store: Store, ends_s: tuple[int, int]) -> None:
    """Two pieces of one minute were shed, in either order; 11,000 ms is later than 9,000, though not in an alphabet."""
    for until_s in ends_s:
        fields = {"device": "", "why": "shed", "from": instant(_at(0)), "to": instant(_at(until_s))}
        _chart(store, Event("gap", _at(until_s), fields))
    assert _view(store) == [("hub-1", "", "shed", WALL_S * 1000, (WALL_S + 11) * 1000)]


def test_the_noc_dates_a_gap_of_a_boot_in_1970(store: Store) -> None:
    gaps = Gaps({"oximeter": Expected(PATIENCE_S, "unplugged")}, _at(0, synced=False))
    (opened,) = gaps.tick(_at(11, synced=False))
    closed = gaps.heard("oximeter", _at(60, synced=False))
    assert closed is not None
    _chart(store, opened, closed)
    assert _view(store) == [("hub-1", "oximeter", "unplugged", None, None)]
    _chart(store, Event("time", _at(90), {}))
    assert _view(store) == [("hub-1", "oximeter", "unplugged", WALL_S * 1000, (WALL_S + 60) * 1000)]
