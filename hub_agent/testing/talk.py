"""A session to talk to: what a device says goes in, what the hub would send comes out, and time passes by the way.

Owns: the calls of a session and when they come: ``silent`` when the last ``Wait`` has run out, as in the hub.
Never: decodes, or opens a device.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from hub_agent.driver import SERIAL, Action, Chunk, Driver, Emit, Moment, Rejected, SerialLink, Wait, Warn, Write
from hub_agent.model import Reading
from hub_agent.testing.rules import check_action, hold

__all__ = ["Talk"]


class Talk:
    """A dialogue with a driver, for tests. Each call gives the bytes that the driver sends because of it.

    Every action is held to the contract; a breach raises AssertionError.

    Args:
        driver: its session is made and opened at once, at 0 s.
        options: of the device.
        local: the home's wall clock at 0 s, naive; it goes on with the talk. None: the hub does not know the time.
        offset_min: of ``local`` from UTC.

    Attributes:
        actions: all that the driver did in the last call.
        now_s: how long the talk has lasted.
        local: see above; may be set, as when the hub gets to know the time.
        wait_s: the ``Wait`` that runs; None where none does.
    """

    def __init__(
        self,
        driver: Driver,
        options: Mapping[str, Any] | None = None,
        *,
        local: datetime | None = None,
        offset_min: int = 0,
    ) -> None:
        self._driver = driver
        self._channel = SERIAL if isinstance(driver.link, SerialLink) else driver.link.notify[0]
        self._offset_min = offset_min
        self._silent_at_s = float("inf")
        self.actions: list[Action] = []
        self.now_s = 0.0
        self.local = local
        self.wait_s: float | None = None
        self._session = driver.session(driver.example if options is None else options)
        self._take(self._session.opened(self._moment()))

    def hear(self, *chunks: bytes, channel: str = "", after_s: float = 0.0) -> list[bytes]:
        """Let bytes come in, chunk by chunk; by default on the first channel that is subscribed to.

        Args:
            chunks: what comes.
            channel: where.
            after_s: the silence before each.
        """
        self.actions = []
        for data in chunks:
            self._pass(after_s)
            self._wait_anew()
            self._take(self._session.received(Chunk(channel or self._channel, data, self._moment())))
        return self.sent

    def rest(self, seconds: float) -> list[bytes]:
        """Let time pass in which nothing comes."""
        self.actions = []
        self._pass(seconds)
        return self.sent

    def command(self, name: str) -> list[bytes]:
        """Give one of the driver's commands."""
        self.actions = []
        self._take(self._session.command(name, self._moment()))
        return self.sent

    @property
    def sent(self) -> list[bytes]:
        """What was written in the last call."""
        return [action.data for action in self.actions if isinstance(action, Write)]

    @property
    def readings(self) -> list[Reading]:
        """What was read in the last call."""
        return [action.reading for action in self.actions if isinstance(action, Emit)]

    @property
    def warned(self) -> list[str]:
        """What was warned of in the last call."""
        return [action.code for action in self.actions if isinstance(action, Warn)]

    @property
    def rejected(self) -> list[str]:
        """Why bytes were rejected in the last call."""
        return [action.reason for action in self.actions if isinstance(action, Rejected)]

    def _moment(self) -> Moment:
        local = None if self.local is None else self.local + timedelta(seconds=self.now_s)
        return Moment(self.now_s, local, self._offset_min)

    def _pass(self, seconds: float) -> None:
        hold(seconds >= 0, "time does not go back")
        until_s = self.now_s + seconds
        while self._silent_at_s <= until_s:
            self.now_s, self.wait_s = self._silent_at_s, None
            self._wait_anew()
            self._take(self._session.silent(self._moment()))
        self.now_s = until_s

    def _wait_anew(self) -> None:
        self._silent_at_s = float("inf") if self.wait_s is None else self.now_s + self.wait_s

    def _take(self, actions: Iterable[Action]) -> None:
        for action in actions:
            check_action(self._driver, action)
            self.actions.append(action)
            if isinstance(action, Wait):
                self.wait_s = action.seconds
                self._wait_anew()
