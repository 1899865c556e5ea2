"""The conformance kit for driver authors: what every driver must keep, checked for nothing.

In the package of a driver, this is the whole test::

    import pytest
    from hub_agent.testing import checks
    from my_package import DRIVER

    @pytest.mark.parametrize("check", checks(DRIVER, captures="tests/captures"), ids=str)
    def test_conformance(check):
        check()

The hub never imports it; it needs hypothesis, which comes with the checks' own run, not with the hub.
"""

from hub_agent.testing.kit import Check, checks
from hub_agent.testing.table import table_rows

__all__ = ["Check", "checks", "table_rows"]
