"""The one machine of these tests: booting it and installing into it takes longest."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.machine import Machine, booted, configure, furnish, missing, overlay


@pytest.fixture(scope="module")  # it ends with its tests: it would take CPU from whatever comes after them
def machine() -> Iterator[Machine]:
    """A machine into which the hub was installed, and where it runs, with one virtual oximeter on a serial line."""
    lacking = missing()
    if lacking:
        pytest.skip(lacking)
    place = Path("/var/tmp") / f"hub-agent-machine-{os.getpid()}"  # noqa: S108 - /tmp may be in memory, or an overlay
    place.mkdir(mode=0o700)
    with overlay(place) as root:
        furnish(root)
        with booted(root) as leader:
            machine = Machine(root, leader)
            machine.install("--wheelhouse", "/srv/wheelhouse")
            configure(machine)
            machine.install("--wheelhouse", "/srv/wheelhouse")
            sys.stderr.write("".join(machine.said))
            yield machine
