import pytest

from hub_agent import wire
from hub_agent.envelope import Ranges, digest
from hub_agent.model import ReadingClass
from hub_agent.mqtt import Message
from tests.noc.conftest import Bench, Hub
from tests.noc.ends import event, reading

ALARM, _, CONTINUOUS, WAVEFORM = ReadingClass


def covering(hub: Hub, covers: Ranges, cls: ReadingClass, *items: wire.Item) -> Message:
    """Seal a batch that stands for others."""
    hub.seq += 1
    envelope = hub.sealer.seal(hub.epoch, hub.seq, cls, len(items), hub.link, wire.encode(items), covers=covers)
    hub.link = digest(envelope)
    return hub.message("backlog", envelope)


def gap_record(hub: Hub, covers: Ranges) -> Message:
    return covering(hub, covers, ALARM, event("gap", why="shed"))


@pytest.fixture
def batches(bench: Bench, hub: Hub) -> list[Message]:
    """Five batches, of which the NOC has none yet; it knows their epoch."""
    bench.take(hub.keys())
    return [hub.batch([reading(90 + number)]) for number in range(5)]


def missing(bench: Bench, hub: Hub) -> int:
    journal = bench.store.chart.journal(1, hub.journal)
    assert journal is not None
    return bench.store.chart.numbers.missing(journal.id, hub.seq)


def test_a_rewritten_batch_accounts_for_those_it_covers(bench: Bench, hub: Hub, batches: list[Message]) -> None:
    outcome = bench.take(batches[0], covering(hub, ((2, 4),), CONTINUOUS, reading(1), reading(2), reading(3)))
    assert missing(bench, hub) == 1  # number 5
    assert bench.count("readings") == 4
    assert hub.confirmed(outcome) == {(1, 1), (6, 6)}
    outcome = bench.take(batches[4])
    assert missing(bench, hub) == 0
    assert hub.confirmed(outcome) == {(5, 5)}
    outcome = bench.take(hub.batch([reading(2)]))
    assert hub.confirmed(outcome) == {(5, 7)}
    assert outcome.faults == []


def test_shed_numbers_are_no_gap_and_may_come_all_the_same(bench: Bench, hub: Hub, batches: list[Message]) -> None:
    bench.take(batches[0], gap_record(hub, ((2, 3), (5, 5))))
    assert missing(bench, hub) == 1
    outcome = bench.take(batches[1], batches[3])  # one was on its way when it was shed
    assert (missing(bench, hub), outcome.faults, bench.count("readings")) == (0, [], 3)


def test_a_batch_on_its_way_when_it_was_shed_may_also_come_first(
    bench: Bench, hub: Hub, batches: list[Message]
) -> None:
    outcome = bench.take(*batches, gap_record(hub, ((2, 3),)))
    assert (missing(bench, hub), outcome.faults, bench.count("readings")) == (0, [], 5)


@pytest.mark.parametrize("original_first", [True, False])
def test_a_rewritten_number_that_comes_by_itself_is_a_copy_s_work(
    bench: Bench, hub: Hub, batches: list[Message], *, original_first: bool
) -> None:
    rewritten = covering(hub, ((2, 4),), CONTINUOUS, reading(1))
    order = [batches[2], rewritten] if original_first else [rewritten, batches[2]]
    assert [fault.kind for fault in bench.take(*order).faults] == ["clone"]
    assert bench.count("readings") == 2  # both are charted


@pytest.mark.parametrize("original_first", [True, False])
def test_the_readings_of_a_rewritten_number_that_comes_by_itself_are_charted_once(
    bench: Bench, hub: Hub, *, original_first: bool
) -> None:
    twice = reading(97)
    seconds = [[reading(95)], [twice, reading("96.5", cls=ReadingClass.WAVEFORM)], [twice], [reading(98)]]
    bench.take(hub.keys())
    originals = [hub.batch(items) for items in seconds]
    rewritten = covering(hub, ((1, 3),), CONTINUOUS, *(item for items in seconds[:3] for item in items))
    order = [originals[1], rewritten] if original_first else [rewritten, originals[1]]
    charted = bench.take(*order, originals[3]).charted
    assert len(charted) == bench.count("readings") == 5
    outcome = bench.take(originals[0], originals[2])
    assert outcome.charted == []
    assert hub.confirmed(outcome) == {(1, 1), (3, 3)}


