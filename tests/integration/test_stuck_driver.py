"""A driver that computes for ever, in somebody else's package: it costs its own device, and the others go on.

The daemon and the collector are processes, the broker is mosquitto; this test plays systemd, with a short watchdog.
"""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from hub_agent.control import ask_status
from tests.broker import Broker
from tests.integration.site import PATIENCE_S, Daemon, Life, Site, device, noc_options, oximeters, tls_site

pytestmark = [pytest.mark.broker, pytest.mark.slow]

WATCHDOG_S = 8.0
# What backtracks for ever holds Python's lock all the while: no other thread of the process runs.
_DRIVER = """
import re
from hub_agent.driver import SERIAL, DecodeOnly, Driver, SerialLink
from hub_agent.nomenclature import SPO2

def decode(data):
    re.match(r"(x|x)*$", "x" * 64 + "y")

def session(options):
    return DecodeOnly({SERIAL: decode})

DRIVER = Driver("acme-stuck", "Acme Stuck", SerialLink(9600), frozenset({SPO2}), session)
"""


def _install(here: Path) -> Path:
    """Install a distribution with one driver, as pip would leave it."""
    target = here / "site"
    about = target / "acme_stuck-1.0.dist-info"
    about.mkdir(parents=True)
    (target / "acme_stuck.py").write_text(_DRIVER)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-stuck\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[hub_agent.drivers]\nacme-stuck = acme_stuck:DRIVER\n")
    return target


class _Systemd:
    """Hears what the daemon says of itself, and ends one that falls silent."""

    def __init__(self, site: Site, heard: socket.socket, packages: Path) -> None:
        self._site = site
        self._heard = heard
        self._around = Life(
            environment={
                "NOTIFY_SOCKET": str(heard.getsockname()),
                "WATCHDOG_USEC": str(round(WATCHDOG_S * 1e6)),
                "PYTHONPATH": str(packages),
            }
        )

    @asynccontextmanager
    async def started(self) -> AsyncIterator[Daemon]:
        async with self._site.daemon(self._around) as daemon:
            async with asyncio.timeout(PATIENCE_S):
                while await self._word() != b"READY=1":
                    pass
            yield daemon

    async def _word(self) -> bytes:
        return await asyncio.get_running_loop().sock_recv(self._heard, 100)

    async def until_it_hangs(self, daemon: Daemon) -> None:
        """Hear its words until there is none in time; then end it as systemd does."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    async with asyncio.timeout(WATCHDOG_S):
                        await self._word()
                except TimeoutError:
                    break
        assert daemon.process.returncode is None
        daemon.process.send_signal(signal.SIGABRT)
        assert await daemon.process.wait() == -signal.SIGABRT


@asynccontextmanager
async def _systemd(site: Site) -> AsyncIterator[_Systemd]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(str(site.here / "notify"))
        heard.setblocking(False)
        yield _Systemd(site, heard, _install(site.here))


def _told(site: Site) -> list[tuple[str, int, bool]]:
    events = [event for event in site.events("technical") if event["code"] == "driver_stuck"]
    return [(event["device"], event["deaths"], event["parked"]) for event in events]


@pytest.mark.timeout(600)
async def test_it_is_parked_after_two_deaths_and_the_other_device_goes_on(broker: Broker, tmp_path: Path) -> None:
    good, bad = tmp_path / "bed-1", tmp_path / "bed-2"
    more = device("bed-1", good, form=2) + f'[[devices]]\nname = "bed-2"\ndriver = "acme-stuck"\nport = "{bad}"\n'
    site = tls_site(tmp_path, broker, broker.port, more)
    async with oximeters([good, bad]), site.collecting(*noc_options(broker)), _systemd(site) as systemd:
        for _ in range(2):
            async with systemd.started() as daemon:
                await systemd.until_it_hangs(daemon)
                assert b"in decode" in daemon.said  # where it hung is in the journal
        async with systemd.started() as daemon:
            before = sum(site.charted().values())
            await site.until(lambda: sum(site.charted().values()) >= before + 5)
            devices = (await ask_status(tmp_path / "run"))["devices"]
            assert (devices["bed-1"]["state"], devices["bed-2"]["state"]) == ("connected", "parked")
            assert "died 2 times" in devices["bed-2"]["why"]
            await site.until(lambda: ("bed-2", 2, True) in _told(site))
            assert set(_told(site)) == {("bed-2", 1, False), ("bed-2", 2, True)}
            alarms = [(event["condition"], event["device"], event["presence"]) for event in site.events("alarm")]
            assert ("driver_stuck", "bed-2", "on") in alarms
            await site.send("agent.restart")  # which tries every device again
            assert await asyncio.wait_for(daemon.process.wait(), PATIENCE_S) == 75
        async with systemd.started() as daemon:
            await systemd.until_it_hangs(daemon)
