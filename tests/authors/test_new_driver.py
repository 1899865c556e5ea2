"""What `scripts/new-driver` makes passes every check but the one test that says what is to be filled in."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Final

import pytest

from hub_agent.testing import table_rows
from scripts.lib.new_driver import NewDriverError, begin

_ROOT: Final = Path(__file__).parent.parent.parent


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """As much of the repository as a new driver touches."""
    (tmp_path / "drivers").mkdir()
    for name in ("pyproject.toml", "drivers/README.md"):
        shutil.copy(_ROOT / name, tmp_path / name)
    shutil.copytree(_ROOT / "drivers/hub_drivers/codec", tmp_path / "drivers/hub_drivers/codec")
    (tmp_path / "drivers/hub_drivers/__init__.py").touch()
    (tmp_path / "hub_agent").symlink_to(_ROOT / "hub_agent")
    return tmp_path


@pytest.mark.parametrize("link", ["ble", "serial"])
def test_the_row_and_the_entry_point_are_in_their_order(tree: Path, link: str) -> None:
    made = begin(tree, "acme-ox1", "ble" if link == "ble" else "serial")
    assert all((tree / path).exists() for path in made)
    rows = table_rows((tree / "drivers/README.md").read_text())
    assert list(rows) == sorted(rows)
    assert rows["acme-ox1"][2].lower().startswith(link)
    project = tomllib.loads((tree / "pyproject.toml").read_text())
    points = project["project"]["entry-points"]["hub_agent.drivers"]
    assert list(points) == sorted(points)
    assert points["acme-ox1"] == "hub_drivers.acme_ox1.driver:DRIVER"


@pytest.mark.parametrize("link", ["ble", "serial"])
def test_the_stub_keeps_the_rules_and_its_test_says_what_is_missing(tree: Path, link: str) -> None:
    begin(tree, "acme-ox1", "ble" if link == "ble" else "serial")
    held = tree / "test_kit.py"
    held.write_text(
        "from pathlib import Path\n"
        "import pytest\n"
        "from hub_agent.testing import checks\n"
        "from hub_drivers.acme_ox1.driver import DRIVER\n"
        "@pytest.mark.parametrize('check', checks(DRIVER, readme=Path('drivers/README.md').read_text()), ids=str)\n"
        "def test_kit(check):\n"
        "    check()\n"
    )
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", "-c", "pyproject.toml", "--rootdir", "."]
    done = subprocess.run(  # noqa: S603 - our own command
        [*words, "test_kit.py", "tests/drivers/acme-ox1"],
        cwd=tree,
        env={"PYTHONPATH": str(tree / "drivers"), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    kit = 4 if link == "serial" else 3
    assert f"2 failed, {kit + 1} passed" in done.stdout, done.stdout
    assert "no capture yet" in done.stdout
    assert "nothing_of_the_stub_is_left" in done.stdout


@pytest.mark.parametrize("link", ["ble", "serial"])
@pytest.mark.slow  # needs ruff and mypy, which come with the checks
def test_the_stub_passes_format_lint_and_types(tree: Path, link: str) -> None:
    begin(tree, "acme-ox1", "ble" if link == "ble" else "serial")
    places = ["drivers/hub_drivers/acme_ox1", "tests/drivers/acme-ox1"]
    for words in (["ruff", "check"], ["ruff", "format", "--check"], ["mypy", "--config-file", "pyproject.toml"]):
        if shutil.which(words[0], path=str(Path(sys.executable).parent)) is None:
            pytest.skip(f"{words[0]} is not installed; scripts/check installs it")
        done = subprocess.run(  # noqa: S603 - our own command
            [sys.executable, "-m", *words, *places], cwd=tree, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", ["Acme", "acme_ox1", "-acme", "acme--ox", "acme/ox", ""])
def test_what_is_no_name_is_refused(tree: Path, name: str) -> None:
    with pytest.raises(NewDriverError, match="is no name"):
        begin(tree, name, "ble")


def test_nothing_is_written_over(tree: Path) -> None:
    begin(tree, "acme-ox1", "ble")
    before = (tree / "pyproject.toml").read_text()
    with pytest.raises(NewDriverError, match="exists"):
        begin(tree, "acme-ox1", "serial")
    shutil.rmtree(tree / "drivers/hub_drivers/acme_ox1")
    shutil.rmtree(tree / "tests")
    with pytest.raises(NewDriverError, match="entry point already"):
        begin(tree, "acme-ox1", "serial")
    assert not (tree / "drivers/hub_drivers/acme_ox1").exists()
    assert (tree / "pyproject.toml").read_text() == before
