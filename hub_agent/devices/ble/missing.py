"""Whoever is awaited and not heard while others may be: when that is worth a step, and which.

Owns: how long each has been awaited in vain, whose connect was given up, what was done and whom it brought back. Pure:
time is an argument.
Never: performs a step.

One silent device is nearly always a true silence: it is off, or away. It may also be hidden by what lies below, and no
other device's advertisement tells:

- By a Bluetooth service that keeps it to itself. Scanning afresh shows it again, and costs the others next to nothing.
- By a link that nobody knows of. When a device answers a connection request in the very moment in which it is given up,
  Linux drops the completion, is refused the cancellation ("Opcode 0x200e failed: -16" in the kernel's log), and forgets
  a link that the controller has: the device stays linked and advertises no more (seen on 6.12.95 with BlueZ 5.66;
  net/bluetooth: ``le_conn_complete_evt``, ``hci_abort_conn_sync``). No call of BlueZ ends such a link. Switching the
  adapter off and on does, because that resets the controller; so does the device's own going away.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Final

from hub_agent.devices.ble.ladder import Step

_PATIENCE: Final = 2
"""So many times the patience passes before a link that nobody knows of is suspected: scanning afresh comes first."""
_LINKED_PATIENCE: Final = 3
"""The same while another device is linked, whose link the power cycle cuts for some seconds: once an hour at
the most, and the hidden one would stay hidden."""
_SOON_S: Final = 15.0
"""Whoever is heard so soon after a step was brought back by it; a device whose link was ended notices within 6 s."""
_ECHO_S: Final = 10.0
"""Whoever is heard so soon after a connect was given up may be linked since: Linux cancels later than BlueZ says, by
over a second on a slow machine, and what was heard before takes its time to arrive."""


@dataclass(slots=True)
class _Search:
    since_s: float
    due_at_s: float
    steps: int = 0
    step: Step | None = None
    stepped_at_s: float = float("-inf")


class Missing:
    """Keeps a search for everybody who is awaited, each with a pace that falls.

    Args:
        patience_s: how long a silence is taken for what it is, at first; the pause doubles with each step.
        rest_s: the longest pause; also the shortest between two power cycles.
        heard_at_s: tells when an address was heard last, minus infinity for never.
    """

    def __init__(self, patience_s: float, rest_s: float, heard_at_s: Callable[[str], float]) -> None:
        self._patience_s = patience_s
        self._rest_s = rest_s
        self._heard_at_s = heard_at_s
        self._searches: dict[str, _Search] = {}
        self._given_up_at_s: dict[str, float] = {}
        self._rested_at_s = float("-inf")

    def gave_up(self, address: str, at_s: float) -> None:
        """Take note that a connect to ``address`` came to nothing at ``at_s``."""
        self._given_up_at_s[address] = at_s

    def reached(self, address: str) -> None:
        """Take note of a link to ``address`` that is known."""
        self._given_up_at_s.pop(address, None)

    def over(self, awaited: Collection[str]) -> Iterator[tuple[str, Step]]:
        """End the searches for whom was heard or is awaited no longer; give those whom the last step brought back."""
        for address, search in tuple(self._searches.items()):
            heard_at_s = self._heard_at_s(address)
            if heard_at_s <= search.since_s and address in awaited:
                continue
            del self._searches[address]
            soon = search.stepped_at_s < heard_at_s <= search.stepped_at_s + _SOON_S
            if search.step is not None and soon:
                yield address, search.step

    def next(self, at_s: float, awaited: Collection[str], *, links: int) -> Step | None:
        """Say what to do at ``at_s`` about those who are awaited, with ``links`` live links; None is nothing yet."""
        searches = {
            address: self._searches.setdefault(address, _Search(at_s, at_s + self._patience_s)) for address in awaited
        }
        patience_s = self._patience_s * (_LINKED_PATIENCE if links else _PATIENCE)
        if at_s >= self._rested_at_s and any(
            self._given_up(address) and at_s - search.since_s >= patience_s for address, search in searches.items()
        ):
            return Step.POWER_CYCLE
        return Step.RESCAN if any(at_s >= search.due_at_s for search in searches.values()) else None

    def _given_up(self, address: str) -> bool:
        given_up_at_s = self._given_up_at_s.get(address)
        return given_up_at_s is not None and self._heard_at_s(address) <= given_up_at_s + _ECHO_S

    def took(self, step: Step, at_s: float, *, done: bool = True) -> None:
        """Take note that a step was taken, or could not be: it was one for everybody who is searched for."""
        for search in self._searches.values():
            search.due_at_s = at_s + min(self._patience_s * 2.0**search.steps, self._rest_s)
            search.steps = min(search.steps + 1, 16)  # far beyond any pause, and no overflow in a year
            search.step, search.stepped_at_s = step, at_s
        if step is Step.POWER_CYCLE:
            self._rested_at_s = at_s + self._rest_s
            if done:
                self.reset(at_s)

    def reset(self, at_s: float) -> None:
        """Take note that the controller was reset, for whatever reason: no link is left that nobody knows of."""
        self._given_up_at_s.clear()
        self._rested_at_s = at_s + self._rest_s
