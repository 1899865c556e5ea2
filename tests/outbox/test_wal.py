import sqlite3
import struct
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub_agent.outbox.wal import is_torn

_FRAME = 24 + 4096


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A real log: 30 commits, of which the last 20 were written over those of an earlier round."""
    path = tmp_path_factory.mktemp("wal") / "some.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as db, db:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA wal_autocheckpoint=0")
        db.execute("CREATE TABLE t (a)")
        for _ in range(10):
            db.execute("INSERT INTO t VALUES (randomblob(3000))")
        db.execute("PRAGMA wal_checkpoint")
        for _ in range(5):
            db.execute("INSERT INTO t VALUES (randomblob(3000))")
        written = path.with_name("some.db-wal").read_bytes()
    db.close()
    return written


def commits(log: bytes) -> list[int]:
    """Where the frames begin that end a commit of the newest round."""
    salts = log[16:24]
    return [
        at
        for at in range(32, len(log) - _FRAME + 1, _FRAME)
        if struct.unpack_from(">I", log, at + 4)[0] and log[at + 8 : at + 16] == salts
    ]


def test_a_whole_log_is_not_torn_and_remains_of_an_earlier_round_are_none_of_it(log: bytes) -> None:
    assert len(commits(log)) == 5
    assert len(log) > 32 + 10 * _FRAME
    assert not is_torn(log)
    assert not is_torn(b"")
    assert not is_torn(bytes(32))


@given(st.data())
def test_one_flipped_bit_is_damage_if_two_commits_follow(log: bytes, data: st.DataObject) -> None:
    ends = [at + _FRAME for at in commits(log)]
    at = data.draw(st.integers(32, ends[-1] - 1))
    broken = bytearray(log)
    broken[at] ^= 1 << data.draw(st.integers(0, 7))
    frame = 32 + (at - 32) // _FRAME * _FRAME
    if frame <= at < frame + 16:
        return  # a frame's own words may make it look like an older one, or no commit
    assert is_torn(bytes(broken)) == (sum(end > frame for end in ends) > 1)


@given(st.data())
def test_a_log_that_was_cut_is_not_torn(log: bytes, data: st.DataObject) -> None:
    assert not is_torn(log[: data.draw(st.integers(0, len(log)))])


@given(st.integers(0, 31), st.integers(0, 7))
def test_a_damaged_header_is_damage(log: bytes, at: int, bit: int) -> None:
    broken = bytearray(log)
    broken[at] ^= 1 << bit
    assert is_torn(bytes(broken))


@given(st.binary(max_size=9000))
def test_anything_can_be_asked(data: bytes) -> None:
    is_torn(data)
