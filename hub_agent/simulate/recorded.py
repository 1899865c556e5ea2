"""Replays real people: the beats and the pulse wave of recordings, the rest from a generated patient.

Owns: the recordings in ``data/ppg.json``, and their endless repetition.
Never: changes a recorded interval.
"""

import base64
import json
from bisect import bisect_right
from functools import cache
from importlib.resources import files
from itertools import accumulate
from typing import Final, NamedTuple

from hub_agent.errors import ConfigError
from hub_agent.simulate.physiology import Episode, Patient
from hub_agent.simulate.vitals import Vitals

_BEATS_SHOWN: Final = 8


class Recording(NamedTuple):
    """One person's pulse, from a beat to a beat.

    Attributes:
        rr_ms: intervals between successive beats.
        pleth: the wave, 0 to 255, from the first beat on.
        rate_hz: samples a second.
    """

    rr_ms: tuple[int, ...]
    pleth: bytes
    rate_hz: int


@cache
def recordings() -> dict[str, Recording]:
    """Load the recordings that come with the package, by name."""
    text = (files("hub_agent.simulate") / "data" / "ppg.json").read_text(encoding="ascii")
    content = json.loads(text)
    return {
        item["name"]: Recording(tuple(item["rr_ms"]), base64.b64decode(item["pleth"]), content["rate_hz"])
        for item in content["recordings"]
    }


class RecordedPatient:
    """A patient whose heart is that of a real person (a ``PlethSource``).

    Args:
        name: of the recording.
        seed: who gives everything else.

    Raises:
        ConfigError: there is no such recording.
    """

    def __init__(self, name: str, seed: int = 0) -> None:
        known = recordings()
        if name not in known:
            raise ConfigError(f"no recording is called {name!r}", hint=f"there are {', '.join(sorted(known))}")
        self._recording = known[name]
        self._ends_ms = tuple(accumulate(self._recording.rr_ms))
        self._body = Patient(seed)

    @property
    def length_s(self) -> float:
        """How long the recording is; then it begins again."""
        return self._ends_ms[-1] / 1000

    def desaturate(self, episode: Episode) -> None:
        """Let the saturation fall; the heart stays that of the recording."""
        self._body.desaturate(episode)

    def vitals(self, at_s: float) -> Vitals:
        """Give the state at an instant: pulse and intervals as recorded, the rest generated."""
        intervals = self._intervals(at_s)
        pulse = 60_000 * len(intervals) / sum(intervals)
        return self._body.vitals(at_s)._replace(pulse=pulse, rr_ms=intervals)

    def pleth(self, at_s: float) -> float:
        """Give the recorded wave at an instant, between two samples on the line that joins them."""
        wave = self._recording.pleth
        place = (at_s % self.length_s) * self._recording.rate_hz
        index = int(place)
        here, after = wave[index % len(wave)], wave[(index + 1) % len(wave)]
        return (here + (place - index) * (after - here)) / 255

    def _intervals(self, at_s: float) -> tuple[int, ...]:
        """Give the latest intervals that were over at ``at_s``; before the first, those of the lap before."""
        rr_ms = self._recording.rr_ms
        over = bisect_right(self._ends_ms, (at_s % self.length_s) * 1000)
        return tuple(rr_ms[(over - _BEATS_SHOWN + i) % len(rr_ms)] for i in range(_BEATS_SHOWN))
