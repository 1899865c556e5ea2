"""The installed service on a booted system: it starts, heals, keeps its state, and can do nothing else.

Each test leaves the hub running; they come in any order.
"""

import json
import re
from pathlib import Path
from typing import Final

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from hub_agent import identity
from tests.system.machine import AGENT, Machine, eventually

pytestmark = [pytest.mark.slow, pytest.mark.root, pytest.mark.timeout(600)]

ALLOWED: Final = {
    "keep state",
    "read the credential",
    "speak with the system bus",
    "open an internet socket",
}


def test_the_installer_first_says_what_to_do_and_then_changes_nothing(machine: Machine) -> None:
    first, second = machine.said[:2]
    assert "not configured" in first
    assert "identity.pub" in first
    assert "hub-agent runs" in second
    before = machine.show("MainPID")
    fallback = machine.root / "opt/hub-agent/releases/0.0.1-before"
    fallback.mkdir()
    assert "nothing to do" in machine.install("--wheelhouse", "/srv/wheelhouse")
    assert fallback.exists()
    assert machine.show("MainPID") == before


def test_it_is_enabled_ready_and_takes_readings_in(machine: Machine) -> None:
    assert machine.run("systemctl", "is-enabled", "hub-agent").strip() == "enabled"
    assert machine.show("ActiveState") == "active"  # Type=notify: systemd was told READY
    assert machine.show("User") == "hub-agent"
    eventually(lambda: machine.readings() > 0)


@pytest.mark.parametrize("blow", ["SIGKILL", "SIGSTOP"])
def test_killed_or_stalled_it_comes_back_with_its_state(machine: Machine, blow: str) -> None:
    eventually(lambda: machine.readings() > 0)
    before, restarts = machine.status(), int(machine.show("NRestarts"))
    mark = ("stat", "--format=%i", "/run/hub-agent/at-work")
    noted = machine.run(*mark)
    with machine.journal("hub-agent") as lines:
        machine.run("systemctl", "kill", f"--signal={blow}", "--kill-whom=main", "hub-agent")
        heard = []
        for line in lines:
            heard.append(line)
            if line.startswith("Started hub-agent.service"):
                break
    words = "".join(heard)
    assert ("Watchdog timeout" in words) is (blow == "SIGSTOP"), words
    assert int(machine.show("NRestarts")) == restarts + 1
    after = machine.status()
    assert after["session"] != before["session"]
    assert machine.run(*mark) == noted  # the very file in which the life before noted whose driver was at work
    assert after["storage"]["journal"] == before["storage"]["journal"]
    assert after["storage"]["last_seq"] >= before["storage"]["last_seq"]
    waiting = after["delivery"]["waiting"]
    assert sum(group["items"] for group in waiting.values()) >= before["intake"]["stored"]
    eventually(lambda: machine.readings() > 0)


def test_what_it_was_doing_is_on_the_card_before_the_board_may_be_rebooted(machine: Machine) -> None:
    note = "/var/lib/hub-agent/at-work"
    machine.run("systemctl", "stop", "hub-agent")
    assert machine.run("stat", "--format=%s %U %a", note) == "64 hub-agent 600\n"
    assert "No such file" in machine.run("ls", "/run/hub-agent", succeed=False)
    machine.run("systemctl", "start", "hub-agent")
    assert "No such file" in machine.run("ls", note, succeed=False)  # the start has read it: it counts once
    eventually(lambda: machine.readings() > 0)


def test_it_believes_timesyncds_mark_while_it_is_fresh(machine: Machine) -> None:
    mark = "/run/systemd/timesync/synchronized"
    assert machine.status()["clock"] == "unsynced"
    machine.run("install", "-D", "/dev/null", mark)
    eventually(lambda: machine.status()["clock"] == "synced")
    machine.run("touch", "--date=4 hours ago", mark)
    eventually(lambda: machine.status()["clock"] == "unsynced")