def test_a_rewritten_batch_that_is_shed_later_takes_its_numbers_along(
    bench: Bench, hub: Hub, batches: list[Message]
) -> None:
    covering(hub, ((1, 4),), CONTINUOUS, reading(1))
    outcome = bench.take(batches[4], gap_record(hub, ((1, 4), (6, 6))))
    assert (missing(bench, hub), outcome.faults) == (0, [])


@pytest.mark.parametrize("cls", [ALARM, CONTINUOUS])
def test_a_range_never_goes_beyond_a_covered_number(
    bench: Bench, hub: Hub, batches: list[Message], cls: ReadingClass
) -> None:
    """A hub that was set back puts others under those numbers, of which the chain cannot tell."""
    outcome = bench.take(batches[0], covering(hub, ((2, 3),), cls, reading(1)))
    assert hub.confirmed(outcome) == {(1, 1), (6, 6)}
    hub.seq, hub.link, hub.epoch = 1, digest(batches[0].payload), hub.sealer.open_epoch(0)
    second, third, fourth = hub.batch([reading(52)]), hub.batch([reading(53)]), hub.batch([reading(54)])
    assert hub.confirmed(bench.take(hub.keys(), fourth)) == {(4, 4)}
    assert hub.confirmed(bench.take(third)) == {(3, 3)}
    assert hub.confirmed(bench.take(second)) == {(2, 2)}
    assert bench.count("readings") == 5


def test_the_same_again_is_confirmed_and_changes_nothing(bench: Bench, hub: Hub, batches: list[Message]) -> None:
    rewritten, shed = covering(hub, ((2, 4),), CONTINUOUS, reading(1)), gap_record(hub, ((1, 1),))
    bench.take(batches[4], rewritten, shed)
    outcome = bench.take(rewritten, shed)
    assert (outcome.charted, outcome.faults, missing(bench, hub)) == ([], [], 0)
    assert hub.confirmed(outcome) == {(5, 6), (5, 7)}


# --- what was salvaged ------------------------------------------------------------------------------------------------


def salvaged(hub: Hub, **fields: bytes) -> Message:
    return hub.batch([event("salvaged", **fields)])


def test_a_salvaged_batch_is_charted_under_its_own_journal(bench: Bench, hub: Hub) -> None:
    old = Hub("hub-1", b"an-older-journal")
    old.identity, old.sealer = (
        hub.identity,
        type(hub.sealer)("hub-1", old.journal, hub.identity, hub.sealer._recipients),
    )
    old.epoch = old.sealer.open_epoch(0)
    batch = old.batch([reading(42)])
    outcome = bench.take(
        hub.keys(),
        salvaged(hub, batch=batch.payload),
        salvaged(hub, epoch=old.epoch.record),
        old.message("live", batch.payload),
    )
    assert [(one.journal, one.seq) for one in outcome.charted] == [(old.journal, 1)]
    assert (bench.count("readings"), bench.count("events"), outcome.faults) == (1, 0, [])


def test_what_is_no_batch_is_a_fault_and_spoils_nothing_else(bench: Bench, hub: Hub) -> None:
    stranger = Hub("hub-1", b"somebody-else---")
    forged = stranger.batch([reading(1)]).payload
    mixed = hub.batch(
        [reading(7), event("salvaged", batch=b"noise"), event("salvaged", batch=forged), event("salvaged")]
    )
    outcome = bench.take(hub.keys(), mixed)
    assert sorted(fault.kind for fault in outcome.faults) == ["forged", "malformed"]
    assert bench.count("readings") == 1
    assert hub.confirmed(outcome) == {(1, 1)}
