import asyncio
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from hub_agent.errors import FullError
from hub_agent.model import ReadingClass
from hub_agent.noc import chart
from hub_agent.outbox.recovery import put_aside
from hub_agent.outbox.rows import key_of, seq_of
from hub_agent.outbox.salvage import Salvage, reading
from hub_agent.storage import Salvager
from tests.outbox.journey import Hub, Noc
from tests.outbox.journey import reading as a_reading
from tests.outbox.test_recovery import PAGE, first_page, overwrite, reopen
from tests.rooms import HUB, IDENTITY
from tests.virtual import LoopClock, virtual_time

CLS = ReadingClass.CONTINUOUS
COUNT = 400


async def damaged(here: Path, noc: Noc, *, sent: int = 50, count: int = COUNT) -> Path:
    """Make an outbox whose first ``sent`` batches the NOC has, with an epoch and batches that it lacks."""
    path = here / "outbox.db"
    hub = Hub(path, LoopClock())
    for number in range(sent):
        await hub.commit([a_reading(number, hub.clock)])
    await hub.drain(noc)
    await hub.outbox.settle()
    await hub.die()
    hub.open()  # a new epoch, of which the NOC knows nothing
    for number in range(sent, count):
        cls = ReadingClass.EPISODIC if number % 10 == 0 else CLS
        await hub.commit([a_reading(number, hub.clock, cls)], cls)
    await hub.die()
    return path


def salvage(path: Path) -> Salvage:
    return Salvage(path, HUB, IDENTITY.public_key())


