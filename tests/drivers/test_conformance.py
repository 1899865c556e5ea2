"""Every registered driver keeps the rules, with the captures of ``tests/drivers/<name>/captures``."""

from pathlib import Path
from typing import Final

import pytest

from hub_agent.registry import load_drivers
from hub_agent.testing import Check, checks

_HERE: Final = Path(__file__).parent
_README: Final = (_HERE.parent.parent / "drivers" / "README.md").read_text()
OPTIONS: Final = {
    "omron-memory": {"model": "HEM-7142T2"},
    "omron-memory-key": {"model": "HEM-7322T", "key": "00" * 16},
}
"""Of the drivers that cannot do without."""
_CHECKS: Final = [
    pytest.param(check, id=f"{name}-{check}")
    for name, driver in sorted(load_drivers().drivers.items())
    for check in checks(driver, captures=_HERE / name / "captures", readme=_README, options=OPTIONS.get(name))
]


@pytest.mark.parametrize("check", _CHECKS)
def test_driver(check: Check) -> None:
    check()
