import asyncio
import json
import os
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest

from hub_agent.envelope import parse_batch
from hub_agent.errors import FullError, StorageError
from hub_agent.model import ReadingClass
from hub_agent.outbox import ballast, quota
from hub_agent.outbox.quota import MIB, Limits
from hub_agent.outbox.rows import class_of, key_of, seq_of
from hub_agent.outbox.store import Store
from hub_agent.topics import Topics
from hub_agent.wire import Event
from tests.disk import make_read_only, mounted
from tests.outbox.journey import Hub, Noc, reading
from tests.rooms import HUB
from tests.virtual import LoopClock, virtual_time

LIMITS = Limits(quota=3 * MIB, ballast=MIB, min_free=0)
PAYLOAD = 20_000  # a hundred of them are the room

ALARM, EPISODIC, CONTINUOUS, WAVEFORM = ReadingClass


def bulk(hub: Hub, cls: ReadingClass) -> Event:
    """Something of a class that takes room and does not compress."""
    return Event("rejected", hub.clock.stamp(), {"device": cls.name.lower(), "bytes": os.urandom(PAYLOAD)})


async def fill(hub: Hub, cls: ReadingClass, count: int) -> None:
    for _ in range(count):
        await hub.commit([bulk(hub, cls)], cls)


async def held(hub: Hub) -> dict[ReadingClass, int]:
    """Batches in the file, by class."""
    return {cls: tally.batches for cls, tally in (await hub.outbox.run(Store.tally)).items()}


async def gaps(hub: Hub, noc: Noc) -> list[Event]:
    await hub.drain(noc)
    return noc.events("gap")


# --- the quota --------------------------------------------------------------------------------------------------------


@virtual_time
async def test_the_least_valuable_goes_first_the_oldest_of_it_and_alarms_never(tmp_path: Path) -> None:
    hub, noc = Hub(tmp_path / "o.db", LoopClock(), LIMITS), Noc(tmp_path / "noc.db")
    for cls in (EPISODIC, CONTINUOUS, WAVEFORM):
        await fill(hub, cls, 30)
    await fill(hub, ALARM, 50)
    here = await held(hub)
    assert (here[EPISODIC], here[WAVEFORM]) == (30, 0)
    assert 0 < here[CONTINUOUS] < 30
    assert here[ALARM] > 50  # the gap records
    assert [seq_of(row.key) for row in await hub.outbox.after(CONTINUOUS, 0, 99)] == [*range(61 - here[CONTINUOUS], 61)]
    assert hub.path.stat().st_size <= LIMITS.quota - LIMITS.ballast
    shed = await gaps(hub, noc)
    assert [gap.fields["class"] for gap in shed] == sorted((gap.fields["class"] for gap in shed), reverse=True)
    assert sum(gap.fields["items"] for gap in shed) + len(noc.events("rejected")) == 140
    assert noc.faults == []
    await hub.die()


@virtual_time
async def test_where_the_rest_of_a_class_is_not_room_enough_the_next_class_gives_more(tmp_path: Path) -> None:
    hub, noc = Hub(tmp_path / "o.db", LoopClock(), LIMITS), Noc(tmp_path / "noc.db")
    for cls in (WAVEFORM, CONTINUOUS):
        await hub.commit([reading(1, hub.clock, cls)], cls)
    await fill(hub, EPISODIC, 120)
    here = await held(hub)
    assert (here[CONTINUOUS], here[WAVEFORM]) == (0, 0)
    assert 60 < here[EPISODIC] < 120
    assert [gap.fields["class"] for gap in (await gaps(hub, noc))[:3]] == ["waveform", "continuous", "episodic"]
    await hub.die()


@virtual_time
async def test_a_gap_record_says_what_is_known(tmp_path: Path) -> None:
    hub, noc = Hub(tmp_path / "o.db", LoopClock(), LIMITS), Noc(tmp_path / "noc.db")
    began = hub.clock.stamp()
    await hub.commit([reading(1, hub.clock, WAVEFORM)], WAVEFORM)
    await fill(hub, WAVEFORM, 110)
    gap = (await gaps(hub, noc))[0].fields
    assert gap["why"] == "shed"
    assert gap["class"] == "waveform"
    assert gap["from"][1] == began.monotonic_ns // 1_000_000
    assert gap["devices"] == ["oximeter"]
    await hub.die()


@virtual_time
async def test_a_gap_record_of_the_newest_of_a_class_ends_where_it_was_shed(tmp_path: Path) -> None:
    """Nothing of the class followed, and nothing may for days: without an end the NOC would see a gap that lasts."""
    hub, noc = Hub(tmp_path / "o.db", LoopClock(), LIMITS), Noc(tmp_path / "noc.db")
    await fill(hub, WAVEFORM, 1)
    newest = hub.clock.stamp().monotonic_ns // 1_000_000
    await asyncio.sleep(60)
    await fill(hub, EPISODIC, 110)
    shed = hub.clock.stamp().monotonic_ns // 1_000_000
    gap = (await gaps(hub, noc))[0].fields
    assert gap["class"] == "waveform"
    assert newest < gap["to"][1] <= shed
    await hub.die()