def leaves(path: Path) -> list[int]:
    """The pages (from 0) of the file that hold rows of batches."""
    with path.open("rb") as file:
        pages = [file.read(PAGE) for _ in range(path.stat().st_size // PAGE)]
    return [number for number, page in enumerate(pages) if page[0] == 0x0D and page.count(b"hub-0001") > 3]


def read_all(path: Path, cls: ReadingClass = CLS, limit: int = 64) -> tuple[list[int], list[tuple[int, int]], int]:
    """Salvage a class; give the numbers, what could not be read, and how many rows proved nothing."""
    reader, behind = salvage(path), key_of(cls, 0)
    found: list[int] = []
    unread: list[tuple[int, int]] = []
    unproven = 0
    while True:
        page = reader.page(cls, behind, limit)
        found += [seq_of(key) for key, _ in page.batches]
        unread += page.unread
        unproven += page.unproven
        if page.behind is None:
            return found, unread, unproven
        assert page.behind > behind
        behind = page.behind


def names(here: Path, start: str) -> list[str]:
    return [part.name for part in here.iterdir() if part.name.startswith(start)]


async def deliver(hub: Hub, noc: Noc, *files: Path) -> None:
    await Salvager(hub.outbox, hub.forwarder, hub.clock, salvage).run(files)
    await hub.drain(noc)


# --- reading ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [1, 7, 64, 1000])
@virtual_time
async def test_rows_in_other_pages_are_found_whatever_three_zeroed_ones_held(tmp_path: Path, limit: int) -> None:
    path = await damaged(tmp_path, Noc(tmp_path / "noc.db"))
    before, _, _ = read_all(path)
    for number in leaves(path)[3:6]:
        overwrite(path, number * PAGE, bytes(PAGE))
    found, unread, unproven = read_all(path, limit=limit)
    assert unproven == 0
    assert unread
    lost = set(before) - set(found)
    assert 0 < len(lost) < 60
    assert all(any(first <= seq <= last for first, last in unread) for seq in lost)
    assert not any(first <= seq <= last for first, last in unread for seq in found)


@virtual_time
async def test_a_destroyed_first_page_hides_nothing(tmp_path: Path) -> None:
    path = await damaged(tmp_path, Noc(tmp_path / "noc.db"))
    before = read_all(path)
    first_page(path)
    assert read_all(path) == before
    assert len(salvage(path).epochs()) == 2


@virtual_time
async def test_a_row_that_was_changed_proves_nothing(tmp_path: Path) -> None:
    path = await damaged(tmp_path, Noc(tmp_path / "noc.db"))
    with closing(sqlite3.connect(path)) as db, db:
        key, envelope = db.execute("SELECT max(key), envelope FROM batches").fetchone()
        changed = envelope[:100] + bytes([envelope[100] ^ 1]) + envelope[101:]
        db.execute("UPDATE batches SET envelope = ? WHERE key = ?", (changed, key))
    db.close()
    found, unread, unproven = read_all(path)
    assert (len(found), unread, unproven) == (COUNT - 50 - 35, [], 1)


@virtual_time
async def test_another_hub_s_batches_are_not_ours(tmp_path: Path) -> None:
    path = await damaged(tmp_path, Noc(tmp_path / "noc.db"))
    other = Salvage(path, "hub-0002", IDENTITY.public_key())
    page = other.page(CLS, 0, 1000)
    assert (page.batches, page.unproven > 300, other.epochs()) == ([], True, [])


def test_of_noise_nothing_is_found_and_that_is_said(tmp_path: Path) -> None:
    path = tmp_path / "some.corrupt"
    path.write_bytes(os.urandom(40_000))
    found, unread, _ = read_all(path)
    assert (found, len(unread)) == ([], 1)
    with reading(path) as source:
        assert source is None or source.execute("PRAGMA query_only").fetchone()[0] == 1


# --- to the NOC -------------------------------------------------------------------------------------------------------


@virtual_time
async def test_what_was_saved_is_charted_once_under_its_old_journal(tmp_path: Path) -> None:
    noc = Noc(tmp_path / "noc.db")
    path = await damaged(tmp_path, noc)
    overwrite(path, 0, bytes(PAGE))
    store, damage = reopen(path)
    store.close()
    assert damage is not None
    hub = Hub(path, LoopClock())
    await hub.commit([a_reading(1000, hub.clock)])
    await deliver(hub, noc, *put_aside(path))
    assert sorted(noc.numbers()) == [*range(COUNT), 1000]
    assert noc.faults == []
    assert noc.events("salvaged") == []
    [gap] = noc.events("gap")
    assert gap.fields["salvaged"] == COUNT - 50 + 1  # the newest confirmed one was kept, as the chain's end
    assert (gap.fields["unread"], gap.fields["unproven"]) == ([], 0)
    assert names(tmp_path, "outbox-") == []
    await hub.die()


@virtual_time
async def test_what_could_not_be_saved_is_reported_and_its_file_kept(tmp_path: Path) -> None:
    noc = Noc(tmp_path / "noc.db")
    path = await damaged(tmp_path, noc)
    for number in leaves(path)[2:4]:
        overwrite(path, number * PAGE, bytes(PAGE))
    store, _ = reopen(path)
    store.close()
    hub = Hub(path, LoopClock())
    await deliver(hub, noc, *put_aside(path))
    numbers = noc.numbers()
    assert len(numbers) == len(set(numbers)) < COUNT
    [gap] = noc.events("gap")
    lost = COUNT - len(numbers)
    assert 0 < lost <= sum(last - first + 1 for _, first, last in gap.fields["unread"])
    assert all(".kept" in name for name in names(tmp_path, "outbox-"))
    assert names(tmp_path, "outbox-")
    assert put_aside(path) == []
    await hub.die()


@virtual_time
async def test_a_salvage_that_is_interrupted_goes_on_where_it_was(tmp_path: Path) -> None:
    noc = Noc(tmp_path / "noc.db")
    path = await damaged(tmp_path, noc)
    first_page(path)
    reopen(path)[0].close()
    hub = Hub(path, LoopClock())
    commit, calls = hub.outbox.commit, 0

    async def until_full(*args: object, **options: object) -> object:
        nonlocal calls
        calls += 1
        if calls > 4:
            raise FullError("no more")
        return await commit(*args, **options)  # type: ignore[arg-type]

    hub.outbox.commit = until_full  # type: ignore[method-assign,assignment]
    with pytest.raises(FullError):
        await deliver(hub, noc, *put_aside(path))
    await hub.die()
    hub.open()
    await deliver(hub, noc, *put_aside(path))
    assert sorted(noc.numbers()) == [*range(COUNT)]
    [gap] = noc.events("gap")
    assert gap.fields["salvaged"] == COUNT - 50 + 1
    await hub.die()


@virtual_time
async def test_a_salvage_waits_while_a_backlog_does(tmp_path: Path) -> None:
    noc = Noc(tmp_path / "noc.db")
    path = await damaged(tmp_path, noc)
    first_page(path)
    reopen(path)[0].close()
    hub = Hub(path, LoopClock())
    for number in range(1000, 1100):
        await hub.commit([a_reading(number, hub.clock)])
    before = sum(tally.batches for tally in hub.outbox.tallies.values())
    salvager = Salvager(hub.outbox, hub.forwarder, hub.clock, salvage)
    async with asyncio.TaskGroup() as tasks:
        at_work = tasks.create_task(salvager.run(put_aside(path)))
        await asyncio.sleep(60)
        assert not at_work.done()
        assert sum(tally.batches for tally in hub.outbox.tallies.values()) <= before + 2
        await hub.drain(noc)
        await at_work
    await hub.drain(noc)
    assert sorted(noc.numbers()) == [*range(COUNT), *range(1000, 1100)]
    await hub.die()


@virtual_time
async def test_epochs_that_come_after_their_batches_still_open_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many batches wait for an epoch: what was salvaged comes once."""
    noc = Noc(tmp_path / "noc.db")
    path = await damaged(tmp_path, noc, count=COUNT)
    epochs = salvage(path).epochs()
    hub = Hub(tmp_path / "fresh.db", LoopClock())
    aside = tmp_path / "outbox-1.corrupt"
    path.rename(aside)

    class WithoutEpochs(Salvage):
        def epochs(self) -> list[bytes]:
            return []

    def blind(file: Path) -> Salvage:
        return WithoutEpochs(file, HUB, IDENTITY.public_key())

    monkeypatch.setattr(chart, "PENDING_MAX", 3)
    await Salvager(hub.outbox, hub.forwarder, hub.clock, blind).run([aside])
    await hub.drain(noc)
    assert len(noc.numbers()) == 50
    for epoch in epochs:
        noc.take(f"hubs/v1/{HUB}/up/keys", epoch)
    assert sorted(noc.numbers()) == [*range(COUNT)]
    await hub.die()
