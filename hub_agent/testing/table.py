"""The table of devices in ``drivers/README.md``: one row for each driver.

Owns: how a row is read, and what it must say. Never: reads a file.
"""

from typing import Final

from hub_agent.driver import Driver, SerialLink
from hub_agent.testing.rules import hold

_CELLS: Final = 6


def table_rows(readme: str) -> dict[str, tuple[str, ...]]:
    """Read the device table: driver name → its cells (driver, device, link, measures, level, quirks)."""
    rows: dict[str, tuple[str, ...]] = {}
    for line in readme.splitlines():
        cells = tuple(cell.strip() for cell in line.strip().strip("|").split("|"))
        if line.lstrip().startswith("| `") and len(cells) == _CELLS:
            rows[cells[0].strip("`")] = cells
    return rows


def check_readme(driver: Driver, readme: str) -> None:
    """The table has a row for the driver, with its link and its level."""
    row = table_rows(readme).get(driver.name)
    if row is None:
        raise AssertionError(f"no row for {driver.name} in the table")
    _name, device, link, measures, level, _quirks = row
    hold(device and measures, f"{driver.name}: the row says neither device nor measures")
    hold(link.lower().startswith("serial" if isinstance(driver.link, SerialLink) else "ble"), f"{driver.name}: link")
    hold(level == driver.level, f"{driver.name}: the row says {level}, the driver {driver.level}")
