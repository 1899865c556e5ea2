"""A real Debian system to install into: systemd-nspawn boots an overlay of this one, then throws it away.

It has no network: libraries come from a wheelhouse, so the installer's way without a network is the one tested.
"""

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

REPOSITORY: Final = Path(__file__).parents[2]
PYTHON: Final = Path("/usr/bin/python3")
AGENT: Final = "/opt/hub-agent/venv/bin/hub-agent"
_ENVIRONMENT: Final = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}

_TARGET: Final = """\
[Unit]
Description=Enough of a system for one service: none of the host's other services start
Requires=basic.target
After=basic.target
Wants=dbus.socket
"""

_CONFIG: Final = """\
[hub]
id = "hub-system-test"
[broker]
host = "127.0.0.1"
port = 1883
insecure = true
tls = "off"
[noc]
trust = "noc/noc-public.json"
[identity]
key = "credential:hub-identity"
[storage]
min_free_mib = 0
[[devices]]
name = "oximeter"
driver = "nonin-serial"
port = "/run/bench/oximeter"
"""

_VIRTUAL_OXIMETER: Final = """\
import asyncio, datetime, pathlib
from hub_agent.simulate.pace import RealPace
from hub_agent.simulate.physiology import Patient
from hub_agent.simulate.serial_devices import VirtualSerial

async def live():
    link, began = pathlib.Path("/run/bench/oximeter"), datetime.datetime.now(datetime.UTC)
    await VirtualSerial("nonin", link, Patient(7), began, RealPace()).run()

asyncio.run(live())
"""


def eventually(condition: Callable[[], object], within_s: float = 120.0) -> None:
    """Wait for another system to get there; nothing in this process could tell."""
    end_s = time.monotonic() + within_s  # noqa: TID251 - a deadline for the machine under test
    while not condition():
        assert time.monotonic() < end_s, f"not within {within_s} s"  # noqa: TID251
        time.sleep(0.1)


@dataclass(slots=True)
class Machine:
    """A booted system.

    Attributes:
        root: its file system, seen from outside.
        leader: its first process, seen from outside.
        said: what the installer said, each time that it ran.
    """

    root: Path
    leader: int = 0
    said: list[str] = field(default_factory=list)

    def _enter(self, *command: str) -> list[str]:
        return ["nsenter", f"--target={self.leader}", "-m", "-u", "-i", "-n", "-p", "-C", "--", *command]

    def run(self, *command: str, succeed: bool = True) -> str:
        """Run a command in the machine, as root; give what it printed."""
        done = subprocess.run(
            self._enter(*command), env=_ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            check=False,
        )  # fmt: skip
        assert (done.returncode == 0) is succeed, f"{command}: {done.returncode}\n{done.stdout}"
        return done.stdout

    @contextmanager
    def journal(self, unit: str) -> Iterator[Iterator[str]]:
        """Read what a unit logs, and what systemd says of it, from now on."""
        now = self.run("journalctl", "--lines=1", "--show-cursor", "--output=cat").rpartition("-- cursor: ")[2].strip()
        follow = self._enter(
            "journalctl", "--follow", "--no-tail", f"--after-cursor={now}", "--output=cat", f"--unit={unit}"
        )
        with subprocess.Popen(follow, env=_ENVIRONMENT, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            try:
                yield process.stdout
            finally:
                process.terminate()

    def install(self, *options: str) -> str:
        """Run the installer from the sources in the machine."""
        self.said.append(self.run("/srv/hub-agent/scripts/install", *options))
        return self.said[-1]

    def show(self, name: str, unit: str = "hub-agent.service") -> str:
        """Give one property of a unit."""
        return self.run("systemctl", "show", "--value", f"--property={name}", unit).strip()

    def status(self) -> dict[str, Any]:
        """Ask the hub for its state, as a technician does."""
        answer: dict[str, Any] = json.loads(self.run(AGENT, "status", "--json"))
        return answer

    def readings(self) -> int:
        """Say how many readings of the oximeter the hub's present life has taken in."""
        return int(self.status()["intake"]["stored"])


@contextmanager
def overlay(place: Path) -> Iterator[Path]:
    """Put a throw-away layer over this system's file system."""
    if subprocess.run(["stat", "-f", "-c", "%T", place], check=True, capture_output=True).stdout == b"overlayfs\n":
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", place], check=True)  # an overlay cannot be written to another
    upper, work, root = (place / name for name in ("upper", "work", "root"))
    for directory in (upper, work, root):
        directory.mkdir()
    options = f"lowerdir=/,upperdir={upper},workdir={work}"
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, root], check=True)
    try:
        yield root
    finally:
        subprocess.run(["umount", "--lazy", root], check=True)
        subprocess.run(["umount", "--lazy", "--quiet", place], check=False)
        shutil.rmtree(place)


