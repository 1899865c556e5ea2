"""What tests of the outbox share."""

from collections.abc import Iterator

import pytest

from tests.outbox.journey import Noc


@pytest.fixture(autouse=True)
def closed_nocs() -> Iterator[None]:
    """Close what a test has opened of the other end: from Python 3.13 on SQLite complains of what is left open."""
    yield
    while Noc.opened:
        Noc.opened.pop().store.close()
