import errno
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hub_agent.errors import DamagedError, StorageError
from hub_agent.model import ReadingClass
from hub_agent.outbox import recovery
from hub_agent.outbox.recovery import LEDGER_LOST, is_suspected, open_store, progress_name, put_aside, suspect
from hub_agent.outbox.store import Change, Store
from tests.outbox.journey import BOX, Hub, reading
from tests.rooms import JOURNAL
from tests.virtual import LoopClock, virtual_time

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
ASIDE = "outbox-20261122T120000Z.corrupt"
PAGE = 4096


def still() -> float:
    """A clock that stands: a check has all the time it wants."""
    return 0.0


def reopen(path: Path) -> tuple[Store, recovery.Damage | None]:
    return open_store(path, BOX, NOW, still)


async def filled(path: Path, *, count: int = 300, clean: bool = True) -> None:
    """Make an outbox with rows, local state and a replay store; ``clean``: with nothing left in its log."""
    hub = Hub(path, LoopClock())
    for number in range(count):
        await hub.commit([reading(number, hub.clock)])
    await hub.outbox.save("alarms", b'{"some": "state"}')
    await hub.outbox.run(lambda store: store.on_connection(_commands))
    if clean:
        await hub.die()
    else:
        copies = {part: part.read_bytes() for part in path.parent.glob("outbox.db*")}
        await hub.die()
        for part, content in copies.items():
            part.write_bytes(content)


def _commands(connection: sqlite3.Connection) -> None:
    connection.execute("INSERT INTO issuer_hwm VALUES ('clinician-1', 77)")
    connection.execute(
        "INSERT INTO commands VALUES ('j', 'clinician-1', 77, 'ping', 1, 2, 'done', '{}', 'd')",
    )


