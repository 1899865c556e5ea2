"""The commands for devices, as a person types them."""

import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from hub_agent.captures import Turn, load, parse
from hub_agent.cli import app

CAPTURE = (
    '{"driver": "gatt-heart-rate", "source": "made up"}\n'
    '{"channel": "2a37", "hex": "164d1603"}\n'
    '{"at_s": 1, "channel": "2a37", "hex": "00"}\n'
)


def call(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "hub.toml"
    path.write_bytes(Path("config/hub-agent.toml").read_bytes())
    return path


def test_a_device_is_added_listed_and_removed(config: Path) -> None:
    before = config.read_text()
    words = ("strap", "--driver", "gatt-heart-rate", "--address", "00:00:5E:00:53:09", "--option", "contact=ignore")
    assert call("devices", "add", *words, "--cadence", 2, "-c", config).exit_code == 0
    listed = json.loads(call("devices", "list", "-c", config, "--json").stdout)["devices"]
    assert [row["name"] for row in listed] == ["oximeter", "oximeter-2", "strap"]
    assert listed[-1]["state"] == "hub not running"
    assert "strap" in call("devices", "list", "-c", config).stdout
    assert call("devices", "remove", "strap", "-c", config).exit_code == 0
    assert config.read_text().rstrip() == before.rstrip()


def test_a_table_is_printed_and_nothing_changed(config: Path) -> None:
    before = config.read_text()
    result = call("devices", "add", "cuff", "--driver", "and-ua767", "--port", "/dev/ttyAMA0", "-c", config, "--print")
    assert tomllib.loads(result.stdout)["devices"] == [{"name": "cuff", "driver": "and-ua767", "port": "/dev/ttyAMA0"}]
    assert config.read_text() == before


def test_a_table_is_printed_where_there_is_no_file_yet(tmp_path: Path) -> None:
    words = ["devices", "add", "cuff", "--driver", "and-ua767", "--port", "/dev/ttyAMA0", "--print"]
    result = call(*words, "-c", tmp_path / "none.toml")
    assert tomllib.loads(result.stdout)["devices"][0]["name"] == "cuff"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("add", "x", "--driver", "none-such", "--usb", "0403:6001"), "no driver is called so"),
        (("add", "x", "--driver", "nope", "--usb", "0403:6001", "--print"), "no driver is called so"),
        (("add", "x", "--driver", "nonin-ble", "--usb", "0403:6001", "--print"), "speaks Bluetooth"),
        (("add", "strap 2", "--driver", "nonin-ble", "--address", "00:00:5E:00:53:77", "--print"), "devices[2].name"),
        (("add", "x", "--driver", "nonin-ble", "--address", "1", "--option", "y"), "not KEY=VALUE"),
        (("remove", "none-such"), "no device is called 'none-such'"),
        (("test", "none-such"), "no device is called 'none-such'"),
        (("test",), "which device?"),
        (("test", "--driver", "nonin-ble", "--address", "zz"), "--address"),
    ],
)
def test_wrong_use_exits_2_and_says_why(config: Path, words: tuple[str, ...], reason: str) -> None:
    option = () if "--address" in words and words[0] == "test" else ("-c", str(config))
    result = call("devices", *words, *option)
    assert result.exit_code == 2
    assert reason in result.stderr


def test_a_capture_is_shown_and_filled(tmp_path: Path) -> None:
    path = tmp_path / "strap.jsonl"
    path.write_text(CAPTURE)
    shown = call("devices", "replay", path)
    assert shown.exit_code == 0
    assert "heart rate 77 /min" in shown.stdout
    assert "rejected: heart rate: 1 bytes" in shown.stdout
    assert path.read_text() == CAPTURE
    assert call("devices", "replay", path, "--fill", "--json").exit_code == 0
    assert sum(len(line.readings) for line in load(path).lines) == 1


def test_a_capture_that_names_no_driver_needs_one(tmp_path: Path) -> None:
    path = tmp_path / "strap.jsonl"
    path.write_text('{"channel": "2a37", "hex": "164d1603"}\n')
    assert call("devices", "replay", path).exit_code == 2
    assert "77 /min" in call("devices", "replay", path, "--driver", "gatt-heart-rate").stdout


def test_a_scan_tells_what_is_there() -> None:
    found = json.loads(call("devices", "scan", "--seconds", "0.1", "--json").stdout)
    assert found.keys() == {"ble", "serial", "radio"}
    assert call("devices", "scan", "--seconds", "0.1").exit_code == 0


def test_the_doctor_is_red_where_there_is_no_hub(config: Path) -> None:
    result = call("doctor", "-c", config, "--json")
    assert result.exit_code == 1
    answer = json.loads(result.stdout)
    assert not answer["ok"]
    assert {finding["what"] for finding in answer["findings"]} >= {
        "hub",
        "clock",
        "disk",
        "keys",
        "TLS",
        "radio",
        "NOC",
    }
    assert "RED  hub: is not running" in call("doctor", "-c", config).stdout


def test_the_doctor_names_a_configuration_that_cannot_be_read(tmp_path: Path) -> None:
    result = call("doctor", "-c", tmp_path / "none.toml")
    assert result.exit_code == 1
    assert "configuration" in result.stdout


def test_simulate_lists_and_ends_in_time(tmp_path: Path) -> None:
    assert {"nonin", "o2ring"} <= json.loads(call("simulate", "--json").stdout).keys()
    result = call("simulate", "nonin", "--link", tmp_path / "nonin", "--seconds", "0.2")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [f"nonin is at {tmp_path / 'nonin'}", "ready"]
    assert call("simulate", "none-such").exit_code == 2
    assert call("simulate", "nonin", "--script", tmp_path / "none").exit_code == 2


@pytest.fixture
def oximeter(tmp_path: Path) -> Iterator[Path]:
    """A virtual Nonin in a process of its own."""
    link = tmp_path / "nonin"
    words = [sys.executable, "-m", "hub_agent", "simulate", "nonin", "--link", str(link)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own command
        assert process.stdout is not None
        while process.stdout.readline() != "ready\n":
            assert process.poll() is None
        yield link
        process.terminate()


def test_a_device_is_tried_and_captured(oximeter: Path, tmp_path: Path) -> None:
    capture = tmp_path / "capture.jsonl"
    words = ("test", "--driver", "nonin-serial", "--port", oximeter, "--option", "format=2", "--capture", capture)
    result = call("devices", *words, "--seconds", "2.5")
    assert result.exit_code == 0, result.output
    assert "oxygen saturation" in result.stdout
    lines = load(capture).lines
    assert [line.event for line in lines if isinstance(line, Turn)][:2] == ["connected", "opened"]
    assert sum(len(line.readings) for line in lines) >= 1
    assert call("devices", *words, "--seconds", "0.2").exit_code == 2  # a capture is never overwritten
    replayed = call("devices", "replay", capture, "--json")
    assert [line.readings for line in parse(replayed.stdout).lines] == [line.readings for line in lines]


def test_a_device_that_is_not_there_exits_1(tmp_path: Path) -> None:
    result = call("devices", "test", "--driver", "nonin-serial", "--port", tmp_path / "none", "--seconds", "0.2")
    assert result.exit_code == 1
    assert "It was not there" in result.stdout
