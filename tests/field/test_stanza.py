import stat
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub_agent.config import MistakesError
from hub_agent.errors import ConfigError
from hub_agent.field import stanza
from hub_agent.registry import load_drivers

REFERENCE = Path("config/hub-agent.toml").read_text(encoding="utf-8")
DRIVERS = load_drivers().drivers
STRAP = {"name": "strap", "driver": "gatt-heart-rate", "address": "00:00:5E:00:53:09", "options": {"contact": "ignore"}}
CONTROL = st.characters(codec="utf-8")
VALUES = st.text(CONTROL) | st.integers(-(2**53), 2**53) | st.booleans() | st.floats(-1e6, 1e6)


@given(st.dictionaries(st.text(CONTROL, min_size=1), VALUES, min_size=1), st.text(CONTROL))
def test_any_value_reads_back_the_same(options: dict[str, Any], name: str) -> None:
    text = stanza.added("", {"name": name, "address": None, "options": options})
    assert tomllib.loads(text) == {"devices": [{"name": name, "options": options}]}


def test_what_is_added_can_be_removed_and_nothing_else_changes() -> None:
    text = stanza.added(REFERENCE, STRAP)
    assert tomllib.loads(text)["devices"][-1] == STRAP
    assert text.startswith(REFERENCE.rstrip("\n"))
    assert stanza.removed(text, "strap").rstrip("\n") == REFERENCE.rstrip("\n")


def test_a_table_in_the_middle_goes_with_its_comments_and_leaves_those_of_the_next() -> None:
    before, after = '[hub]\nid = "x"\n\n# one\n', '# two\n[[devices]]\nname = "b"\n# last\n'
    text = before + '[[devices]]\n# mine\nname = "a"\n[devices.options]\nk = 1\n\n' + after
    assert stanza.removed(text, "a") == before + after
    assert tomllib.loads(stanza.removed(stanza.removed(text, "a"), "b")) == {"hub": {"id": "x"}}


@pytest.mark.parametrize(
    "text",
    ['devices = [{ name = "a" }]\n', 'devices = [\n  { name = "a" },\n  { name = "b" },\n]\n'],
)
def test_what_is_no_table_of_its_own_is_left_to_an_editor(text: str) -> None:
    with pytest.raises(ConfigError, match="take it out with an editor"):
        stanza.removed(text, "a")


def test_who_is_not_there_cannot_be_removed() -> None:
    with pytest.raises(ConfigError, match="there are: oximeter, oximeter-2"):
        stanza.removed(REFERENCE, "cuff")


def test_a_file_is_replaced_whole_with_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "hub.toml"
    path.write_text(REFERENCE)
    path.chmod(0o640)
    stanza.replace_file(path, stanza.added(stanza.read(path), STRAP), DRIVERS)
    assert tomllib.loads(path.read_text())["devices"][-1] == STRAP
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert [each.name for each in tmp_path.iterdir()] == ["hub.toml"]


@pytest.mark.parametrize(
    "wrong",
    [{"driver": "none-such"}, {"name": "oximeter"}, {"address": None, "port": "/dev/ttyUSB0"}, {"options": {"x": 1}}],
)
def test_what_would_not_be_accepted_is_not_written(tmp_path: Path, wrong: dict[str, Any]) -> None:
    path = tmp_path / "hub.toml"
    path.write_text(REFERENCE)
    with pytest.raises(MistakesError):
        stanza.replace_file(path, stanza.added(REFERENCE, STRAP | wrong), DRIVERS)
    assert path.read_text() == REFERENCE


def test_a_file_that_is_not_there_or_not_toml_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        stanza.read(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("[[devices")
    with pytest.raises(ConfigError, match="is not TOML"):
        stanza.read(tmp_path / "bad.toml")


def test_what_is_typed_may_be_in_small_letters_but_a_port_is_a_whole_path() -> None:
    assert stanza.way("00:00:5e:00:53:01", None, None)["address"] == "00:00:5E:00:53:01"
    assert stanza.way(None, None, "0403:600A:A0001")["usb"] == "0403:600A:A0001"
    with pytest.raises(ConfigError, match=r"ttyUSB0: is no whole path"):
        stanza.way(None, "ttyUSB0", None)
