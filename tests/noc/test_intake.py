"""What the NOC makes of each message."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from hub_agent.envelope import SIGN_BATCH, Batch, digest, parse_batch
from hub_agent.errors import StorageError
from hub_agent.model import ClockState, ReadingClass, ReceivedReading, Stamp
from hub_agent.mqtt import Message
from hub_agent.noc import chart
from hub_agent.noc.chart import Journal
from hub_agent.noc.intake import Intake
from hub_agent.noc.lines import Fault
from hub_agent.noc.spool import Letter
from hub_agent.noc.store import Store
from hub_agent.wire import Event
from tests.noc.conftest import NOW_MS, Bench, Hub, health
from tests.noc.ends import event, reading

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=20,
)


GROUP: dict[str, Any] = {"d": "cuff", "k": 1, "c": 0, "m": [[150456, "%", 0]], "t": [0], "v": [[97]]}
ODD: list[dict[str, Any]] = [
    *({"i": [name]} for name in (5, 1.5, "x" * 16, [5], [1.5], True, bytes(15))),
    *({"q": flags} for flags in (2**70, -1, "1", True)),
    *({"u": user} for user in (2**70, "1")),
    *({"s": [record]} for record in (2**70, "1")),
    *({"w": [["2026-01-01T00:00:00", offset]]} for offset in (2**70, 1.5)),
    {"c": -1},
    {"v": [[2**4000]]},
]


def values(charted: Sequence[Any]) -> list[str]:
    return [str(c.item.reading.measurements[0].value) for c in charted if isinstance(c.item, ReceivedReading)]


def test_batches_in_any_order_are_charted_and_confirmed_as_they_join(bench: Bench, hub: Hub) -> None:
    one, two, three = (hub.batch([reading(90 + i)]) for i in range(3))
    assert hub.confirmed(bench.take(hub.keys(), three)) == {(3, 3)}
    assert hub.confirmed(bench.take(one)) == {(1, 1)}
    outcome = bench.take(two)
    assert hub.confirmed(outcome) == {(1, 2)}
    assert (values(outcome.charted), outcome.faults) == (["91"], [])


def test_a_repeated_batch_is_confirmed_again_and_charted_once(bench: Bench, hub: Hub) -> None:
    batch = hub.batch([reading(97)], ReadingClass.ALARM)
    assert values(bench.take(hub.keys(), batch, batch).charted) == ["97"]
    again = bench.take(batch)
    assert again.charted == []
    assert hub.confirmed(again) == {(1, 1)}
    assert again.words["hub-1"].urgent
    assert bench.count("readings") == 1


def test_a_batch_waits_for_its_epoch_even_across_a_restart(bench: Bench, hub: Hub) -> None:
    first, second = hub.batch([reading(97)]), hub.batch([reading(96)])
    outcome = bench.take(first, second, second)
    word = outcome.words["hub-1"]
    assert (word.wanted, word.confirmed, outcome.charted) == ({hub.epoch.id}, set(), [])
    bench.reopen()
    outcome = bench.take(hub.keys())
    assert values(outcome.charted) == ["97", "96"]
    assert hub.confirmed(outcome) == {(1, 1), (1, 2)}
    assert bench.count("pending") == 0


def test_what_waits_is_bounded(bench: Bench, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chart, "PENDING_MAX", 3)
    batches = [hub.batch([reading(90 + i)]) for i in range(5)]
    assert bench.take(*batches).words["hub-1"].wanted == {hub.epoch.id}
    assert bench.count("pending") == 3
    assert values(bench.take(hub.keys()).charted) == ["90", "91", "92"]
    assert values(bench.take(*batches).charted) == ["93", "94"]


def test_two_batches_of_one_number_are_a_clone_and_both_charted(bench: Bench, hub: Hub) -> None:
    mine = hub.batch([reading(97)])
    later = [hub.batch([reading(96)]), hub.batch([reading(95)])]
    bench.take(hub.keys(), mine, *later)
    hub.seq, hub.link = 1, digest(mine.payload)
    other = hub.batch([reading(60)])
    outcome = bench.take(other)
    assert values(outcome.charted) == ["60"]
    assert Fault("hub-1", "clone", hub.journal, 2) in outcome.faults
    # a range might hold a number that the copy has not sent yet: from now on only what came
    assert hub.confirmed(outcome) == {(2, 2)}
    assert hub.confirmed(bench.take(later[1])) == {(3, 3)}
    assert bench.take(other, later[0]).charted == []


def test_a_chain_that_does_not_fit_is_a_fork(bench: Bench, hub: Hub) -> None:
    first = hub.batch([reading(97)])
    hub.link = bytes(16)
    assert bench.take(hub.keys(), first, hub.batch([reading(96)])).faults == [Fault("hub-1", "fork", hub.journal, 2)]


def test_a_fork_is_seen_from_behind_too_and_told_once(bench: Bench, hub: Hub) -> None:
    first = hub.batch([reading(97)])
    hub.link = bytes(16)
    second = hub.batch([reading(96)])
    hub.link = bytes(16)
    third = hub.batch([reading(95)])
    assert bench.take(hub.keys(), third, second).faults == [Fault("hub-1", "fork", hub.journal, 2)]
    assert bench.take(first).faults == []
    assert [(f.kind, f.times) for f in bench.store.faults.open()] == [("fork", 2)]


def test_a_first_batch_with_a_past_is_a_fork(bench: Bench, hub: Hub) -> None:
    hub.link = b"x" * 16
    assert bench.take(hub.keys(), hub.batch([reading(97)])).faults == [Fault("hub-1", "fork", hub.journal, 1)]


def test_the_first_key_of_a_hub_that_fits_opens(bench: Bench, hub: Hub) -> None:
    bench.intake = Intake(bench.store, {"another": X25519PrivateKey.generate()})
    outcome = bench.take(hub.keys(), hub.batch([reading(97)]))
    assert outcome.words["hub-1"].refused == {(hub.epoch.id, 1): "no_key"}
    assert outcome.faults == [Fault("hub-1", "no_key", hub.journal, 1)]
    assert (outcome.charted, bench.count("batches")) == ([], 0)


def test_a_seal_that_does_not_open_is_refused(bench: Bench, hub: Hub) -> None:
    good = parse_batch(hub.batch([reading(97)]).payload)
    sealed = good.sealed[:-1] + bytes([good.sealed[-1] ^ 1])
    signature = hub.identity.sign(SIGN_BATCH + good.header_bytes + sealed)
    broken = hub.message("live", cbor2.dumps([good.header_bytes, sealed, signature]))
    outcome = bench.take(hub.keys(), broken)
    assert outcome.words["hub-1"].refused == {(hub.epoch.id, 1): "bad_seal"}
    assert outcome.charted == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        cbor2.dumps({"c": [[bytes(8), 0, 0, True]], "r": [GROUP | {"v": []}]}),
        cbor2.dumps({"c": [[bytes(8), 0, 0, True]], "r": [GROUP | {"v": [[1], [2]]}]}),
        cbor2.dumps({"c": [[bytes(8), 0, 0, True]], "r": [GROUP | {"v": [[0.5]]}]}),
        cbor2.dumps({"c": [[bytes(8), 0, 0, True]], "r": [GROUP | {"m": [[1, "%", "error"]] * 257, "v": []}]}),
        cbor2.dumps({"e": []}),
        cbor2.dumps({"c": [[bytes(8), 0, 0, True]], "e": [["alarm", 0, 0, "no map"]]}),
        cbor2.dumps({"c": [[bytes(8), 0, 0, True]], "e": [["alarm", 0, 0, {"x": float("nan")}]]}),
        cbor2.dumps({"c": [[bytes(8), 0, 0, True]], "e": [[b"alarm", 0, 0, {}]]}),
        cbor2.dumps({"c": [[bytes(8), 1 << 60, 0, True]], "e": [["alarm", 0, 0, {}]]}),
        cbor2.dumps({"c": [[bytes(8), 0, 0, True]], "e": [["alarm", 0, 0.5, {}]]}),
        *(cbor2.dumps({"c": [[bytes(8), 0, 0, True]], "r": [GROUP | odd]}) for odd in ODD),
        *(
            cbor2.dumps({"c": [[boot, 0, 0, True]], "e": [["alarm", 0, 0, {}]]})
            for boot in (10**12, 8, [0] * 8, "x" * 8, bytes(7), bytes(9))
        ),
        cbor2.dumps({"c": [[bytes(8), "0", 0, True]], "e": [["alarm", 0, 0, {}]]}),
        b"\x81" * 5000 + b"\x00",
    ],
)
def test_what_is_no_body_is_refused(bench: Bench, hub: Hub, body: bytes) -> None:
    outcome = bench.take(hub.keys(), hub.body(body))
    assert outcome.words["hub-1"].refused == {(hub.epoch.id, 1): "bad_body"}
    assert values(bench.take(hub.batch([reading(97)])).charted) == ["97"]


def test_a_message_that_cannot_be_taken_takes_none_of_its_group_along(
    bench: Bench, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    add = bench.store.chart.add

    def fails_late(journal: Journal, batch: Batch, *rest: Any) -> chart.Verdict:  # noqa: ANN401 - passed on
        verdict = add(journal, batch, *rest)
        if batch.header.seq == 2:
            raise OverflowError
        return verdict

    monkeypatch.setattr(bench.store.chart, "add", fails_late)
    outcome = bench.take(hub.keys(), *(hub.batch([reading(value)]) for value in (97, 96, 95)))
    assert (values(outcome.charted), outcome.faults) == (["97", "95"], [Fault("hub-1", "malformed")])
    assert hub.confirmed(outcome) == {(1, 1), (3, 3)}
    assert (bench.count("batches"), bench.count("readings")) == (2, 2)


def test_another_hubs_batch_and_record_do_not_count(bench: Bench, hub: Hub) -> None:
    other = bench.register(Hub("hub-2", b"journal-2-------"))
    stolen = [hub.message("keys", other.epoch.record), hub.message("live", other.batch([reading(97)]).payload)]
    outcome = bench.take(*stolen)
    assert [fault.kind for fault in outcome.faults] == ["foreign"]
    assert (outcome.words, outcome.charted) == ({}, [])


@pytest.mark.usefixtures("hub")
def test_a_record_that_the_hub_did_not_sign_does_not_count(bench: Bench) -> None:
    outcome = bench.take(Hub().keys())
    assert [fault.kind for fault in outcome.faults] == ["forged"]
    assert bench.count("epochs") == 0


@pytest.mark.parametrize("name", ["keys", "alarm", "live", "backlog", "status", "health"])
@pytest.mark.parametrize("payload", [b"", b"\x00", b"[1]", b'{"a":NaN}', cbor2.dumps([b"", b"", b""]), b"{" * 5000])
def test_nonsense_is_a_fault(bench: Bench, hub: Hub, name: str, payload: bytes) -> None:
    assert bench.take(hub.message(name, payload)).faults == [Fault("hub-1", "malformed")]


def test_other_topics_and_strangers(bench: Bench, hub: Hub) -> None:
    assert bench.take(hub.message("results", b"?")).faults == []
    assert bench.take(Message("elsewhere/hub-1/up/live", b"", False, 0)).faults == []
    assert bench.take(Hub("hub-9").keys()).faults == [Fault("hub-9", "stranger")]


def test_a_record_named_before_is_not_charted_again_even_in_another_journal(bench: Bench, hub: Hub) -> None:
    name = "ab" * 16
    stored = [reading(97, name=name), reading(96, name="cd" * 16), reading(95)]
    bench.take(hub.keys(), hub.batch(stored))
    hub.sealer._journal = hub.journal = b"journal-1b------"
    hub.epoch, hub.seq, hub.link = hub.sealer.open_epoch(0), 0, bytes(16)
    outcome = bench.take(hub.keys(), hub.batch([reading(97, name=name), reading(94, name="ef" * 16)]))
    assert values(outcome.charted) == ["94"]
    assert hub.confirmed(outcome) == {(1, 1)}


BOOT = "00" * 8


def at(monotonic_ms: int, wall_ms: int, *, synced: bool) -> Stamp:
    state = ClockState.SYNCED if synced else ClockState.UNSYNCED
    return Stamp(BOOT, monotonic_ms * 1_000_000, wall_ms * 1_000_000, state)


def test_readings_before_the_clock_was_set_are_dated_by_a_time_event_and_never_guessed(bench: Bench, hub: Hub) -> None:
    early = reading(97)._replace(stamp=at(1000, 5, synced=False))
    (charted,) = bench.take(hub.keys(), hub.batch([early])).charted
    assert (charted.received_ms, charted.latency_s) == (None, None)
    good = at(9000, NOW_MS - 500, synced=True)
    outcome = bench.take(
        hub.batch([Event("time", good, {})], ReadingClass.ALARM),
        hub.batch([reading(96)._replace(stamp=at(2000, 6, synced=False))]),
    )
    assert [c.received_ms for c in outcome.charted] == [NOW_MS - 500, NOW_MS - 500 - 7000]
    assert outcome.charted[1].latency_s == 7.5
    bench.store.close()
    with Store(bench.path) as store:
        dated = store._db.execute("SELECT received_ms FROM chart ORDER BY id").fetchall()
    assert dated == [(NOW_MS - 500 - 8000,), (NOW_MS - 500 - 7000,)]


def test_the_next_good_clock_dates_or_else_the_last(bench: Bench, hub: Hub) -> None:
    clocks = [Event("time", at(ms, NOW_MS + 2 * ms, synced=True), {}) for ms in (1000, 9000)]
    bench.take(hub.keys(), hub.batch(clocks, ReadingClass.ALARM))
    late = [reading(97)._replace(stamp=at(ms, 0, synced=False)) for ms in (500, 2000, 9500)]
    charted = bench.take(hub.batch(late)).charted
    assert [c.received_ms for c in charted] == [NOW_MS + 1500, NOW_MS + 11000, NOW_MS + 18500]
    dated = bench.store._db.execute("SELECT received_ms FROM chart ORDER BY id").fetchall()
    assert dated == [(c.received_ms,) for c in charted]


def test_numbers_that_neither_came_nor_wait_are_a_gap_until_they_come(bench: Bench, hub: Hub) -> None:
    batches = [hub.batch([reading(90 + i)]) for i in range(5)]
    bench.take(hub.keys(), batches[0], batches[4])
    assert bench.take(health(hub, waiting=3)).faults == []
    assert bench.take(health(hub, waiting=2)).faults == [Fault("hub-1", "gap", hub.journal, 5)]
    assert bench.take(health(hub, waiting=2)).faults == []
    bench.take(*batches[1:4])
    assert [fault.kind for fault in bench.store.faults.open()] == ["gap"]
    assert bench.take(health(hub)).faults == []
    assert bench.store.faults.open() == []


def test_a_journal_of_which_nothing_came_is_a_gap_once_its_hub_has_let_go_of_anything(bench: Bench, hub: Hub) -> None:
    assert bench.take(health(hub)).faults == []
    batches = [hub.batch([reading(90 + i)]) for i in range(2)]
    assert bench.take(health(hub, waiting=2)).faults == []
    assert bench.take(health(hub, waiting=1)).faults == [Fault("hub-1", "gap", hub.journal, 2)]
    assert bench.take(hub.keys(), *batches, health(hub)).faults == []
    assert bench.store.faults.open() == []


def test_a_heartbeat_of_another_history_is_a_clone(bench: Bench, hub: Hub) -> None:
    bench.take(hub.keys(), hub.batch([reading(97)]))
    assert bench.take(health(hub)).faults == []
    assert bench.take(health(hub, chain=b"y" * 16)).faults == [Fault("hub-1", "clone", hub.journal, 1)]
    after = hub.batch([reading(96)])  # what nobody signed changes nothing in how the journal is confirmed
    assert hub.confirmed(bench.take(after)) == {(1, 2)}


@pytest.mark.parametrize("last_seq", [-1, 1 << 70, "x", [], 1.5])
def test_a_heartbeat_may_say_anything(bench: Bench, hub: Hub, last_seq: object) -> None:
    bench.take(hub.keys(), hub.batch([reading(97)]))
    assert bench.take(health(hub, last_seq=last_seq)).faults == []
    assert bench.take(health(Hub(hub.name, b"another journal!"), last_seq=last_seq, waiting=1)).faults == []
    assert bench.take(hub.message("health", b'{"storage":7}')).faults == []
    assert bench.store.hubs.seen()[0].health == {"storage": 7}


def test_only_the_hub_that_was_asked_can_answer_and_only_once(bench: Bench, hub: Hub) -> None:
    other = bench.register(Hub("hub-2", b"journal-2-------"))
    with bench.store.transaction():
        bench.store.spool.put(Letter("j-1", "hub-1", b""), op="ping", exp_ms=NOW_MS, at_ms=0)
    results = [event("result", jti="j-1", op="ping", outcome=outcome, result={}) for outcome in ("failed", "done", "x")]
    bench.take(other.keys(), other.batch([results[0]], ReadingClass.ALARM))
    bench.take(hub.keys(), hub.batch(results[1:], ReadingClass.ALARM))
    answer = bench.store.spool.answer("j-1")
    assert answer is not None
    assert answer.outcome == "done"


def test_nothing_is_kept_when_the_store_fails(bench: Bench, hub: Hub) -> None:
    batch = hub.batch([reading(97)])
    bench.store.close()
    with pytest.raises(StorageError):
        bench.take(hub.keys(), batch)
    bench.open()
    assert (bench.count("epochs"), bench.count("batches")) == (0, 0)
    assert values(bench.take(hub.keys(), batch).charted) == ["97"]


def test_the_store_of_a_newer_release_is_left_alone(bench: Bench) -> None:
    bench.store._db.execute("PRAGMA user_version=99")
    with pytest.raises(StorageError, match="schema 99"):
        Store(bench.path)


def wrapped(hub: Hub, inner: Message, times: int) -> Message:
    """Put a batch into a salvaged event, and that into another, again and again."""
    message = inner
    for _ in range(times):
        message = hub.batch([event("salvaged", batch=message.payload)], ReadingClass.ALARM)
    return message


def test_what_was_salvaged_twice_is_charted_once(bench: Bench, hub: Hub) -> None:
    inner = hub.batch([reading(97)])
    outcome = bench.take(hub.keys(), wrapped(hub, inner, 2))
    assert (values(outcome.charted), outcome.faults) == (["97"], [])
    assert bench.take(inner).charted == []


def test_batches_within_batches_without_end_stop_nothing(bench: Bench, hub: Hub) -> None:
    outcome = bench.take(hub.keys(), wrapped(hub, hub.batch([reading(97)]), 300))
    assert (values(outcome.charted), outcome.faults) == ([], [Fault("hub-1", "malformed")])
    assert values(bench.take(hub.batch([reading(96)])).charted) == ["96"]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 11), max_size=40))
def test_whatever_the_order_and_the_repeats_each_reading_is_charted_once(order: list[int]) -> None:
    with TemporaryDirectory() as here:
        bench = Bench(Path(here) / "noc.db")
        hub = bench.register(Hub())
        messages = [hub.keys(), *(hub.batch([reading(100 + i)]) for i in range(11))]
        outcomes = [bench.take(messages[i]) for i in order]
        came = {i for i in order if i}
        charted = came if 0 in order else set()
        assert sorted(v for o in outcomes for v in values(o.charted)) == sorted(str(99 + i) for i in charted)
        ranges = bench.store._db.execute("SELECT first, last FROM ranges ORDER BY first").fetchall()
        assert [n for first, last in ranges for n in range(first, last + 1)] == sorted(charted)
        assert all(b[0] - a[1] > 1 for a, b in pairwise(ranges))
        assert bench.store.faults.open() == []
        bench.store.close()


HUB = Hub()
RECORD, BATCH = HUB.keys(), HUB.batch([reading(97), event("alarm", x=1)])


@given(st.sampled_from([RECORD, BATCH]), st.data())
def test_not_one_byte_can_be_changed_on_the_way(message: Message, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(message.payload) - 1))
    payload = bytearray(message.payload)
    match data.draw(st.sampled_from(["flip", "insert", "append", "cut"])):
        case "flip":
            payload[place] ^= data.draw(st.integers(1, 255))
        case "insert":
            payload.insert(place, payload[place] ^ data.draw(st.integers(1, 255)))
        case "append":
            payload += data.draw(st.binary(min_size=1, max_size=3))
        case _:
            del payload[place:]
    with TemporaryDirectory() as here:
        bench = Bench(Path(here) / "noc.db")
        bench.register(HUB)
        if message is BATCH:
            bench.take(RECORD)
        outcome = bench.take(message._replace(payload=bytes(payload)))
        assert [fault.kind for fault in outcome.faults] in (["malformed"], ["forged"], ["foreign"])
        assert (outcome.charted, outcome.words, bench.count("pending")) == ([], {}, 0)
        bench.store.close()


@pytest.mark.parametrize("message", [RECORD, BATCH])
def test_nor_can_it_be_encoded_in_another_way(bench: Bench, message: Message) -> None:
    bench.register(HUB)
    bench.take(RECORD)
    parts = cbor2.loads(message.payload)
    longer = b"\x98\x03" + b"".join(b"\x5a" + len(part).to_bytes(4, "big") + part for part in parts)
    assert cbor2.loads(longer) == parts
    assert [f.kind for f in bench.take(message._replace(payload=longer)).faults] == ["malformed"]
    assert bench.count("batches") == 0


@settings(max_examples=settings().max_examples * 3 // 2)
@given(
    st.one_of(
        JSON.map(cbor2.dumps),
        st.fixed_dictionaries(
            {"c": st.just([[bytes(8), 0, 0, True]])},
            optional={
                "e": st.lists(st.tuples(JSON, JSON, JSON, JSON), max_size=2),
                "r": st.lists(
                    st.fixed_dictionaries(
                        {
                            "d": st.just("cuff") | JSON,
                            "k": st.just(1) | JSON,
                            "c": st.just(0) | JSON,
                            "m": st.just([[150456, "%", 0]]) | st.lists(st.tuples(JSON, JSON, JSON), max_size=2) | JSON,
                            "t": st.lists(st.integers() | st.floats(), max_size=3) | JSON,
                            "v": st.lists(st.lists(st.integers() | st.floats(), max_size=3), max_size=2) | JSON,
                        },
                        optional=dict.fromkeys("qbuiwsx", JSON),
                    ),
                    max_size=2,
                ),
            },
        ).map(cbor2.dumps),
    )
)
def test_no_hub_can_stop_the_noc_with_a_body(body: bytes) -> None:
    with TemporaryDirectory() as here:
        bench = Bench(Path(here) / "noc.db")
        hub = bench.register(Hub())
        outcome = bench.take(hub.keys(), hub.body(body))
        word = outcome.words["hub-1"]
        assert bool(word.confirmed) != bool(word.refused)
        assert values(bench.take(hub.batch([reading(97)])).charted) == ["97"]
        bench.store.close()
