import asyncio
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from hub_agent.commands.claims import Claims, NoArgs
from hub_agent.commands.record import Command, Signer, State, VerifiedCommand
from hub_agent.commands.refusal import Refusal
from hub_agent.errors import CommandError, FullError, StorageError
from hub_agent.outbox import ledger
from hub_agent.outbox.box import LocalBox
from hub_agent.trust import Role
from tests.virtual import virtual_time

T = TypeVar("T")

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
ROLES = {"op-1": Role.OPERATOR, "cl-1": Role.CLINICIAN, "se-1": Role.SECURITY}


def open_at(path: Path, kind: type[sqlite3.Connection] = sqlite3.Connection) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, factory=kind)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    if not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'commands'").fetchone():
        connection.executescript(ledger.SCHEMA)
    return connection


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    opened = open_at(tmp_path / "outbox.db")
    yield opened
    opened.close()


def jti(number: int) -> str:
    return f"01a2008d-7400-7000-8000-{number:012x}"


def command(number: int, ctr: int, *kids: str, digest: str = "d" * 64, exp: datetime | None = None) -> VerifiedCommand:
    issued_at = int(NOW.timestamp())
    claims = Claims(
        iss=Role.OPERATOR,
        aud="hub-0001",
        jti=jti(number),
        iat=issued_at,
        nbf=issued_at,
        exp=int((exp or NOW + timedelta(minutes=15)).timestamp()),
        ctr=ctr,
        op="ping",
        args={},
        ver=1,
        reason="T-1",
    )
    signers = tuple(Signer(kid, ROLES[kid]) for kid in kids or ("op-1",))
    return VerifiedCommand(Command(claims, NoArgs(), signers, digest), repeated=False)


def refusal(connection: sqlite3.Connection, verified: VerifiedCommand) -> str:
    with pytest.raises(CommandError) as refused:
        ledger.record(connection, verified, NOW)
    return refused.value.code


def test_a_new_one_is_written_whole(connection: sqlite3.Connection) -> None:
    recorded = ledger.record(connection, command(1, 5, "se-1", "cl-1"), NOW)
    assert recorded == (True, (jti(1), "ping", "d" * 64, State.ACCEPTED, None))
    row = connection.execute("SELECT * FROM commands").fetchone()
    at = int(NOW.timestamp())
    assert row == (jti(1), "cl-1,se-1", 5, "ping", at, at + 900, "accepted", None, "d" * 64)
    assert ledger.high_water(connection) == {"cl-1": 5, "se-1": 5}


def test_the_same_again_gives_what_became_of_it(connection: sqlite3.Connection) -> None:
    first = command(1, 5)
    ledger.record(connection, first, NOW)
    ledger.start(connection, jti(1))
    assert ledger.record(connection, first, NOW) == (False, (jti(1), "ping", "d" * 64, State.RUNNING, None))
    ledger.finish(connection, jti(1), State.DONE, {"uptime_s": 5})
    assert ledger.record(connection, first, NOW).row.result == {"uptime_s": 5}
    assert connection.execute("SELECT count(*) FROM commands").fetchone() == (1,)


def test_a_jti_on_other_claims_is_an_alarm(connection: sqlite3.Connection) -> None:
    ledger.record(connection, command(1, 5), NOW)
    assert refusal(connection, command(1, 6, digest="e" * 64)) == Refusal.JTI_REUSED
    assert ledger.high_water(connection) == {"op-1": 5}


@pytest.mark.parametrize("ctr", [1, 4, 5])
def test_a_counter_that_does_not_rise_is_refused(ctr: int, connection: sqlite3.Connection) -> None:
    ledger.record(connection, command(1, 5), NOW)
    assert refusal(connection, command(2, ctr)) == Refusal.COUNTER_USED
    assert not connection.in_transaction
    assert connection.execute("SELECT count(*) FROM commands").fetchone() == (1,)


def test_of_two_signers_each_must_rise_and_none_does_when_one_cannot(connection: sqlite3.Connection) -> None:
    ledger.record(connection, command(1, 5, "se-1"), NOW)
    assert refusal(connection, command(2, 5, "cl-1", "se-1")) == Refusal.COUNTER_USED
    assert ledger.high_water(connection) == {"se-1": 5}
    assert ledger.record(connection, command(3, 6, "cl-1", "se-1"), NOW).new


def test_seen_tells_of_the_signers_that_counted(connection: sqlite3.Connection) -> None:
    ledger.record(connection, command(1, 5), NOW)
    seen = ledger.seen(connection, jti(1), ["op-1", "cl-1"])
    assert seen.high_water == {"op-1": 5}
    assert seen.row is not None
    assert ledger.seen(connection, jti(2), ["cl-1"]) == (None, {})


class Photographed(sqlite3.Connection):
    """Keeps a copy of the files as they are after each statement: what a process that died there would leave."""

    album: Path | None = None
    shots = 0

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:  # noqa: ANN401 - sqlite3's own
        cursor = super().execute(sql, parameters)
        if self.album is not None and not sql.startswith("SELECT"):
            self.shots += 1
            shot = self.album / str(self.shots)
            shot.mkdir()
            for name in ("outbox.db", "outbox.db-wal"):
                shutil.copyfile(self.album / name, shot / name)
        return cursor