def test_the_doctor_finds_its_keys_good_though_only_the_service_can_open_them(machine: Machine) -> None:
    findings = json.loads(machine.run(AGENT, "doctor", "--json", succeed=False))["findings"]  # no clock, no NOC here
    assert [one["told"] for one in findings if one["what"] == "keys" and one["ok"]] != []


def test_it_leaves_no_core(machine: Machine) -> None:
    assert machine.show("LimitCORE") == "0"
    with machine.journal("hub-agent") as lines:
        machine.run("systemctl", "kill", "--signal=SIGABRT", "--kill-whom=main", "hub-agent")
        died = next(line for line in lines if "Main process exited" in line)
        assert "status=6/ABRT" in died
        assert "code=killed" in died  # code=dumped would be a core
        next(line for line in lines if line.startswith("Started hub-agent.service"))


def test_the_identity_is_shown_to_the_service_alone(machine: Machine) -> None:
    path = "/run/credentials/hub-agent.service/hub-identity"
    as_user = ("setpriv", "--clear-groups", "--regid=nogroup")
    key = machine.run("cat", path)
    assert "Permission denied" in machine.run(*as_user, "--reuid=nobody", "cat", path, succeed=False)
    public = machine.run("cat", "/etc/hub-agent/identity.pub")
    private = load_pem_private_key(key.encode(), None)
    assert isinstance(private, Ed25519PrivateKey)
    assert identity.public_pem(private).decode() == public
    # and nowhere on the card in the clear
    places = ("/etc", "/opt/hub-agent", "/srv", "/var/lib/hub-agent", "/var/lib/systemd", "/var/log")
    assert machine.run("grep", "-rlF", "-e", key.splitlines()[1], *places, succeed=False) == ""
    assert machine.run("stat", "--format=%a %U", "/etc/credstore.encrypted/hub-identity") == "600 root\n"


def test_the_sandbox_refuses_what_a_hub_does_not_need(machine: Machine) -> None:
    unit = (machine.root / "etc/systemd/system/hub-agent.service").read_text()
    python = "/opt/hub-agent/venv/bin/python /srv/probe.py"
    unit = re.sub(r"^ExecStart=.*$", f"ExecStart={python}", unit, flags=re.MULTILINE)
    unit = re.sub(r"^(Type|Restart|WatchdogSec|NotifyAccess|RuntimeDirectory)=.*\n", "", unit, flags=re.MULTILINE)
    (machine.root / "etc/systemd/system/probe.service").write_text(unit.replace("[Service]", "[Service]\nType=oneshot"))
    (machine.root / "srv/probe.py").write_text((Path(__file__).parent / "probe.py").read_text())
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "start", "probe.service")
    outcomes = json.loads(machine.run("journalctl", "--unit=probe", "--output=cat", "--grep=^{"))
    assert {name for name, outcome in outcomes.items() if outcome == "done"} == ALLOWED, outcomes


def test_nothing_listens_on_the_network(machine: Machine) -> None:
    assert machine.run("ss", "--no-header", "--listening", "--tcp", "--udp", "--numeric") == ""


def test_the_control_socket_is_closed_to_others(machine: Machine) -> None:
    asked = ("setpriv", "--clear-groups", "--regid=nogroup", "--reuid=nobody", "ls", "/run/hub-agent/control.sock")
    assert "Permission denied" in machine.run(*asked, succeed=False)


def test_a_removed_hub_comes_back_with_its_identity_and_its_readings(machine: Machine) -> None:
    eventually(lambda: machine.readings() > 0)
    public, before = machine.run("cat", "/etc/hub-agent/identity.pub"), machine.status()["storage"]
    words = machine.install("--uninstall")
    assert "kept: /etc/hub-agent, /var/lib/hub-agent" in words
    assert machine.show("LoadState") == "not-found"
    assert not (machine.root / AGENT.lstrip("/")).exists()
    machine.install("--wheelhouse", "/srv/wheelhouse")
    assert machine.show("ActiveState") == "active"
    assert machine.run("cat", "/etc/hub-agent/identity.pub") == public
    after = machine.status()["storage"]
    assert after["journal"] == before["journal"]
    assert after["last_seq"] >= before["last_seq"]
