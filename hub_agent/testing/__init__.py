"""The conformance kit for driver authors: what every driver must keep, checked for nothing.

In the package of a driver, this is the whole test::

    import pytest
    from hub_agent.testing import checks
    from my_package import DRIVER

    @pytest.mark.parametrize("check", checks(DRIVER, captures="tests/captures"), ids=str)
    def test_conformance(check):
        check()

:class:`Talk` is for tests of a dialogue. The hub never imports any of it; the checks need hypothesis, which does not
come with the hub.
"""

from hub_agent.testing.kit import Check, checks
from hub_agent.testing.table import table_rows
from hub_agent.testing.talk import Talk

__all__ = ["Check", "Talk", "checks", "table_rows"]
