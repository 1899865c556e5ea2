import sqlite3
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub_agent.envelope import Header, Ranges, merged
from hub_agent.model import ReadingClass
from hub_agent.noc import schema
from hub_agent.noc.numbers import Numbers

JOURNAL = 7

ADDED = st.tuples(st.integers(1, 40), st.sets(st.integers(1, 39), max_size=8)).map(
    lambda drawn: (drawn[0], {one for one in drawn[1] if one < drawn[0]})
)
"""A batch's number, and the numbers that it covers: any, as no hub in its right mind would."""


def header(seq: int, covers: Ranges = (), cls: ReadingClass = ReadingClass.CONTINUOUS) -> Header:
    return Header(1, "hub-0001", bytes(16), seq, covers, cls, 1, bytes(8), bytes(16), 0)


def opened() -> sqlite3.Connection:
    db = sqlite3.connect(":memory:", isolation_level=None)
    db.executescript(schema._SCHEMA)
    return db


@pytest.fixture
def numbers() -> Iterator[Numbers]:
    db = opened()
    yield Numbers(db)
    db.close()


@given(st.lists(ADDED, max_size=30))
def test_a_range_holds_nothing_but_numbers_that_came_and_no_number_is_counted_twice(
    added: list[tuple[int, set[int]]],
) -> None:
    db = opened()
    numbers = Numbers(db)
    came: set[int] = set()
    known: set[int] = set()
    for batch, (seq, covered) in enumerate(added):
        numbers.add(JOURNAL, header(seq, merged(covered)), batch)
        came.add(seq)
        known |= {seq, *covered}
        assert set(range(numbers.first_of(JOURNAL, seq), seq + 1)) <= came
    for seq in range(1, 42):
        assert numbers.has(JOURNAL, seq) == (seq in known)
        assert numbers.missing(JOURNAL, seq) == seq - len({one for one in known if one <= seq})
        assert seq not in came or set(range(numbers.first_of(JOURNAL, seq), seq + 1)) <= came
    rows = db.execute("SELECT first, last FROM ranges ORDER BY first").fetchall()
    assert all(after[0] - before[1] > 1 for before, after in pairwise(rows))
    db.close()


@given(st.lists(st.integers(1, 12), max_size=30))
def test_where_nothing_is_covered_a_range_begins_behind_the_first_hole(order: list[int]) -> None:
    db = opened()
    numbers = Numbers(db)
    came = {0}
    for seq in order:
        numbers.add(JOURNAL, header(seq), seq)
        came.add(seq)
        first = numbers.first_of(JOURNAL, seq)
        assert first == 1 + max(one for one in range(seq) if one == 0 or one not in came)
    db.close()


def test_a_range_goes_on_behind_what_is_covered(numbers: Numbers) -> None:
    for seq in (1, 2):
        numbers.add(JOURNAL, header(seq), seq)
    numbers.add(JOURNAL, header(6, ((3, 5),)), 6)
    numbers.add(JOURNAL, header(7), 7)
    assert [numbers.first_of(JOURNAL, seq) for seq in (1, 2, 6, 7)] == [1, 2, 6, 6]
    assert numbers.missing(JOURNAL, 7) == 0


def test_numbers_that_were_shed_are_no_rewriting(numbers: Numbers) -> None:
    numbers.add(JOURNAL, header(9, ((1, 4),), ReadingClass.ALARM), 1)
    numbers.add(JOURNAL, header(10, ((2, 3), (5, 6))), 2)
    numbers.add(JOURNAL, header(11, ((3, 3),)), 3)
    assert [numbers.rewritten_into(JOURNAL, seq) for seq in (1, 2, 3, 6, 7)] == [[], [2], [2, 3], [2], []]


def test_journals_do_not_mix(numbers: Numbers) -> None:
    numbers.add(JOURNAL, header(1), 1)
    numbers.add(JOURNAL + 1, header(2, ((1, 1),)), 2)
    assert (numbers.missing(JOURNAL, 2), numbers.missing(JOURNAL + 1, 2)) == (1, 0)
    assert numbers.rewritten_into(JOURNAL, 1) == []
