"""What tests of the outbox share."""

from collections.abc import Iterator

import pytest

from hub_agent.noc import schema
from hub_agent.outbox import store
from tests.outbox.journey import Noc


@pytest.fixture(autouse=True)
def closed_nocs() -> Iterator[None]:
    """Close what a test has opened of the other end: from Python 3.13 on SQLite complains of what is left open."""
    yield
    while Noc.opened:
        Noc.opened.pop().store.close()


@pytest.fixture(scope="module")
def unsynced() -> Iterator[None]:
    """Commit to the page cache alone: where no power fails, a test would mostly wait for the disk."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (schema, store):
            pragmas = [pragma.replace("synchronous=FULL", "synchronous=OFF") for pragma in module._PRAGMAS]
            patch.setattr(module, "_PRAGMAS", tuple(pragmas))
        yield
