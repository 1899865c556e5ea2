"""The table of devices and the registry say the same."""

from pathlib import Path
from typing import Final

from hub_agent.registry import load_drivers
from hub_agent.testing import table_rows

_ROWS: Final = table_rows((Path(__file__).parent.parent.parent / "drivers" / "README.md").read_text())


def test_every_driver_loads() -> None:
    assert load_drivers().broken == {}


def test_each_driver_has_a_row_and_each_row_a_driver() -> None:
    assert set(_ROWS) == set(load_drivers().drivers)


def test_rows_are_in_order() -> None:
    assert list(_ROWS) == sorted(_ROWS)
