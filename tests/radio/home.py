"""One home on the air: two bonded oximeters and a cuff that remember what they gave, and the hub that reads them.

The hub, the broker and the collector are processes of their own; the devices are behind a controller in ``/dev/vhci``.
"""

import asyncio
import struct
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bumble.transport import open_transport

from hub_agent.control import ask_status
from hub_agent.nomenclature import BATTERY, PULSE_RATE_OXIMETER, SYSTOLIC
from hub_agent.simulate.ble_devices import Cuff, PulseOximeter
from hub_agent.simulate.radio.air import Air, adapter
from hub_agent.simulate.vitals import Vitals
from tests.broker import Broker
from tests.integration.site import Daemon, Site, noc_options, tls_site

PATIENCE_S: Final = 300.0
"""Far more than it takes, for machines without hardware whose host is busy."""
_FIRST: Final = 40
"""What the patient's pulse is at first."""
_CONTINUOUS: Final = "2A5F"
_KINDS: Final = ("technical", "gap", "alarm")
_TELLING: Final = {PULSE_RATE_OXIMETER, SYSTOLIC}

_CONFIG: Final = """
[[devices]]
name = "oximeter-1"
driver = "gatt-pulse-oximeter"
address = "F0:00:00:00:01:01"
cadence_s = 1

[[devices]]
name = "oximeter-2"
driver = "gatt-pulse-oximeter"
address = "F0:00:00:00:01:02"
cadence_s = 1

[[devices]]
name = "cuff"
driver = "gatt-blood-pressure"
address = "F0:00:00:00:01:03"
"""


class Counting:
    """A patient whose pulse tells the seconds, so that no reading is like another."""

    def vitals(self, at_s: float) -> Vitals:
        """One more each second."""
        now = float(_FIRST + round(at_s))
        return Vitals(97.0, now, 4.2, now, now - 20, now - 10, 36.6, 70.5, 104.0, 16.0, (830,))


class Oximeter(PulseOximeter):
    """Keeps what reached the hub's radio: pulse → when."""

    def __init__(self, air: Air, address: str, now_s: Callable[[], float]) -> None:
        self.sent: dict[int, float] = {}
        super().__init__(air, address, Counting(), now_s)

    async def notify(self, channel: str, value: bytes, *, readings: int = 1) -> None:
        """Send, and keep it where it counts."""
        before = self.emitted
        await super().notify(channel, value, readings=readings)
        if channel == _CONTINUOUS and self.emitted > before:
            self.sent[struct.unpack_from("<H", value, 3)[0]] = self.now_s()


@dataclass(frozen=True, slots=True)
class Accident:
    """What happened, when it began and was over, and how many events the NOC had of each kind before."""

    name: str
    began_s: float
    over_s: float
    before: dict[str, int]


@dataclass
class Home:
    """The devices, and the site of hub and NOC."""

    site: Site
    hub: Daemon
    oximeters: list[Oximeter]
    cuff: Cuff
    began_s: float
    accidents: list[Accident] = field(default_factory=list)

    def now_s(self) -> float:
        """Seconds since the devices live."""
        return asyncio.get_running_loop().time() - self.began_s

    def charted(self) -> Counter[str]:
        """Count the readings at the NOC by device."""
        return Counter(seen.device for seen in self.site.charted().elements())

    async def heard(self, more: int = 3) -> None:
        """Wait until the NOC charted so many more readings of both oximeters."""
        wanted = self.charted()
        for name in ("oximeter-1", "oximeter-2"):
            wanted[name] += more
        await self.until(lambda: self.charted() >= wanted)

    async def until(self, condition: Callable[[], object]) -> None:
        """Look once a second until something is so: what one looks at belongs to other processes."""
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                assert self.hub.process.returncode is None, "the hub ended"
                await asyncio.sleep(1.0)

    async def suffers(self, name: str, accident: Awaitable[None]) -> None:
        """Let an accident happen, and wait until all is well again."""
        before = {kind: len(self.site.events(kind)) for kind in _KINDS}
        began_s = self.now_s()
        await accident
        await self.heard()
        self.accidents.append(Accident(name, began_s, self.now_s(), before))
        print(f"home: {self.now_s():.0f} s: well after {name}")  # noqa: T201 - for whoever waits

    def told(self, accident: Accident) -> list[str]:
        """Say what the NOC heard from the beginning of an accident to that of the next."""
        later = [one.before for one in self.accidents if one.began_s > accident.began_s]
        said = []
        for kind in _KINDS:
            events = self.site.events(kind)[accident.before[kind] : later[0][kind] if later else None]
            said += [_spell(kind, fields) for fields in events]
        return list(dict.fromkeys(said))

    def taken(self, device: str) -> tuple[list[int], int]:
        """Give what the NOC charted of a device: pulses or systolic pressures in order, and how many battery levels."""
        values, levels = [], 0
        for measurements in self.site.measurements(device):
            if measurements[0][0] == BATTERY:
                levels += 1
            else:
                values.append(round(float(next(one[2] for one in measurements if one[0] in _TELLING))))
        return values, levels

    async def status(self) -> dict[str, Any]:
        """Ask the running hub."""
        return dict(await ask_status(self.site.here / "run"))


def _spell(kind: str, fields: dict[str, Any]) -> str:
    device = f" {fields['device']}" if fields.get("device") else ""
    if kind == "gap":
        return f"gap {fields['why']}{device} {'open' if fields['to'] is None else 'closed'}"
    if kind == "alarm":
        return f"alarm {fields['condition']}{device} {fields['presence']}"
    return f"{fields['code']}{device}"


@asynccontextmanager
async def living(here: Path, broker: Broker) -> AsyncIterator[Home]:
    """Let everybody live while the context is open."""
    began_s = asyncio.get_running_loop().time()

    def now_s() -> float:
        return asyncio.get_running_loop().time() - began_s

    site = tls_site(here, broker, broker.port, _CONFIG)
    async with await open_transport("vhci") as transport, site.collecting(*noc_options(broker)):
        air = Air()
        adapter(air, transport.source, transport.sink)
        oximeters = [Oximeter(air, f"F0:00:00:00:01:{n:02X}", now_s) for n in (1, 2)]
        cuff = Cuff(air, "F0:00:00:00:01:03", Counting(), now_s)
        async with site.daemon() as hub, asyncio.TaskGroup() as tasks:
            for device in (*oximeters, cuff):
                await device.power_on()
            lives = [tasks.create_task(device.run()) for device in (*oximeters, cuff)]
            try:
                yield Home(site, hub, oximeters, cuff, began_s)
            except BaseException:
                print(hub.said.decode())  # noqa: T201 - shown when the test fails
                raise
            finally:
                for life in lives:
                    life.cancel()
