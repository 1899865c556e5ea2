"""How the demo's parts start: a NOC that ends instead is told, at once and in words."""

from pathlib import Path

import pytest

from hub_agent.demo.broker import Broker
from hub_agent.demo.show import _collecting
from hub_agent.demo.tally import Tally
from hub_agent.errors import HubError


async def test_a_noc_that_ends_instead_of_listening_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(HubError, match="ended before it had its broker"):
        async with _collecting(tmp_path, Broker("none", 1, "5"), Tally()):  # it has no keys
            raise AssertionError("it listens")
