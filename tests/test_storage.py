from datetime import UTC, datetime
from pathlib import Path

import pytest

from hub_agent.clock import Floor
from hub_agent.errors import DamagedError, FullError
from hub_agent.flights import ASIDE_S
from hub_agent.model import ClockState, ReadingClass
from hub_agent.outbox import ledger
from hub_agent.outbox.quota import MIB, Limits
from hub_agent.outbox.recovery import LEDGER_LOST
from hub_agent.outbox.rows import seq_of
from hub_agent.outbox.store import Store
from hub_agent.storage import ReplayBar, StorageWatch
from tests.outbox.journey import Hub, reading
from tests.outbox.test_writer import fill
from tests.virtual import LoopClock, virtual_time

LIMITS = Limits(quota=3 * MIB, ballast=MIB, min_free=0)
EPISODIC = ReadingClass.EPISODIC


def watched(hub: Hub) -> tuple[StorageWatch, list[tuple[str, bool]]]:
    said: list[tuple[str, bool]] = []
    return StorageWatch(hub.outbox, hub.forwarder, lambda code, active: said.append((code, active))), said


@virtual_time
async def test_alarms_follow_the_fill(tmp_path: Path) -> None:
    hub = Hub(tmp_path / "o.db", LoopClock(), LIMITS)
    watch, said = watched(hub)
    await watch.turn()
    assert said == []
    await fill(hub, EPISODIC, 85)
    await watch.turn()
    assert said == [("storage_80", True)]
    await fill(hub, EPISODIC, 14)
    await watch.turn()
    assert said == [("storage_80", True), ("storage_95", True)]
    await watch.turn()
    hub.outbox.confirm(1, hub.outbox.last_seq, [])
    await hub.outbox.settle()
    await watch.turn()
    assert said[2:] == [("storage_80", False), ("storage_95", False)]
    await hub.die()


@virtual_time
async def test_what_must_be_shed_without_a_commit_is_offered_as_a_gap_record(tmp_path: Path) -> None:
    hub = Hub(tmp_path / "o.db", LoopClock(), LIMITS._replace(quota=8 * MIB))
    await fill(hub, ReadingClass.WAVEFORM, 200)
    await hub.die()
    hub.limits = LIMITS
    hub.open()
    watch, said = watched(hub)
    await watch.turn()
    assert hub.outbox.tallies[ReadingClass.ALARM].batches > 0
    assert hub.forwarder.lanes.urgent()
    assert said == [("storage_80", True), ("storage_95", True)]
    await hub.die()


@virtual_time
async def test_damage_that_was_met_ends_the_housekeeping(tmp_path: Path) -> None:
    hub = Hub(tmp_path / "o.db", LoopClock(), LIMITS)
    watch, _ = watched(hub)
    hub.outbox.failure = DamagedError("a page does not read")
    with pytest.raises(DamagedError, match="does not read"):
        await watch.turn()
    await hub.die()


@virtual_time
async def test_a_full_disk_is_the_commits_business(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = Hub(tmp_path / "o.db", LoopClock(), LIMITS)
    watch, said = watched(hub)

    def full(_store: Store, _keep: int, _pages: int) -> None:
        raise FullError("no room")

    monkeypatch.setattr(Store, "give_back", full)
    await watch.turn()
    assert said == []
    await hub.die()


@virtual_time
async def test_what_nobody_takes_stays_aside_over_a_restart_for_a_minute(tmp_path: Path) -> None:
    hub = Hub(tmp_path / "o.db", LoopClock())
    for number in range(3):
        await hub.commit([reading(number, hub.clock)])
    watch, _ = watched(hub)
    [poison, gone] = [row.key for row in await hub.outbox.after(ReadingClass.CONTINUOUS, 0, 2)]
    hub.forwarder.lanes.set_aside(poison)
    hub.forwarder.lanes.set_aside(gone)
    await watch.turn()
    hub.outbox.confirm(seq_of(gone), seq_of(gone), [])
    await hub.outbox.settle()
    await hub.die()
    hub.open()
    flights = hub.forwarder.lanes.flights
    assert flights.ever_set_aside() == frozenset()
    again, _ = watched(hub)
    now_s = hub.clock.monotonic_s()
    await again.restore(now_s)
    assert flights.ever_set_aside() == {poison}
    assert seq_of(poison) in flights
    assert flights.back(now_s + ASIDE_S - 1) == []
    assert flights.back(now_s + ASIDE_S) == [poison]
    await hub.die()


# --- the bar on commands after a loss ---------------------------------------------------------------------------------


async def marks(hub: Hub) -> dict[str, int]:
    return await hub.outbox.run(lambda store: store.on_connection(ledger.high_water))


@virtual_time
async def test_after_a_loss_every_key_is_barred_as_soon_as_the_time_is_known(tmp_path: Path) -> None:
    clock = LoopClock(ClockState.UNSYNCED, wall_ns=0)
    hub = Hub(tmp_path / "o.db", clock)
    await hub.outbox.save(LEDGER_LOST, b"1")
    await hub.die()
    hub.open()
    bar = ReplayBar(hub.outbox, clock, Floor(clock), ["clinician-1", "security-1"])
    await bar.restore()
    await bar.close()
    assert (bar.lost, await marks(hub)) == (True, {})
    clock.state, clock.wall_ns = ClockState.SYNCED, 1_800_000_000 * 10**9
    await bar.close()
    now_ms = int(datetime(2027, 1, 15, 8, 0, tzinfo=UTC).timestamp() * 1000)
    assert (bar.lost, await marks(hub)) == (False, {"clinician-1": now_ms, "security-1": now_ms})
    again = ReplayBar(hub.outbox, clock, Floor(clock), ["clinician-1"])
    await again.restore()
    assert not again.lost
    await hub.die()


@virtual_time
async def test_a_mark_that_came_over_is_never_lowered(tmp_path: Path) -> None:
    hub = Hub(tmp_path / "o.db", LoopClock())
    future = 2_000_000_000_000

    def note(store: Store) -> None:
        store.on_connection(lambda db: db.execute("INSERT INTO issuer_hwm VALUES ('clinician-1', ?)", (future,)))

    await hub.outbox.run(note)
    await hub.outbox.save(LEDGER_LOST, b"1")
    bar = ReplayBar(hub.outbox, hub.clock, Floor(hub.clock), ["clinician-1"])
    await bar.restore()
    await bar.close()
    assert await marks(hub) == {"clinician-1": future}
    await hub.die()
