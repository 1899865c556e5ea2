"""Virtual patients: bodies that breathe, sleep, eat, desaturate, and never stand still.

Owns: how a generated patient's vital signs move, as a pure function of a seed, a script and the time.
Never: reads a clock, keeps state beside its script, knows a device.

The heart is a phase that runs through one turn a beat. Its speed is a sum of sinusoids, so the phase, and with it every
beat of any hour, has a closed form: no patient needs to be played from its beginning. The bands are those of Task Force
ESC/NASPE, Circulation 93 (1996) 1043: very low (below 0.04 Hz), low (about 0.1 Hz, blood-pressure waves) and high (the
breath: respiratory sinus arrhythmia).
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from random import Random
from typing import Final, NamedTuple, Protocol

from hub_agent.simulate.vitals import Vitals, VitalsSource

_DAY_S: Final = 86_400.0
_HOUR_S: Final = 3_600.0
_TURN: Final = 2 * math.pi
_BEATS_SHOWN: Final = 8
_DIGESTION_S: Final = 2_700.0
_MEALS_H: Final = (7.5, 12.5, 18.5)


class PlethSource(VitalsSource, Protocol):
    """A patient whose pulse wave can be seen too."""

    def pleth(self, at_s: float) -> float:
        """Give the photoplethysmogram at ``at_s``, 0 (between pulses) to 1 (height of the pulse)."""
        ...


@dataclass(frozen=True, slots=True)
class Episode:
    """Oxygen saturation falls, stays, and comes back.

    Attributes:
        at_s: when it begins to fall.
        spo2: where it falls to, %.
        over_s: how long it falls, and later rises.
        for_s: how long it stays down, after the fall.
    """

    at_s: float
    spo2: float
    over_s: float
    for_s: float

    def depth(self, at_s: float) -> float:
        """Say how much of the fall there is: 0 not begun or over, 1 down."""
        since_s = at_s - self.at_s
        over_s = max(self.over_s, 1e-3)
        down = min(1.0, max(0.0, since_s / over_s))
        up = min(1.0, max(0.0, (since_s - over_s - self.for_s) / over_s))
        return down - up

    def area(self, at_s: float) -> float:
        """Give the integral of ``depth`` from the beginning to ``at_s``, in seconds."""
        over_s = max(self.over_s, 1e-3)
        since_s = at_s - self.at_s
        return _ramp(since_s, over_s) - _ramp(since_s - over_s - self.for_s, over_s)


def _ramp(since_s: float, over_s: float) -> float:
    """Integrate a rise from 0 to 1 over ``over_s``."""
    if since_s <= 0:
        return 0.0
    return since_s * since_s / (2 * over_s) if since_s < over_s else since_s - over_s / 2


class _Wave(NamedTuple):
    """amplitude * sin(speed * t + phase)."""

    amplitude: float
    speed: float
    phase: float

    def value(self, at_s: float) -> float:
        return self.amplitude * math.sin(self.speed * at_s + self.phase)

    def area(self, at_s: float) -> float:
        return self.amplitude * (math.cos(self.phase) - math.cos(self.speed * at_s + self.phase)) / self.speed


class Patient:
    """A generated patient (a ``PlethSource``).

    Args:
        seed: who it is: resting values and rhythms.
        script: desaturation episodes; more may be added while the scene runs.
        start_hour: the hour of the day at which the scene begins.
    """

    def __init__(self, seed: int, script: Iterable[Episode] = (), *, start_hour: float = 9.0) -> None:
        chance = Random(f"patient {seed}")  # noqa: S311 - physiology, no secret
        self._start_s = start_hour * _HOUR_S
        self._episodes = list(script)
        self._rest = chance.uniform(58, 84)
        self._spo2 = chance.uniform(95.5, 98.5)
        self._perfusion = chance.uniform(1.5, 6.0)
        self._systolic = chance.uniform(112, 142)
        self._diastolic = chance.uniform(66, 86)
        self._temperature = chance.uniform(36.4, 36.9)
        self._weight = chance.uniform(54, 96)
        self._glucose = chance.uniform(88, 118)
        self._breath = chance.uniform(12, 17)
        self._drift = tuple(_wave(chance, 1.0, period_s) for period_s in (47, 113, 290, 700))
        breath = _Wave(chance.uniform(2.0, 4.5), _TURN * self._breath / 60, chance.uniform(0, _TURN))
        self._heart = (
            breath,
            _wave(chance, chance.uniform(1.0, 2.5), 10.3),
            *(_wave(chance, chance.uniform(0.6, 1.6), period_s) for period_s in (7.9, 31, 83, 217, 641)),
            _Wave(3.0, _TURN / _DAY_S, _TURN * (start_hour - 10) / 24),  # slowest at four in the morning
        )
        self._wave_of_breath = breath

    def desaturate(self, episode: Episode) -> None:
        """Add an episode; what was before it stays as it was."""
        self._episodes.append(episode)

    def vitals(self, at_s: float) -> Vitals:
        """Give the state at an instant (see ``VitalsSource``); times before 0 are the past of the same body."""
        day = _TURN * ((self._start_s + at_s) / _DAY_S)
        hypoxia = self._hypoxia(at_s)
        drift = sum(wave.value(at_s) for wave in self._drift) / len(self._drift)
        day_wave = math.sin(day - _TURN * 10 / 24)  # highest at four in the afternoon, lowest at four in the morning
        systolic = self._systolic + 6 * day_wave + 3 * drift + 8 * hypoxia
        diastolic = self._diastolic + 4 * day_wave + 2 * drift + 4 * hypoxia
        intervals = self._intervals(at_s)
        return Vitals(
            spo2=self._saturation(at_s, drift),
            pulse=60_000 * len(intervals) / sum(intervals),
            perfusion=max(0.2, self._perfusion * (1 + 0.15 * drift - 0.4 * hypoxia)),
            systolic=systolic,
            diastolic=diastolic,
            mean=diastolic + (systolic - diastolic) / 3,
            temperature=self._temperature + 0.3 * day_wave + 0.05 * drift,
            weight=self._weight + 0.4 * day_wave,
            glucose=self._glucose + 4 * drift + self._meals(at_s),
            respiration=self._breath + 0.8 * drift + 7 * hypoxia,
            rr_ms=intervals,
        )

    def pleth(self, at_s: float) -> float:
        """Give the pulse wave: a systolic peak and, a third of a beat later, the dicrotic wave; the breath sways it."""
        beat = self._phase(at_s) % 1.0
        peak = math.exp(-(((beat - 0.22) / 0.10) ** 2))
        dicrotic = 0.38 * math.exp(-(((beat - 0.52) / 0.13) ** 2))
        sway = 0.06 * math.sin(self._wave_of_breath.speed * at_s + self._wave_of_breath.phase)
        return min(1.0, max(0.0, (0.92 + sway) * (peak + dicrotic)))

    def beats(self, after_s: float, until_s: float) -> tuple[float, ...]:
        """List the instants of the heart beats in (after_s, until_s], in order."""
        first, last = math.floor(self._phase(after_s)) + 1, math.floor(self._phase(until_s))
        return tuple(self._instant(number, until_s) for number in range(first, last + 1))

    def _rate(self, at_s: float) -> float:
        hypoxia = sum(episode.depth(at_s) for episode in self._episodes)
        return self._rest + sum(wave.value(at_s) for wave in self._heart) + 18 * hypoxia

    def _phase(self, at_s: float) -> float:
        """Count beats since the beginning: the integral of the rate."""
        hypoxia = sum(episode.area(at_s) for episode in self._episodes)
        return (self._rest * at_s + sum(wave.area(at_s) for wave in self._heart) + 18 * hypoxia) / 60

    def _instant(self, beat: int, near_s: float) -> float:
        """Find when the phase was ``beat``: Newton, on a curve that only rises."""
        at_s = near_s
        for _ in range(30):
            step_s = (self._phase(at_s) - beat) * 60 / self._rate(at_s)
            at_s -= step_s
            if abs(step_s) < 1e-7:  # noqa: PLR2004 - far below a millisecond
                break
        return at_s

    def _intervals(self, at_s: float) -> tuple[int, ...]:
        last = math.floor(self._phase(at_s))
        instants = [self._instant(beat, at_s) for beat in range(last - _BEATS_SHOWN, last + 1)]
        return tuple(round(1000 * (instants[i + 1] - instants[i])) for i in range(_BEATS_SHOWN))

    def _hypoxia(self, at_s: float) -> float:
        return min(1.0, max((episode.depth(at_s) for episode in self._episodes), default=0.0))

    def _saturation(self, at_s: float, drift: float) -> float:
        healthy = min(99.5, self._spo2 + 0.7 * drift)
        return min((healthy + (e.spo2 - healthy) * e.depth(at_s) for e in self._episodes), default=healthy)

    def _meals(self, at_s: float) -> float:
        """Give what the meals of the last day still add to the glucose, in mg/dL: fast up, slow down."""
        hour = (self._start_s + at_s) % _DAY_S / _HOUR_S
        total = 0.0
        for meal in _MEALS_H:
            since = (hour - meal) % 24 * _HOUR_S / _DIGESTION_S
            total += 42 * since * math.exp(1 - since)
        return total


def _wave(chance: Random, amplitude: float, period_s: float) -> _Wave:
    return _Wave(amplitude, _TURN / (period_s * chance.uniform(0.92, 1.08)), chance.uniform(0, _TURN))
