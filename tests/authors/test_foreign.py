"""A driver in a package of its own, written from its sheet and the guide alone, is found and held to the same kit."""

import importlib
import json
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from hub_agent.captures import chunk_of, load
from hub_agent.driver import Driver
from hub_agent.testing import Check, checks

_OX1: Final = Path(__file__).parent / "ox1"
_FRAME: Final = re.compile(r"^(host|device) +((?:[0-9A-F]{2} ?){7})", re.MULTILINE)


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Driver]:
    monkeypatch.syspath_prepend(str(_OX1))
    try:
        found: Driver = importlib.import_module("acme_ox1.driver").DRIVER
        yield found
    finally:
        for name in [name for name in sys.modules if name.split(".")[0] == "acme_ox1"]:
            del sys.modules[name]


def test_the_driver_keeps_the_rules(driver: Driver) -> None:
    held: list[Check] = list(checks(driver, captures=_OX1 / "tests/captures", readme=(_OX1 / "README.md").read_text()))
    for check in held:
        check()
    assert [str(check) for check in held] == [
        "declaration", "any_bytes", "bounded_state", "splitting", "golden-sheet", "readme"
    ]  # fmt: skip


def test_the_capture_holds_every_frame_of_the_example_of_the_sheet() -> None:
    sheet = (_OX1.parent / "sheet.md").read_text()
    frames = [(who, bytes.fromhex(text)) for who, text in _FRAME.findall(sheet)]
    assert len(frames) == 12
    capture = load(_OX1 / "tests/captures/sheet.jsonl")
    chunks = (chunk_of(capture, line) for line in capture.lines)
    said = b"".join(chunk.data for chunk in chunks if chunk is not None)
    assert all(frame in said for who, frame in frames if who == "device")


@pytest.mark.slow
def test_the_package_is_built_installed_found_and_held(tmp_path: Path, install: Any) -> None:  # noqa: ANN401 - a fixture
    package = tmp_path / "ox1"
    shutil.copytree(_OX1, package)
    run = install(package)
    shutil.rmtree(package / "acme_ox1")  # what is found from here on is the installed one
    listed = json.loads(run("hub_agent", "drivers", "--json").stdout)
    assert listed["broken"] == {}
    (row,) = [row for row in listed["drivers"] if row["driver"] == "acme-ox1"]
    assert row["measures"] == ["oxygen saturation", "perfusion index", "pulse rate by oximetry"]
    decoded = run("hub_agent", "devices", "replay", "tests/captures/sheet.jsonl")
    assert "oxygen saturation 97 %, pulse rate by oximetry 72 /min" in decoded.stdout
    held = run("pytest", "-q", "-p", "no:cacheprovider", "tests")
    assert held.returncode == 0, held.stdout
    assert "8 passed" in held.stdout
