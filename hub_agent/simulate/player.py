"""Plays a fault script to the scene's devices.

Owns: waiting for each step's time and telling the device.
Never: knows what a step means.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from hub_agent.simulate.pace import Pace
from hub_agent.simulate.script import Event, Step, steps
from hub_agent.simulate.script_parser import Mistake, ScriptError


class Actor(Protocol):
    """Whatever a script can be played to: a virtual device, on whatever link."""

    @property
    def verbs(self) -> frozenset[str]:
        """What can happen to it (keys of ``hub_agent.simulate.script.VERBS``)."""
        ...

    def act(self, step: Step) -> None:
        """Let it happen now."""
        ...


def check(events: Sequence[Event], actors: Mapping[str, Actor]) -> None:
    """See that each event's device is there and knows what to do.

    Raises:
        ScriptError: with the line of each that does not.
    """
    mistakes = []
    for event in events:
        actor = actors.get(event.device)
        if actor is None:
            known = ", ".join(sorted(actors)) or "none"
            mistakes.append(Mistake(event.line, 1, f"no device is called {event.device!r}", f"there are: {known}"))
        elif event.verb not in actor.verbs:
            can = ", ".join(sorted(actor.verbs))
            mistakes.append(Mistake(event.line, 1, f"{event.device} cannot {event.verb}", f"it can: {can}"))
    if mistakes:
        raise ScriptError(mistakes)


async def play(events: Sequence[Event], actors: Mapping[str, Actor], pace: Pace) -> None:
    """Let everything happen at its time; returns after the last step, never if something is repeated.

    Raises:
        ScriptError: a device is not there or cannot do what the script says; nothing has happened then.
    """
    check(events, actors)
    for step in steps(events):
        await pace.sleep_until(step.at_s)
        actors[step.device].act(step)
