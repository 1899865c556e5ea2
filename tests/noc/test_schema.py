import sqlite3
from contextlib import closing

from tests.noc.conftest import Bench, Hub, health
from tests.noc.ends import reading

_LAYOUT = """SELECT m.type, m.name, c.name, iif(m.type = 'view', m.sql, '') FROM sqlite_schema m
    JOIN pragma_table_info(m.name) c WHERE m.type IN ('table', 'view') ORDER BY 1, 2, 3"""


def test_a_store_of_the_first_version_goes_on_and_confirms_nothing_of_which_it_is_not_sure(
    bench: Bench, hub: Hub
) -> None:
    batches = [hub.batch([reading(90 + number)]) for number in range(4)]
    bench.take(hub.keys(), *batches[:2])
    bench.store.close()
    with closing(sqlite3.connect(bench.path, isolation_level=None)) as db:
        fresh = db.execute(_LAYOUT).fetchall()
        db.executescript(
            "DROP VIEW gaps; CREATE VIEW gaps AS SELECT 1;"
            "ALTER TABLE ranges DROP COLUMN came; ALTER TABLE journals DROP COLUMN given_up; PRAGMA user_version=1"
        )
    bench.open()
    with closing(sqlite3.connect(bench.path)) as db:
        assert db.execute(_LAYOUT).fetchall() == fresh
    assert hub.confirmed(bench.take(batches[1])) == {(2, 2)}
    assert hub.confirmed(bench.take(*batches[2:])) == {(3, 3), (3, 4)}
    assert bench.take(health(hub)).faults == []
    assert bench.count("readings") == 4