@virtual_time
async def test_after_a_restart_a_gap_record_leaves_out_what_nobody_knows(tmp_path: Path) -> None:
    hub, noc = Hub(tmp_path / "o.db", LoopClock(), LIMITS), Noc(tmp_path / "noc.db")
    await fill(hub, WAVEFORM, 70)
    await hub.die()
    hub.open()
    await fill(hub, WAVEFORM, 70)
    gap = (await gaps(hub, noc))[0].fields
    assert (gap["from"], gap["devices"]) == (None, [])
    assert gap["batches"] == gap["items"] > 0
    await hub.die()


@virtual_time
async def test_what_is_confirmed_makes_room_before_anything_is_shed(tmp_path: Path) -> None:
    hub, noc = Hub(tmp_path / "o.db", LoopClock(), LIMITS), Noc(tmp_path / "noc.db")
    await fill(hub, EPISODIC, 70)
    await hub.drain(noc)
    await fill(hub, EPISODIC, 70)
    assert noc.events("gap") == await gaps(hub, noc) == []
    await hub.die()


@virtual_time
async def test_a_quota_that_was_lowered_is_kept_without_waiting_for_a_commit(tmp_path: Path) -> None:
    hub, noc = Hub(tmp_path / "o.db", LoopClock(), LIMITS._replace(quota=8 * MIB)), Noc(tmp_path / "noc.db")
    await fill(hub, CONTINUOUS, 200)
    await hub.die()
    hub.limits = LIMITS
    hub.open()
    hub.forwarder.offer(await hub.outbox.turn())
    used = await hub.outbox.run(lambda store: store.usage().file - store.usage().spare)
    assert used <= LIMITS.quota - LIMITS.ballast
    shed = await gaps(hub, noc)
    assert len(shed) > 5
    assert sum(gap.fields["items"] for gap in shed) + len(noc.events("rejected")) == 200
    await hub.die()


@virtual_time
async def test_nothing_but_alarms_left_is_an_error_that_says_so(tmp_path: Path) -> None:
    hub = Hub(tmp_path / "o.db", LoopClock(), LIMITS)
    with pytest.raises(FullError, match="nothing in it may be shed"):
        await fill(hub, ALARM, 120)
    await hub.die()


@virtual_time
async def test_what_was_shed_in_vain_is_told_and_counted_all_the_same(tmp_path: Path) -> None:
    hub, noc = Hub(tmp_path / "o.db", LoopClock(), LIMITS), Noc(tmp_path / "noc.db")
    await fill(hub, CONTINUOUS, 2)
    await fill(hub, ALARM, 85)
    with pytest.raises(FullError, match="nothing in it may be shed"):
        await hub.commit([bulk(hub, ALARM) for _ in range(20)], ALARM)
    here = await held(hub)
    assert here[CONTINUOUS] == 0
    assert {cls: tally.batches for cls, tally in hub.outbox.tallies.items()} == here
    hub.forwarder.offer(await hub.outbox.turn())
    assert sum(gap.fields["items"] for gap in await gaps(hub, noc)) == 2
    assert noc.faults == []
    await hub.die()


@virtual_time
async def test_what_state_alone_pushed_out_is_told_too(tmp_path: Path) -> None:
    hub, noc = Hub(tmp_path / "o.db", LoopClock(), LIMITS), Noc(tmp_path / "noc.db")
    await fill(hub, CONTINUOUS, 93)
    assert (await held(hub))[ALARM] == 0
    await hub.outbox.save("alarms", bytes(200_000))
    with mock.patch.object(hub.outbox._writer, "turn", side_effect=FullError("full")), pytest.raises(FullError):
        await hub.outbox.turn()
    told = await hub.outbox.turn()
    assert {class_of(batch.key) for batch in told} == {ALARM}
    hub.forwarder.offer(told)
    shed = await gaps(hub, noc)
    assert shed
    assert sum(gap.fields["items"] for gap in shed) + len(noc.events("rejected")) == 93
    await hub.die()


@virtual_time
async def test_room_is_given_back_after_a_drain(tmp_path: Path) -> None:
    hub, noc = Hub(tmp_path / "o.db", LoopClock(), LIMITS._replace(quota=8 * MIB)), Noc(tmp_path / "noc.db")
    await fill(hub, CONTINUOUS, 200)
    assert hub.outbox.card.size_bytes() > 4 * MIB
    await hub.drain(noc)
    await hub.outbox.settle()
    for _ in range(20):
        await hub.outbox.turn()
    assert hub.outbox.card.size_bytes() < MIB
    await hub.die()