@contextmanager
def booted(root: Path) -> Iterator[int]:
    """Boot the file system; give its first process, which nspawn tells by sd_notify (systemd-nspawn(1))."""
    told = root.parent / "notify"
    # no registration, no unit of its own: there may be no systemd outside
    command = [
        "systemd-nspawn", "--quiet", f"--directory={root}", "--private-network", "--register=no", "--keep-unit",
        "--link-journal=no", "--console=pipe", "--notify-ready=yes", "--boot", "--",
        "systemd.unified_cgroup_hierarchy=1", "systemd.unit=hub-test.target",
    ]  # fmt: skip
    environment = {**os.environ, "NOTIFY_SOCKET": str(told)}
    notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notify.bind(str(told))
    notify.settimeout(180)
    with (root.parent / "console").open("wb") as console, subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=console, stderr=console
    ) as machine:  # fmt: skip
        leader = 0
        try:
            with notify:  # no longer than that: once nobody reads it and it is full, nspawn stands still
                while True:
                    words = dict(line.split("=", 1) for line in notify.recv(4096).decode().splitlines() if "=" in line)
                    leader = int(words.get("X_NSPAWN_LEADER_PID", leader))
                    if words.get("READY") == "1":
                        break
            yield leader
        finally:
            if leader:
                os.kill(leader, 39)  # SIGRTMIN+5: systemd kills and halts at once (systemd(1))
            else:
                machine.terminate()
            machine.wait(120)


def missing() -> str:
    if os.geteuid() != 0:
        return "needs root"
    for command in ("systemd-nspawn", "nsenter", "systemd-creds"):
        if shutil.which(command) is None:
            return f"needs {command} (Debian: systemd-container)"
    if subprocess.run(["unshare", "--mount", "true"], check=False, stderr=subprocess.DEVNULL).returncode:
        return "needs the right to mount"
    enough = "import ensurepip, sys; sys.exit(sys.version_info < (3, 11))"
    if subprocess.run([PYTHON, "-c", enough], check=False, stderr=subprocess.DEVNULL).returncode:
        return "needs Debian's own Python from 3.11 on (python3-venv): the service cannot see one in a home directory"
    return ""


def furnish(root: Path) -> None:
    """Put the sources, the libraries and a minimal target into a machine that is not booted yet."""
    (root / "etc/systemd/system/hub-test.target").write_text(_TARGET)
    (root / "etc/machine-id").write_text(os.urandom(16).hex() + "\n")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY, check=True, capture_output=True, text=True,
    )  # fmt: skip
    for name in listed.stdout.split("\0"):
        if name and not name.startswith("tests/") and (REPOSITORY / name).is_file():
            (root / "srv/hub-agent" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, root / "srv/hub-agent" / name)
    version = subprocess.run([PYTHON, "--version"], check=True, capture_output=True, text=True).stdout.split()[1]
    target = ("--python", version.rpartition(".")[0])
    subprocess.run([REPOSITORY / "scripts/wheelhouse", root / "srv/wheelhouse", *target], check=True)


def configure(machine: Machine) -> None:
    """Do what the installer asks the technician to do."""
    settings = machine.root / "etc/hub-agent"
    keys = "from hub_agent.noc.keyring import keygen; from pathlib import Path; keygen(Path('/srv/keys'))"
    machine.run("/opt/hub-agent/venv/bin/python", "-c", keys)
    machine.run("install", "-D", "-m", "0644", "/srv/keys/noc-public.json", "/etc/hub-agent/noc/noc-public.json")
    (settings / "hub-agent.toml").write_text(_CONFIG)
    machine.run(AGENT, "check")
    # the pseudo-terminal belongs to who makes it: the hub's user may then open it
    (machine.root / "srv/oximeter.py").write_text(_VIRTUAL_OXIMETER)
    machine.run(
        "systemd-run", "--unit=virtual-oximeter", "--uid=hub-agent", "--property=RuntimeDirectory=bench",
        "/opt/hub-agent/venv/bin/python", "/srv/oximeter.py",
    )  # fmt: skip
    # the unit's own limit would make one test last half a minute
    drop_in = machine.root / "etc/systemd/system/hub-agent.service.d/test.conf"
    drop_in.parent.mkdir()
    drop_in.write_text("[Service]\nWatchdogSec=10\nRestartSec=0.2\n")
    machine.run("systemctl", "daemon-reload")