def test_wherever_the_process_dies_a_command_is_recorded_whole_or_not_at_all(tmp_path: Path) -> None:
    dying = open_at(tmp_path / "outbox.db", Photographed)
    assert isinstance(dying, Photographed)
    dying.album = tmp_path
    ledger.record(dying, command(1, 5, "cl-1", "se-1"), NOW)
    assert dying.shots == 5  # BEGIN, two marks, the row, COMMIT
    for shot in range(1, dying.shots + 1):
        survivor = open_at(tmp_path / str(shot) / "outbox.db")
        rows, marks = ledger.unfinished(survivor), ledger.high_water(survivor)
        again = ledger.record(survivor, command(1, 5, "cl-1", "se-1"), NOW)
        survivor.close()
        if shot < dying.shots:
            assert (rows, marks, again.new) == ((), {}, True)
        else:
            assert (len(rows), marks, again.new) == (1, {"cl-1": 5, "se-1": 5}, False)
    dying.close()


def test_what_is_left_unfinished_is_listed_in_order(connection: sqlite3.Connection) -> None:
    for number in (3, 1, 2):
        ledger.record(connection, command(number, 10 - number if number == 3 else 10 + number), NOW)
    ledger.start(connection, jti(1))
    ledger.finish(connection, jti(2), State.FAILED, {"error": "expired"})
    assert [(row.jti, row.state) for row in ledger.unfinished(connection)] == [
        (jti(3), State.ACCEPTED),
        (jti(1), State.RUNNING),
    ]


def test_states_only_go_forward(connection: sqlite3.Connection) -> None:
    ledger.record(connection, command(1, 5), NOW)
    ledger.start(connection, jti(1))
    with pytest.raises(StorageError):
        ledger.start(connection, jti(1))
    ledger.finish(connection, jti(1), State.DONE, {})
    for again in (State.DONE, State.FAILED):
        with pytest.raises(StorageError):
            ledger.finish(connection, jti(1), again, {"changed": True})
    with pytest.raises(StorageError):
        ledger.start(connection, jti(1))
    with pytest.raises(StorageError):
        ledger.finish(connection, jti(9), State.DONE, {})
    assert ledger.record(connection, command(1, 5), NOW).row.result == {}


def test_pruning_keeps_thirty_days_the_unfinished_and_every_mark(connection: sqlite3.Connection) -> None:
    exp = NOW + timedelta(minutes=15)
    for number in (1, 2):
        ledger.record(connection, command(number, number, exp=exp), NOW)
    ledger.finish(connection, jti(1), State.DONE, {})
    assert ledger.prune(connection, exp + timedelta(days=30)) == 0
    assert ledger.prune(connection, exp + timedelta(days=30, seconds=1)) == 1
    assert ledger.unfinished(connection)[0].jti == jti(2)
    assert refusal(connection, command(1, 1, exp=exp)) == Refusal.COUNTER_USED


attempts = st.lists(
    st.tuples(
        st.integers(0, 8),
        st.integers(1, 12),
        st.sets(st.sampled_from(sorted(ROLES)), min_size=1),
        st.sampled_from(["a", "b"]),
        st.booleans(),
    ),
    max_size=25,
)


@settings(deadline=None, max_examples=50)
@given(attempts=attempts)
def test_no_history_lets_a_command_in_twice_or_a_counter_fall(
    attempts: list[tuple[int, int, set[str], str, bool]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("ledger") / "outbox.db"
    connection = open_at(path)
    accepted: dict[str, str] = {}
    marks: dict[str, int] = {}
    for number, ctr, kids, digest, reopen in attempts:
        if reopen:
            connection.close()
            connection = open_at(path)
        verified = command(number, ctr, *sorted(kids), digest=digest * 64)
        expected: object
        if jti(number) in accepted:
            expected = False if accepted[jti(number)] == digest else Refusal.JTI_REUSED
        elif any(ctr <= marks.get(kid, 0) for kid in kids):
            expected = Refusal.COUNTER_USED
        else:
            expected = True
            accepted[jti(number)] = digest
            marks |= dict.fromkeys(kids, ctr)
        try:
            outcome: object = ledger.record(connection, verified, NOW).new
        except CommandError as refused:
            outcome = refused.code
        assert outcome == expected
        assert ledger.high_water(connection) == marks
    connection.close()


def on_card(directory: Path) -> bytes:
    return b"".join(file.read_bytes() for file in directory.iterdir())


async def test_a_result_is_closed_on_the_card_and_open_to_the_desk(
    connection: sqlite3.Connection, tmp_path: Path
) -> None:
    async def run(work: Callable[[sqlite3.Connection], T], /) -> T:
        return work(connection)

    kept = ledger.CommandLedger(run, LocalBox(Ed25519PrivateKey.generate()))
    await kept.record(command(1, 5), NOW)
    await kept.finish(jti(1), State.DONE, {"port": "ttyCANARY0"})
    assert (await kept.record(command(1, 5), NOW)).row.result == {"port": "ttyCANARY0"}
    assert b"CANARY" not in on_card(tmp_path)
    other = ledger.CommandLedger(run, LocalBox(Ed25519PrivateKey.generate()))
    with pytest.raises(StorageError, match="does not open"):
        await other.record(command(1, 5), NOW)


@virtual_time
async def test_where_there_is_no_room_a_command_waits_for_some(tmp_path: Path) -> None:
    connection, refusals = open_at(tmp_path / "outbox.db"), [FullError("full")] * 90

    async def run(work: Callable[[sqlite3.Connection], T], /) -> T:
        if refusals:
            raise refusals.pop()
        return work(connection)

    kept = ledger.CommandLedger(run, LocalBox(Ed25519PrivateKey.generate()))
    began_s = asyncio.get_running_loop().time()
    assert (await kept.record(command(1, 5), NOW)).new
    assert asyncio.get_running_loop().time() - began_s == pytest.approx(90 * ledger.ROOM_S)
    connection.close()
