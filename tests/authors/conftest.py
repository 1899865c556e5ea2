"""Packages of driver authors: as files, and installed as they would be."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import pytest

_ROOT: Final = Path(__file__).parent.parent.parent
_BLOCK: Final = re.compile(r"^```\w+ (?P<path>[\w./-]+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)

collect_ignore = ["halo2", "ox1"]  # packages of their own: test_foreign builds, installs and tests them

Run = Callable[..., subprocess.CompletedProcess[str]]
Install = Callable[[Path], Run]


@pytest.fixture(scope="session")
def guide() -> str:
    return (_ROOT / "docs/driver-guide.md").read_text(encoding="utf-8")


@pytest.fixture
def guide_package(guide: str, tmp_path: Path) -> Path:
    """The package that the guide's blocks make."""
    files: Mapping[str, str] = {found["path"]: found["text"] for found in _BLOCK.finditer(guide)}
    root = tmp_path / "example-et1"
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    return root


@pytest.fixture
def install(tmp_path: Path) -> Install:
    """Build a package into a wheel and install it beside the hub, without network; give what runs modules with it."""

    def do(package: Path) -> Run:
        target = tmp_path / "site"
        environment = {**os.environ, "PYTHONPATH": str(target), "PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull}
        environment.pop("PYTEST_ADDOPTS", None)

        def run(*words: str, cwd: Path = package) -> subprocess.CompletedProcess[str]:
            return subprocess.run(  # noqa: S603 - our own commands
                [sys.executable, "-m", *words], cwd=cwd, env=environment, capture_output=True, text=True, check=False
            )

        pip = ("pip", "--disable-pip-version-check", "--no-input")
        built = run(*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", str(tmp_path / "wheels"), ".")
        assert built.returncode == 0, built.stderr
        (wheel,) = (tmp_path / "wheels").glob("*.whl")
        placed = run(*pip, "install", "--no-deps", "--target", str(target), str(wheel))
        assert placed.returncode == 0, placed.stderr
        return run

    return do
