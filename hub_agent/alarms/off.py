"""Quantities that are not judged for a while.

Owns: what is off, and until when. Never: judges, or survives a restart: forgetting to watch is the graver fault.
"""

from collections.abc import Iterable
from dataclasses import replace

from hub_agent.alarms.limits import Limit
from hub_agent.model import Code


class Off:
    """What is off; times are monotonic nanoseconds."""

    def __init__(self) -> None:
        self._until_ns: dict[tuple[Code, str | None], int] = {}

    def begin(self, measure: Code, device: str | None, until_ns: int) -> None:
        """Stop judging a quantity, of one device or (None) of all."""
        self._until_ns[measure, device] = until_ns

    def end(self, measure: Code, device: str | None) -> bool:
        """Judge it again, of one device or (None) of all that it is off for; False when it was not off."""
        over = [one for one in self._until_ns if one[0] == measure and device in {None, one[1]}]
        for one in over:
            del self._until_ns[one]
        return bool(over)

    def of_all(self, measure: Code) -> bool:
        """Say whether a quantity is off for every device."""
        return (measure, None) in self._until_ns

    def expire(self, at_ns: int) -> bool:
        """Judge again whatever has been off long enough; False when that is nothing."""
        over = [one for one, until_ns in self._until_ns.items() if at_ns >= until_ns]
        for one in over:
            del self._until_ns[one]
        return bool(over)

    def dues(self) -> Iterable[int]:
        """Say when each ends."""
        return self._until_ns.values()

    def apply(self, limits: Iterable[Limit]) -> tuple[Limit, ...]:
        """Give the limits with those that are off disabled.

        Where a quantity is off for one device that only a general limit watches, the device gets a copy of that limit,
        disabled, which replaces it.
        """
        given = tuple(limits)
        judged = [
            replace(limit, enabled=False)
            if self._until_ns.keys() & {(limit.measure, None), (limit.measure, limit.device)}
            else limit
            for limit in given
        ]
        keys = {limit.key for limit in given}
        for measure, device in self._until_ns:
            spared = [replace(one, device=device, enabled=False) for one in given if one.measure == measure]
            judged += [one for one in spared if device is not None and one.key not in keys]
        return tuple({limit.key: limit for limit in judged}.values())
