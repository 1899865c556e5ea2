"""The note of whose driver is at work."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub_agent.devices.mark import NAME, Mark, tag_of
from hub_agent.errors import ConfigError

_ALIASES = st.from_regex(r"[a-z0-9-]{1,32}", fullmatch=True)
_LIFE = """
import os, signal, sys
from pathlib import Path
from hub_agent.devices.mark import Mark, tag_of
mark = Mark(Path(sys.argv[1]))
for tag in map(tag_of, sys.argv[2:]):
    mark.note(tag)
    mark.clear() if tag == tag_of("done") else None
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize(
    ("notes", "left"), [(["cuff"], "cuff"), (["a-long-alias-of-32-characters-xx", "ox"], "ox"), (["cuff", "done"], "")]
)
def test_it_is_there_whatever_ended_the_process(tmp_path: Path, notes: list[str], left: str) -> None:
    path = tmp_path / "run" / NAME
    ended = subprocess.run([sys.executable, "-c", _LIFE, str(path), *notes], check=False)  # noqa: S603 - our own words
    assert ended.returncode == -signal.SIGKILL
    assert Mark(path).left == left
    assert path.stat().st_mode & 0o777 == 0o600


@given(_ALIASES, _ALIASES)
def test_the_newest_note_is_whole(tmp_path_factory: pytest.TempPathFactory, first: str, second: str) -> None:
    path = tmp_path_factory.mktemp("run") / NAME
    mark = Mark(path)
    mark.note(tag_of(first))
    mark.note(tag_of(second))
    assert (mark.left, Mark(path).left) == ("", second)  # what it found stays, whatever it notes since
    mark.clear()
    assert Mark(path).left == ""


@pytest.mark.parametrize("found", [b"", b"ox", b"\xff" * 64, b"x" * 100])
def test_a_file_of_somebody_else_does_no_harm(tmp_path: Path, found: bytes) -> None:
    (tmp_path / NAME).write_bytes(found)
    mark = Mark(tmp_path / NAME)
    mark.note(tag_of("cuff"))
    assert Mark(tmp_path / NAME).left == "cuff"


def test_a_place_where_it_cannot_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "run").write_bytes(b"a file")
    with pytest.raises(ConfigError, match=r"hub\.runtime_dir"):
        Mark(tmp_path / "run" / NAME)


def test_without_a_file_it_dies_with_the_process() -> None:
    mark = Mark()
    mark.note(tag_of("cuff"))
    mark.clear()
    assert (mark.left, Mark().left) == ("", "")