def overwrite(path: Path, at: int, what: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(what)


def header(path: Path) -> None:
    overwrite(path, 0, b"not a database at all")


def first_page(path: Path) -> None:
    overwrite(path, 0, bytes(PAGE))


def some_pages(path: Path) -> None:
    for page in (20, 21, 22):
        overwrite(path, page * PAGE, bytes(PAGE))


def every_other_page(path: Path) -> None:
    for page in range(2, path.stat().st_size // PAGE, 2):
        overwrite(path, page * PAGE, os.urandom(PAGE))


def cut(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


def noise(path: Path) -> None:
    path.write_bytes(os.urandom(40_000))


def no_tables(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("DROP TABLE batches")
    db.close()


HARM: list[Callable[[Path], None]] = [header, first_page, some_pages, every_other_page, cut, noise, no_tables]


@virtual_time
async def test_a_sound_file_is_opened_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    await filled(path, clean=False)
    store, damage = reopen(path)
    assert (damage, store.journal, store.last_seq, put_aside(path)) == (None, JOURNAL, 300, [])
    assert store.checked == "ok"
    store.close()


def test_no_file_is_no_damage(tmp_path: Path) -> None:
    store, damage = reopen(tmp_path / "outbox.db")
    assert (damage, store.last_seq) == (None, 0)
    assert store.checked == "none"
    store.close()


@pytest.mark.parametrize("harm", HARM, ids=lambda harm: harm.__name__)
def test_a_damaged_file_is_put_aside_and_a_fresh_one_works(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    path = tmp_path / "outbox.db"
    virtual_time(filled)(path)
    harm(path)
    store, damage = reopen(path)
    assert damage is not None
    assert damage.why
    assert put_aside(path) == [tmp_path / ASIDE]
    assert store.journal != JOURNAL
    assert store.last_seq == 0
    store.apply(Change(names=[b"n"]))
    assert store.seen(b"n")
    store.close()
    again, damage = reopen(path)
    assert (damage, again.journal, again.seen(b"n")) == (None, store.journal, True)
    again.close()


def test_a_log_that_is_torn_amid_durable_commits_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    virtual_time(filled)(path, count=20, clean=False)
    log = path.with_name("outbox.db-wal")
    overwrite(log, 32 + 24 + PAGE + 24 + 100, b"x" * 64)
    before = log.read_bytes()
    store, damage = reopen(path)
    assert damage is not None
    assert "torn" in damage.why
    assert damage.aside.with_name(damage.aside.name + "-wal").read_bytes() == before
    store.close()


def test_an_empty_database_with_a_log_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    virtual_time(filled)(path, count=20, clean=False)
    path.write_bytes(b"")
    store, damage = reopen(path)
    assert damage is not None
    assert damage.aside.with_name(damage.aside.name + "-wal").stat().st_size > 0
    store.close()


@pytest.mark.parametrize("moved", [["-shm"], ["-shm", "-wal"]])
def test_a_power_cut_amid_the_renames_is_made_good(tmp_path: Path, moved: list[str]) -> None:
    path = tmp_path / "outbox.db"
    virtual_time(filled)(path, count=20, clean=False)
    for suffix in moved:
        (tmp_path / f"outbox.db{suffix}").rename(tmp_path / f"{ASIDE}{suffix}")
    store, _ = reopen(path)
    assert (tmp_path / ASIDE).exists()
    assert store.journal != JOURNAL
    store.close()


def test_two_damages_in_one_second_have_two_names(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    for _ in range(2):
        virtual_time(filled)(path, count=5)
        noise(path)
        reopen(path)[0].close()
    assert len(put_aside(path)) == 2


# --- what is carried over ---------------------------------------------------------------------------------------------


def test_local_state_and_the_replay_store_come_over_at_once(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    virtual_time(filled)(path)
    some_pages(path)
    store, damage = reopen(path)
    assert damage is not None
    value = store.state("alarms")
    assert value is not None
    assert BOX.open("alarms", value) == b'{"some": "state"}'
    assert store.on_connection(lambda db: db.execute("SELECT kid, ctr FROM issuer_hwm").fetchall()) == [
        ("clinician-1", 77)
    ]
    assert store.state(LEDGER_LOST) is None
    assert store.state(progress_name(damage.aside)) is not None
    store.close()


def test_a_destroyed_first_page_costs_nothing_of_it(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    virtual_time(filled)(path)
    first_page(path)
    store, damage = reopen(path)
    assert damage is not None
    assert store.state("alarms") is not None
    assert store.state(LEDGER_LOST) is None
    assert damage.aside.with_name(damage.aside.name + "-page1").read_bytes() == bytes(PAGE)
    store.close()


def test_a_replay_store_that_cannot_be_read_is_noted(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    virtual_time(filled)(path)
    noise(path)
    store, _ = reopen(path)
    value = store.state(LEDGER_LOST)
    assert value is not None
    assert BOX.open(LEDGER_LOST, value) == b"1"
    store.close()


def test_state_that_does_not_open_is_left_behind(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    virtual_time(filled)(path)
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE meta SET value = x'00' WHERE name = 'alarms'")
        db.execute("DROP TABLE batches")
    db.close()
    store, _ = reopen(path)
    assert store.state("alarms") is None
    store.close()


def test_what_was_interrupted_before_it_was_carried_over_is_carried_over_later(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    virtual_time(filled)(path)
    path.rename(tmp_path / ASIDE)
    store, damage = reopen(path)
    assert damage is None
    assert store.state("alarms") is not None
    store.close()


# --- a card that failed -----------------------------------------------------------------------------------------------


def test_after_a_failed_write_the_file_must_prove_itself_in_time(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    virtual_time(filled)(path)
    slow = iter(range(0, 10**9, 10))
    store, damage = open_store(path, BOX, NOW, lambda: float(next(slow)))
    assert damage is None  # a check that takes too long proves nothing, but nothing speaks against the file
    assert store.checked == "unfinished"
    store.close()
    suspect(path)
    store, damage = open_store(path, BOX, NOW, lambda: float(next(slow)))
    assert damage is not None
    assert "in time" in damage.why
    assert store.checked == "damaged"
    store.close()


def test_a_suspect_that_is_sound_is_cleared(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    virtual_time(filled)(path)
    assert not is_suspected(path)
    suspect(path)
    assert is_suspected(path)
    store, damage = reopen(path)
    assert (damage, store.last_seq) == (None, 300)
    assert not is_suspected(path)
    store.close()


def test_a_card_that_fails_while_the_outbox_is_opened_is_suspected_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "outbox.db"

    def fail(*_: object) -> Store:
        raise DamagedError("disk I/O error")

    monkeypatch.setattr(recovery, "Store", fail)
    with pytest.raises(DamagedError):
        reopen(path)
    assert is_suspected(path)


@virtual_time
async def test_a_damaged_page_met_while_running_ends_the_process_and_is_found_at_the_next_start(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    await filled(path)
    hub = Hub(path, LoopClock())
    some_pages(path)
    await hub.outbox.run(lambda store: store.on_connection(lambda db: db.execute("PRAGMA shrink_memory")))
    with pytest.raises(DamagedError):
        await hub.outbox.after(ReadingClass.CONTINUOUS, 0, 300)
    assert hub.outbox.failure is not None
    await hub.die()
    store, damage = reopen(path)
    assert damage is not None
    store.close()


def test_a_damaged_page_that_a_short_check_missed_is_found_at_the_start_after(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    virtual_time(filled)(path)
    some_pages(path)

    @virtual_time
    async def start() -> None:
        with pytest.raises(DamagedError):
            Hub(path, LoopClock())

    start()
    store, damage = open_store(path, BOX, NOW, iter(range(0, 10**9, 10)).__next__)
    assert damage is not None
    store.close()


# --- what is no damage ------------------------------------------------------------------------------------------------


def test_a_file_of_a_newer_release_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("PRAGMA user_version=99")
    db.close()
    with pytest.raises(StorageError, match="release"):
        reopen(path)
    assert put_aside(path) == []


def test_a_directory_that_takes_nothing_is_not_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "outbox.db"
    virtual_time(filled)(path, count=5)

    def refuse(_path: Path, **_options: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "touch", refuse)
    with pytest.raises(StorageError, match="Read-only"):
        reopen(path)
    assert put_aside(path) == []
