"""``hub-agent`` as its users meet it."""

import json
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from hub_agent.cli import app
from hub_agent.registry import load_drivers
from tests.configs import make_keys, write

_RUNNER = CliRunner()


def _call(*args: object, stdin: str | None = None) -> Result:
    return _RUNNER.invoke(app, [str(arg) for arg in args], input=stdin)


def test_every_command_has_a_help_with_an_example() -> None:
    listed = _call("--help").stdout
    for name in ("run", "check", "drivers", "decode", "identity", "status", "demo"):
        assert name in listed
        assert "Example: hub-agent" in " ".join(_call(name, "--help").stdout.split())


def test_wrong_use_is_2() -> None:
    assert _call("nonsense").exit_code == 2
    assert _call("decode").exit_code == 2
    assert _call("demo", "--json").exit_code == 2
    assert _call("check", "--config", "/nowhere.toml").exit_code == 2


def test_check_names_each_mistake_for_people_and_programs(tmp_path: Path) -> None:
    make_keys(tmp_path)
    good = write(tmp_path)
    assert _call("check", "-c", good).exit_code == 0
    assert json.loads(_call("check", "-c", good, "--json").stdout)["ok"] is True
    bad = write(tmp_path, '[delivery]\nwindow = "many"\nconfrim = "noc"\n')
    assert _call("check", "-c", bad).exit_code == 2
    found = _call("check", "-c", bad, "--json")
    mistakes = json.loads(found.stdout)["mistakes"]
    assert found.exit_code == 2
    assert {one["key"] for one in mistakes} == {"delivery.window", "delivery.confrim"}
    assert all(one["line"] for one in mistakes)


def test_check_looks_at_the_files_too_unless_it_is_told_not_to(tmp_path: Path) -> None:
    config = write(tmp_path)
    found = _call("check", "-c", config)
    assert found.exit_code == 2
    assert "hub-agent.toml:14: noc.trust: " in found.stderr
    assert "hub-agent.toml:17: identity.key: " in found.stderr
    assert _call("check", "-c", config, "--no-files").exit_code == 0
    assert _call("check", "-c", "config/hub-agent.toml", "--no-files").exit_code == 0


def test_drivers_are_listed_for_people_and_programs() -> None:
    listed = json.loads(_call("drivers", "--json").stdout)
    assert listed["broken"] == {}
    names = [row["driver"] for row in listed["drivers"]]
    assert names == sorted(names)
    text = _call("drivers").stdout
    assert all(name in text for name in names)


def test_drivers_say_what_may_be_set_and_commanded_of_them() -> None:
    listed = {row["driver"]: row for row in json.loads(_call("drivers", "--json").stdout)["drivers"]}
    options = load_drivers().driver("omron-memory-key").options
    assert options
    assert (listed["omron-memory-key"]["options"], listed["omron-memory-key"]["commands"]) == (dict(options), ["pair"])
    assert (listed["nonin-ble"]["options"], listed["nonin-ble"]["commands"]) == ({}, ["complete"])
    text = _call("drivers").stdout
    assert all(f"option {key}: {does}" in text for key, does in options.items())
    assert "commands: pair" in text


def test_decode_answers_one_question_or_a_line_each() -> None:
    assert json.loads(_call("decode", "--format", "ble.2a37", "0048").stdout)["fields"]["heart_rate_bpm"] == 72
    assert _call("decode", "--format", "ble.2a37", "").exit_code == 2
    assert _call("decode", "--format", "ble.2a37", "00").exit_code == 1
    assert "ble.2a37" in _call("decode", "--list").stdout.split()
    lines = ['{"format": "ble.2a1c", "hex": "006e0100ff"}', "", "nonsense", '{"format": "ble.2a37", "hex": "0048"}']
    answered = [
        json.loads(line, parse_float=Decimal)
        for line in _call("decode", "--jsonl", stdin="\n".join(lines)).stdout.splitlines()
    ]
    assert answered[0]["fields"]["temperature"] == Decimal("36.6")
    assert "not JSON" in answered[1]["error"]
    assert answered[2]["fields"]["heart_rate_bpm"] == 72


def test_identity_makes_a_key_once_and_prints_its_public_half(tmp_path: Path) -> None:
    path = tmp_path / "identity.pem"
    made = _call("identity", path)
    assert made.stdout.startswith("-----BEGIN PUBLIC KEY-----")
    again = _call("identity", path)
    assert again.exit_code == 2
    assert "never overwritten" in again.stderr
    assert _call("identity", tmp_path / "nowhere" / "identity.pem").exit_code == 2


@pytest.mark.parametrize("args", [(), ("--json",)])
def test_status_of_a_hub_that_does_not_run_is_1_with_a_hint(tmp_path: Path, args: tuple[str, ...]) -> None:
    found = _call("status", "-c", write(tmp_path), *args)
    assert found.exit_code == 1
    assert "is it running?" in found.stderr