@virtual_time
async def test_what_is_shed_is_not_sent_any_more(tmp_path: Path) -> None:
    hub, noc = Hub(tmp_path / "o.db", LoopClock(), LIMITS), Noc(tmp_path / "noc.db")
    await fill(hub, WAVEFORM, 60)
    await hub.drain(noc, confirm=False)  # on their way
    await fill(hub, EPISODIC, 80)
    assert hub.outbox.tallies[WAVEFORM].batches < 60
    line = await hub.drain(noc)
    batches = [parse_batch(payload).header for topic, payload in line.published if not topic.endswith("/keys")]
    gone = {number for batch in batches for first, last in batch.covers for number in range(first, last + 1)}
    assert gone
    assert not gone & {batch.seq for batch in batches}
    assert noc.faults == []
    assert hub.waiting() == [0, 0, 0]
    await hub.die()


# --- a card that changes what it holds --------------------------------------------------------------------------------


@pytest.mark.parametrize("at", [5, 40, 100, -1])
@virtual_time
async def test_a_batch_that_the_card_has_changed_is_told_as_lost_and_holds_nothing_up(tmp_path: Path, at: int) -> None:
    hub, noc = Hub(tmp_path / "o.db", LoopClock()), Noc(tmp_path / "noc.db")
    for number in range(10):
        await hub.commit([reading(number, hub.clock)])
    await hub.die()
    hub.open()
    [row] = await hub.outbox.after(CONTINUOUS, key_of(CONTINUOUS, 3), 1)
    spoilt = bytearray(row.envelope)
    spoilt[at] ^= 4

    def spoil(store: Store) -> None:
        store.on_connection(
            lambda db: db.execute("UPDATE batches SET envelope = ? WHERE key = ?", (bytes(spoilt), row.key))
        )

    await hub.outbox.run(spoil)
    await hub.drain(noc)
    hub.forwarder.offer(await hub.outbox.turn())
    [gap] = await gaps(hub, noc)
    assert sorted(noc.numbers()) == [0, 1, 2, 4, 5, 6, 7, 8, 9]
    assert (gap.fields["why"], gap.fields["batches"], gap.fields["items"]) == ("damaged", 1, 1)
    noc.take(Topics(HUB).health, json.dumps(hub.health()).encode())
    assert (hub.waiting(), noc.faults) == ([0, 0, 0], [])
    await hub.die()


# --- the disk ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("only root may mount")
    with mounted(tmp_path, 24 * MIB) as here:
        yield here


def stuff(here: Path, *, leave: int = 0) -> None:
    """Fill a disk with something of somebody else's."""
    with (here / "others").open("ab", buffering=0) as file:
        try:
            while True:
                file.write(bytes(65536))
        except OSError:
            pass
        if leave:
            file.truncate(max(0, file.tell() - leave))
        os.fsync(file.fileno())


@pytest.mark.root
@virtual_time
async def test_on_a_full_disk_alarms_are_still_stored(small_disk: Path, tmp_path: Path) -> None:
    hub, noc = Hub(small_disk / "o.db", LoopClock(), LIMITS), Noc(tmp_path / "noc.db")
    for _ in range(3):
        await hub.outbox.turn()
    held_back = ballast.Ballast(small_disk)
    assert held_back.size() == LIMITS.ballast
    await fill(hub, WAVEFORM, 60)
    stuff(small_disk)
    await fill(hub, WAVEFORM, 60)
    await fill(hub, ALARM, 10)
    assert held_back.size() == 0
    assert hub.outbox.tallies[ALARM].batches > 10
    await hub.die()
    (small_disk / "others").unlink()
    hub.open()
    for _ in range(3):
        await hub.outbox.turn()
    assert held_back.size() == LIMITS.ballast
    shed = await gaps(hub, noc)
    assert sum(gap.fields["items"] for gap in shed) + len(noc.events("rejected")) == 130
    assert shed
    assert noc.faults == []
    await hub.die()


@pytest.mark.root
@virtual_time
async def test_a_disk_that_others_filled_does_not_make_the_outbox_shrink(small_disk: Path) -> None:
    limits = LIMITS._replace(min_free=4 * MIB)
    hub = Hub(small_disk / "o.db", LoopClock(), limits)
    await fill(hub, CONTINUOUS, 60)
    stuff(small_disk, leave=MIB)
    for _ in range(5):
        assert await hub.outbox.turn() == []
    assert (await held(hub))[CONTINUOUS] == 60
    assert quota.alarms(hub.outbox.fill, frozenset()) == {"storage_80", "storage_95"}
    await hub.die()


@pytest.mark.root
@virtual_time
async def test_a_disk_that_becomes_read_only_is_an_error_not_a_memory(small_disk: Path) -> None:
    hub = Hub(small_disk / "o.db", LoopClock(), LIMITS)
    await fill(hub, EPISODIC, 3)
    make_read_only(small_disk)
    with pytest.raises(StorageError):
        await fill(hub, EPISODIC, 3)
    await hub.die()
