from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.benchlib.fleet_model import LOADED, Costs, demand, markdown

COSTS = Costs(
    collector_us=500,
    backlog_us=6000,
    broker_us=50,
    handshake_us=1000,
    connection_kib=16,
    batch_bytes=280,
    backlog_bytes=2000,
)


def test_a_thousand_hubs_by_hand() -> None:
    fleet = demand(COSTS, 1000)

    assert fleet.readings_s == 8000
    assert fleet.messages_s == pytest.approx(1100)
    assert fleet.bytes_s == 280_000
    assert fleet.collector_cores == pytest.approx(0.55)
    assert fleet.collectors == 1
    assert fleet.broker_cores == pytest.approx(0.055)
    assert fleet.connections_mib == pytest.approx(15.625)
    assert fleet.handshakes_s == pytest.approx(1.0)
    assert fleet.backlog_bytes == 120_000_000
    assert fleet.catch_up_s == pytest.approx(60_000 * 0.006 / 0.45)


@given(st.integers(1, 1_000_000), st.floats(1, 5000))
def test_collectors_have_room_and_are_not_too_many(hubs: int, collector_us: float) -> None:
    fleet = demand(replace(COSTS, collector_us=collector_us), hubs)

    assert fleet.collector_cores <= fleet.collectors * LOADED + 1e-9
    assert fleet.collectors == 1 or fleet.collector_cores > (fleet.collectors - 1) * LOADED - 1e-9
    assert fleet.catch_up_s > 0


def test_the_table_has_a_column_for_each_fleet() -> None:
    head, *rows = markdown(COSTS, (1000, 10_000)).splitlines()

    assert head == "| on paper | 1,000 hubs | 10,000 hubs |"
    assert "| collectors: processes, 70% of a core each | 1 | 8 |" in rows
    assert {row.count("|") for row in rows} == {4}
