"""What came of messages: what to tell their hubs, what was charted, what is wrong.

Owns: how the outcomes of several messages become one. Never: stores or sends.
"""

from dataclasses import dataclass, field

from hub_agent.noc.hubs import Hub
from hub_agent.noc.lines import Charted, Fault


@dataclass(slots=True)
class Word:
    """What one journal's hub must be told.

    Attributes:
        confirmed: ranges of charted numbers.
        wanted: epochs whose record is not here.
        refused: number → code.
        urgent: whether an alarm is among what is confirmed.
    """

    confirmed: set[tuple[int, int]] = field(default_factory=set)
    wanted: set[bytes] = field(default_factory=set)
    refused: dict[int, str] = field(default_factory=dict)
    urgent: bool = False


@dataclass(slots=True)
class Outcome:
    """What came of some messages, all of it durable.

    Attributes:
        words: (hub, journal) → what to tell.
        charted: the new items, in the order of charting.
        faults: the new faults.
    """

    words: dict[tuple[str, bytes], Word] = field(default_factory=dict)
    charted: list[Charted] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    def add(self, later: "Outcome") -> None:
        """Add what came of the next message."""
        for place, word in later.words.items():
            known = self.words.setdefault(place, Word())
            known.confirmed |= word.confirmed
            known.wanted |= word.wanted
            known.refused |= word.refused
            known.urgent |= word.urgent
        self.charted += later.charted
        self.faults += later.faults

    def word(self, hub: Hub, journal: bytes) -> Word:
        """Give the word for a journal, beginning it where there is none."""
        return self.words.setdefault((hub.name, journal), Word())
