"""What came of messages: what to tell their hubs, what was charted, what is wrong.

Owns: how the outcomes of several messages become one. Never: stores or sends.
"""

from dataclasses import dataclass, field

from hub_agent.noc.hubs import Hub
from hub_agent.noc.lines import Charted, Fault


@dataclass(slots=True)
class Word:
    """What one hub must be told.

    Attributes:
        confirmed: ranges (epoch of the last, first, last) of charted numbers.
        wanted: epochs whose record is not here.
        refused: (epoch, number) → code.
        urgent: whether an alarm is among what is confirmed.
    """

    confirmed: set[tuple[bytes, int, int]] = field(default_factory=set)
    wanted: set[bytes] = field(default_factory=set)
    refused: dict[tuple[bytes, int], str] = field(default_factory=dict)
    urgent: bool = False


@dataclass(slots=True)
class Outcome:
    """What came of some messages, all of it durable.

    Attributes:
        words: hub → what to tell it.
        charted: the new items, in the order of charting.
        faults: the new faults.
    """

    words: dict[str, Word] = field(default_factory=dict)
    charted: list[Charted] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    def add(self, later: "Outcome") -> None:
        """Add what came of the next message."""
        for hub, word in later.words.items():
            known = self.words.setdefault(hub, Word())
            known.confirmed |= word.confirmed
            known.wanted |= word.wanted
            known.refused |= word.refused
            known.urgent |= word.urgent
        self.charted += later.charted
        self.faults += later.faults

    def word(self, hub: Hub) -> Word:
        """Give the word for a hub, beginning it where there is none."""
        return self.words.setdefault(hub.name, Word())
