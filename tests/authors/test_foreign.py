"""Drivers in packages of their own, written from a sheet and the guide alone, are found and held to the same kit."""

import importlib
import json
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from hub_agent.captures import chunk_of, load
from hub_agent.driver import Driver
from hub_agent.testing import checks

_HERE: Final = Path(__file__).parent
_FRAME: Final = re.compile(r"^(host|device) +((?:[0-9A-F]{2}\b ?)+)", re.MULTILINE)


class Package(NamedTuple):
    """What is expected of one.

    Attributes:
        folder: where it is.
        module: what it is imported as.
        name: of its driver.
        frames: how many the example of its sheet has.
        measures: in words.
        tests: how many it has itself.
    """

    folder: Path
    module: str
    name: str
    frames: int
    measures: list[str]
    tests: int


_OXIMETER: Final = ["oxygen saturation", "perfusion index", "pulse rate by oximetry"]
_PACKAGES: Final = (
    Package(_HERE / "ox1", "acme_ox1", "acme-ox1", 12, _OXIMETER, 8),
    Package(_HERE / "halo2", "lumen_halo2", "lumen-halo2", 14, ["battery", *_OXIMETER], 34),
)


@pytest.fixture(params=_PACKAGES, ids=lambda package: package.module)
def package(request: pytest.FixtureRequest) -> Package:
    found: Package = request.param
    return found


@pytest.fixture
def driver(package: Package, monkeypatch: pytest.MonkeyPatch) -> Iterator[Driver]:
    monkeypatch.syspath_prepend(str(package.folder))
    try:
        found: Driver = importlib.import_module(f"{package.module}.driver").DRIVER
        yield found
    finally:
        for name in [name for name in sys.modules if name.split(".")[0] == package.module]:
            del sys.modules[name]


def test_the_driver_keeps_the_rules(package: Package, driver: Driver) -> None:
    readme = (package.folder / "README.md").read_text()
    held = list(checks(driver, captures=package.folder / "tests/captures", readme=readme))
    for check in held:
        check()
    assert [str(check) for check in held] == [
        "declaration", "any_bytes", "bounded_state", "splitting", "golden-sheet", "readme"
    ]  # fmt: skip


def test_the_capture_holds_every_frame_of_the_example_of_the_sheet(package: Package) -> None:
    frames = [(who, bytes.fromhex(text)) for who, text in _FRAME.findall((package.folder / "sheet.md").read_text())]
    assert len(frames) == package.frames
    capture = load(package.folder / "tests/captures/sheet.jsonl")
    chunks = (chunk_of(capture, line) for line in capture.lines)
    said = b"".join(chunk.data for chunk in chunks if chunk is not None)
    assert all(frame in said for who, frame in frames if who == "device")


@pytest.mark.slow
def test_the_package_is_built_installed_found_and_held(package: Package, tmp_path: Path, install: Any) -> None:  # noqa: ANN401 - a fixture
    copy = tmp_path / package.folder.name
    shutil.copytree(package.folder, copy)
    run = install(copy)
    shutil.rmtree(copy / package.module)  # what is found from here on is the installed one
    listed = json.loads(run("hub_agent", "drivers", "--json").stdout)
    assert listed["broken"] == {}
    (row,) = [row for row in listed["drivers"] if row["driver"] == package.name]
    assert sorted(row["measures"]) == package.measures
    decoded = run("hub_agent", "devices", "replay", "tests/captures/sheet.jsonl")
    assert "oxygen saturation 97 %, pulse rate by oximetry 72 /min" in decoded.stdout
    held = run("pytest", "-q", "-p", "no:cacheprovider", "tests")
    assert held.returncode == 0, held.stdout
    assert f"{package.tests} passed" in held.stdout
