"""Whose turn it is: messages that came and wait for the store. Pure.

Owns: the order in which the store takes them, and how much it takes at once.
Never: verifies, stores or acknowledges.

A hub sends what is fresh first, but what many hubs have sent waits here in the order of its coming: a ward's alarm
behind another's three days. So alarms go alone, in a transaction that is short for it, and of the rest what is live
goes before backlog; no transaction takes more than is done in some third of a second, since whatever comes meanwhile
waits for its end. Nothing starves: behind a turn of alarms comes one of all, and since the broker hands out a bounded
number, backlog that is passed over soon makes up all that is here.
"""

from collections import deque
from typing import Final

from hub_agent.mqtt import Message

MESSAGES_MAX: Final = 512
"""Messages in one transaction."""
BYTES_MAX: Final = 64 * 1024
"""Bytes of messages in one transaction, but for the last: some 20,000 readings of a backlog, or 240 fresh batches."""

_TURNS: Final = {"alarm": 0, "keys": 0, "backlog": 2}
_OTHERS: Final = 1


class Turns:
    """Messages that wait, each behind those of its turn that came before."""

    def __init__(self) -> None:
        self._waiting: tuple[deque[Message], ...] = (deque(), deque(), deque())
        self._alarms_went = False

    def __len__(self) -> int:
        return sum(map(len, self._waiting))

    def add(self, message: Message) -> None:
        """Let a message wait; what its topic's last part says is its turn."""
        name = message.topic.rpartition("/")[2]
        self._waiting[_TURNS.get(name, _OTHERS)].append(message)

    def take(self) -> list[Message]:
        """Take those whose turn it is, as many as one transaction should hold; at least one where any waits."""
        taken: list[Message] = []
        size = 0
        self._alarms_went = bool(self._waiting[0]) and not self._alarms_went
        for queue in self._waiting[:1] if self._alarms_went else self._waiting:
            while queue and len(taken) < MESSAGES_MAX and size < BYTES_MAX:
                message = queue.popleft()
                taken.append(message)
                size += len(message.payload)
        return taken
