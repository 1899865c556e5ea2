"""The driver guide is true: its blocks are a driver, its console says what the hub says."""

import importlib
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import pytest

from hub_agent.captures import fill, load, play
from hub_agent.cli import app
from hub_agent.driver import Action, Moment
from hub_agent.field.screen import Screen
from hub_agent.model import Quality
from hub_agent.testing import checks
from hub_agent.testing.rules import hold

_COMMAND: Final = re.compile(r"^\$ hub-agent (.*)$", re.MULTILINE)


@pytest.fixture
def package(guide_package: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[ModuleType, ...]]:
    """The guide's modules, imported from its blocks."""
    monkeypatch.syspath_prepend(str(guide_package))
    try:
        yield tuple(importlib.import_module(f"example_et1.{name}") for name in ("driver", "stream", "talk"))
    finally:
        for name in [name for name in sys.modules if name.split(".")[0] == "example_et1"]:
            del sys.modules[name]


def test_the_blocks_make_the_files_that_the_guide_lists(guide: str, guide_package: Path) -> None:
    listed = re.search(r"```\nexample-et1/\n(.*?)```", guide, re.DOTALL)
    assert listed is not None
    made = {str(path.relative_to(guide_package)) for path in guide_package.rglob("*") if path.is_file()}
    for line in listed[1].splitlines():
        name = line.split()[0]
        assert any(path == name or (name.endswith("/") and path.startswith(name)) for path in made), name


def test_the_driver_keeps_the_rules(guide_package: Path, package: tuple[ModuleType, ...]) -> None:
    readme = (guide_package / "README.md").read_text()
    capture = guide_package / "tests/captures/sheet.jsonl"
    fill(package[0].DRIVER, capture)
    for module, captures in zip(package, (capture.parent, None, None), strict=True):
        for check in checks(module.DRIVER, captures=captures, readme=readme):
            check()
    (low,) = load(capture).lines[3].readings
    hold(low["quality"] == ["LOW_BATTERY"] and low["measurements"][0]["absent"] == "unknown", "the sheet's second line")


def test_the_replay_looks_as_the_guide_shows_it(
    guide: str, guide_package: Path, package: tuple[ModuleType, ...]
) -> None:
    shown: list[str] = []
    screen = Screen(shown.append, as_json=False, width=7)
    for played in play(package[0].DRIVER, load(guide_package / "tests/captures/sheet.jsonl")):
        screen.line(played.line, played.actions)
    block = re.search(r"replay tests/captures/sheet.jsonl\n(.*?)```", guide, re.DOTALL)
    assert block is not None
    assert [" ".join(line.split()) for line in block[1].splitlines()] == [" ".join(line.split()) for line in shown]


def test_the_stream_starts_and_starts_again(package: tuple[ModuleType, ...]) -> None:
    session = package[1].DRIVER.session({})
    start: list[Action] = list(session.opened(Moment(0.0, None)))
    assert start == list(session.silent(Moment(5.0, None)))
    assert start[0] == package[1].START


def test_every_command_of_the_guide_exists_with_its_options(guide: str) -> None:
    from typer.main import get_command  # noqa: PLC0415 - this test alone looks below the surface

    known: Any = get_command(app)
    commands = _COMMAND.findall(guide)
    assert len(commands) >= 6
    for line in commands:
        words = line.split()
        command, context = known, known.make_context("hub-agent", [words[0], "--help"], resilient_parsing=True)
        while hasattr(command, "commands"):
            command = command.get_command(context, words.pop(0))
        options = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= options, line


def test_every_quality_of_the_guide_exists(guide: str) -> None:
    table = re.search(r"\| the device says \|(.*?)\n\n", guide, re.DOTALL)
    assert table is not None
    names = set(re.findall(r"`([A-Z_]+)`", table[1]))
    assert names & set(Quality.__members__)
    assert names <= set(Quality.__members__) | {
        "NOT_PERFORMED", "ERROR", "UNKNOWN", "NOT_A_NUMBER", "POSITIVE_INFINITY", "NEGATIVE_INFINITY"
    }  # fmt: skip


def test_every_check_of_the_kit_is_explained(guide: str, package: tuple[ModuleType, ...]) -> None:
    for check in checks(package[1].DRIVER, readme=""):
        assert f"| `{check}` |" in guide


@pytest.mark.slow
def test_the_package_of_the_guide_is_built_installed_found_and_held(guide_package: Path, install: Any) -> None:  # noqa: ANN401 - a fixture
    run = install(guide_package)
    listed = run("hub_agent", "drivers", "--json")
    assert listed.returncode == 0, listed.stderr
    names = {row["driver"] for row in json.loads(listed.stdout)["drivers"]}
    assert {"example-et1", "example-et1-serial", "example-et2"} <= names
    filled = run("hub_agent", "devices", "replay", "tests/captures/sheet.jsonl", "--fill")
    assert filled.returncode == 0, filled.stderr
    held = run("pytest", "-q", "-p", "no:cacheprovider", "tests")
    assert held.returncode == 0, held.stdout
    assert "15 passed" in held.stdout
