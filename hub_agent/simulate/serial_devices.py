"""Virtual devices on a serial line, by name: a firmware on a cable, with faults.

Owns: what happens between a firmware and the hub's port, and the faults of cable and device.
Never: knows a protocol.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Final

from hub_agent.driver import SerialLink
from hub_agent.errors import ConfigError
from hub_agent.simulate.firmware import Firmware
from hub_agent.simulate.line import Line
from hub_agent.simulate.pace import Pace
from hub_agent.simulate.physiology import Episode, Patient
from hub_agent.simulate.recorded import RecordedPatient
from hub_agent.simulate.script import Step
from hub_agent.simulate.serial_cuffs import SunTech, Ua767
from hub_agent.simulate.serial_meters import TaiDoc, UltraEasy
from hub_agent.simulate.serial_oximeters import Bci5, ContecV7, Masimo, Nonin, Pc60

TICK_S: Final = 0.05

Person = Patient | RecordedPatient


@dataclass(frozen=True, slots=True)
class Model:
    """A kind of virtual device.

    Attributes:
        title: for people.
        link: the line it wants.
        make: builds its firmware from a patient and what an honest clock says as the scene begins.
    """

    title: str
    link: SerialLink
    make: Callable[[Person, datetime], Firmware]


MODELS: Final[dict[str, Model]] = {
    "nonin": Model("Nonin Xpod or 9560, format 2 until told otherwise", SerialLink(9600), Nonin),
    "nonin-df7": Model("the same, format 7", SerialLink(9600), lambda who, began: Nonin(who, began, 7)),
    "nonin-df8": Model("the same, format 8", SerialLink(9600), lambda who, began: Nonin(who, began, 8)),
    "nonin-df13": Model("the same, format 13", SerialLink(9600), lambda who, began: Nonin(who, began, 13)),
    "contec-v7": Model("Contec CMS50D+ and kin", SerialLink(115_200), ContecV7),
    "bci5": Model("Contec CMS50D of the first generation", SerialLink(19_200, parity="O"), Bci5),
    "masimo": Model("Masimo Rad-8 or Radical-7, ASCII 1", SerialLink(9600), Masimo),
    "pc60": Model("Creative PC-60", SerialLink(115_200), Pc60),
    "suntech": Model("SunTech Advantage blood-pressure module", SerialLink(9600), SunTech),
    "ua767": Model("A&D UA-767PC blood-pressure monitor", SerialLink(9600, stopbits=2), Ua767),
    "taidoc": Model("TaiDoc TD-42xx glucose meter", SerialLink(19_200), TaiDoc),
    "ultra-easy": Model("LifeScan OneTouch Ultra Easy glucose meter", SerialLink(9600), UltraEasy),
}
"""What ``hub-agent simulate`` offers on a serial line."""


class VirtualSerial:
    """One virtual device (an ``Actor`` of fault scripts).

    Args:
        model: a key of ``MODELS``.
        link: where the hub finds the port; the same through every replug.
        patient: on whom it measures.
        began: what an honest clock says when the scene begins.
        pace: the scene's time.
        seed: of the garbage.

    Raises:
        ConfigError: there is no such model.
    """

    verbs: Final = frozenset(
        {"desaturate", "garbage", "low-battery", "measure", "nan", "silent", "unplug", "wrong-clock"}
    )

    def __init__(self, model: str, link: Path, patient: Person, began: datetime, pace: Pace, *, seed: int = 0) -> None:
        if model not in MODELS:
            raise ConfigError(f"no virtual serial device is called {model!r}", hint=f"there are {', '.join(MODELS)}")
        self._patient = patient
        self._firmware = MODELS[model].make(patient, began)
        self._pace = pace
        self._line = Line(link)
        self._silent = False
        self._noise = Random(f"garbage {seed}")  # noqa: S311 - noise, no secret
        self._line.plug()

    @property
    def emitted(self) -> int:
        """Readings that went over whole, as ``Line.emitted`` counts them; ``counts`` says what one is."""
        return self._line.emitted

    @property
    def counts(self) -> str:
        """What one reading is."""
        return self._firmware.counts

    @property
    def overrun(self) -> int:
        """Frames dropped because the hub did not read."""
        return self._line.overrun

    async def run(self) -> None:
        """Live, until cancelled."""
        while True:
            self.tick()
            await self._pace.sleep_until(self._pace.now_s() + TICK_S)

    def tick(self) -> None:
        """Hear, answer, and say what is due."""
        now_s = self._pace.now_s()
        heard = self._line.hear()
        answers = list(self._firmware.heard(heard, now_s)) if heard and not self._silent else []
        for sent in (*answers, *self._firmware.due(now_s, listening=self._line.listening and not self._silent)):
            if not self._silent:
                self._line.send(sent.data, sent.readings)

    def close(self) -> None:
        """Take it away."""
        self._line.unplug()

    def act(self, step: Step) -> None:
        """Let a fault begin or end, or something happen once."""
        condition = self._firmware.condition
        match step.verb:
            case "silent":
                self._silent = step.on
            case "unplug":
                (self._line.unplug if step.on else self._line.plug)()
            case "nan":
                condition.off = step.on
            case "low-battery":
                condition.low_battery = step.on
            case "wrong-clock":
                condition.clock_offset_s = step.arg("by") if step.on else 0.0
            case "garbage":
                self._line.send(self._noise.randbytes(int(step.arg(""))))
            case "desaturate":
                episode = Episode(step.at_s, step.arg("to"), step.arg("over"), step.arg("for"))
                self._patient.desaturate(episode)
            case "measure":
                self._firmware.measure(self._pace.now_s())
            case _:
                raise ConfigError(
                    f"a serial device cannot {step.verb}", hint=f"it can: {', '.join(sorted(self.verbs))}"
                )
