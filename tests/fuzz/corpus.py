"""What fuzzing starts from: published vectors, captures, and frames that devices send.

Owns: which bytes belong to which format and to which channel. Never: decodes.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from hub_agent.captures import chunk_of, load_folder
from hub_agent.driver import SERIAL, sig_uuid
from tests.drivers.test_conformance import OPTIONS as NEEDED
from tests.drivers.test_vendor_drivers import CASES

_TESTS: Final = Path(__file__).parent.parent
_SHORT: Final = 4


def _vectors() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((_TESTS / "vectors/vectors.json").read_text())
    return found


def by_format() -> Mapping[str, Sequence[bytes]]:
    """Give the vectors of each wire format."""
    found: dict[str, list[bytes]] = defaultdict(list)
    for vector in _vectors():
        found[vector["format"]].append(bytes.fromhex(vector["hex"]))
    return found


def by_channel() -> Mapping[str, Sequence[bytes]]:
    """Give what was ever seen on each channel; all that is said on serial lines stands under one."""
    found: dict[str, list[bytes]] = defaultdict(list)
    for name, frames in by_format().items():
        kind, _, rest = name.partition(".")
        if kind == "serial":
            found[SERIAL] += frames
        elif kind == "ble" and len(rest) == _SHORT:
            found[sig_uuid(int(rest, 16))] += frames
    for case in CASES:
        found[case.channel] += case.frames
    for folder in sorted((_TESTS / "drivers").glob("*/captures")):
        for capture in load_folder(folder):
            for line in capture.lines:
                chunk = chunk_of(capture, line)
                if chunk is not None:
                    found[chunk.channel].append(chunk.data)
    return found


def options(driver: str) -> Sequence[Mapping[str, Any]]:
    """Give options to run a driver with: those that tests use, and none where it can do without."""
    if driver in NEEDED:
        return (NEEDED[driver],)
    return ({}, *(case.options for case in CASES if case.name == driver and case.options))
