"""What the hubs must be told, gathered until it is due. Pure but for the signature.

Owns: how long a confirmation may wait for others to share its message, and how much one message holds.
Never: decides what is confirmed, reads a clock, publishes.

A confirmation of an alarm, and the question for a lost epoch, go at once; the others within a bounded time, so that a
draining hub gets one message for many batches.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hub_agent.envelope import Confirmation, merged, sign_confirmation
from hub_agent.noc.outcome import Word

PER_MESSAGE: Final = 256
"""Ranges, epochs and refusals in one message, each: some 16 KiB at the most."""


class Parcel(NamedTuple):
    """A signed confirmation, ready to be published."""

    hub: str
    message: bytes


class Confirming:
    """Gathers words and gives them back as signed messages when they are due.

    Args:
        key: the NOC's confirming key.
        within_s: how long a word that is not urgent may wait.
    """

    def __init__(self, key: Ed25519PrivateKey, within_s: float) -> None:
        self._key = key
        self._within_s = within_s
        self._words: dict[str, Word] = {}
        self._due_s: dict[str, float] = {}

    def add(self, words: Mapping[str, Word], now_s: float) -> None:
        """Take in what must be told, by hub."""
        for hub, word in words.items():
            held = self._words.setdefault(hub, Word())
            held.confirmed |= word.confirmed
            held.wanted |= word.wanted
            held.refused |= word.refused
            due_s = now_s if word.urgent or word.wanted else now_s + self._within_s
            self._due_s[hub] = min(due_s, self._due_s.get(hub, due_s))

    def next_due_s(self) -> float | None:
        """Say when the next word falls due; None while there is none."""
        return min(self._due_s.values(), default=None)

    def due(self, now_s: float, noc_ns: int, room: int) -> list[Parcel]:
        """Give what is due, signed, and forget it; the longest overdue first.

        Args:
            now_s: monotonic.
            noc_ns: the NOC's clock, nanoseconds since 1970; hubs use it for their clock's floor.
            room: how many messages may go; what one hub is told is never torn, and may exceed it.
        """
        parcels: list[Parcel] = []
        for due_s, hub in sorted((due_s, hub) for hub, due_s in self._due_s.items()):
            if due_s > now_s or len(parcels) >= room:
                break
            del self._due_s[hub]
            parcels += [
                Parcel(hub, sign_confirmation(part, self._key)) for part in _parts(hub, noc_ns, self._words.pop(hub))
            ]
        return parcels


def _parts(hub: str, noc_ns: int, word: Word) -> list[Confirmation]:
    """Cut a word into messages of bounded size."""
    confirmed, wanted = _merged(word.confirmed), sorted(word.wanted)
    refused = sorted((epoch, seq, code) for (epoch, seq), code in word.refused.items())
    longest = max(len(confirmed), len(wanted), len(refused))
    return [
        Confirmation(
            hub,
            noc_ns,
            tuple(confirmed[at : at + PER_MESSAGE]),
            tuple(wanted[at : at + PER_MESSAGE]),
            tuple(refused[at : at + PER_MESSAGE]),
        )
        for at in range(0, longest, PER_MESSAGE)
    ]


def _merged(confirmed: set[tuple[bytes, int, int]]) -> list[tuple[bytes, int, int]]:
    """Join ranges of one epoch that overlap or touch."""
    ranges: dict[bytes, list[tuple[int, int]]] = {}
    for epoch, first, last in sorted(confirmed):
        ranges.setdefault(epoch, []).append((first, last))
    return [(epoch, first, last) for epoch, its in ranges.items() for first, last in merged((), its)]
