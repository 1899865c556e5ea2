"""Records what a driver's sessions live through, as a capture.

Owns: the place between a runner and a session, and which line of a capture each call becomes.
Never: changes what a session is told or what it answers; says what the file looks like (``captures`` does).

A call that raises is in the capture too: the line that breaks a driver is the one worth keeping.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta, timezone
from typing import Any, TextIO

from hub_agent.captures import Frame, Head, Line, Turn, head_text, line_text, plain
from hub_agent.captures.lines import Event
from hub_agent.driver import Action, Chunk, Driver, Emit, Moment, Session, Write

Tell = Callable[[Line, Sequence[Action]], None]
"""Is told each line as it happens, with what the session did about it."""


class Recorder:
    """Makes a driver whose sessions are recorded.

    Args:
        driver: to be recorded.
        options: of the device, for the capture's head.
        source: what the capture says of the device.
        tell: for a screen.
        file: where the capture goes, a line at a time; None for nowhere. The caller opens and closes it.
    """

    def __init__(
        self, driver: Driver, options: Mapping[str, Any], source: str, *, tell: Tell, file: TextIO | None = None
    ) -> None:
        self._head = Head(driver.name, source, options=options)
        self._session = driver.session
        self._tell = tell
        self._file = file
        self._began_s: float | None = None
        self._at_s = 0.0
        self.driver = replace(driver, session=self._recorded)

    def turned(self, event: Event, moment: Moment) -> None:
        """Record that the link came or went."""
        self.note(Turn(self.at_s(moment), event), ())

    def at_s(self, moment: Moment) -> float:
        """Give the time since the capture began; a chunk that waited for its turn does not go back in time."""
        if self._began_s is None:
            self._began_s = moment.monotonic_s
            if self._file is not None:
                zone = timezone(timedelta(minutes=moment.offset_min))
                local = None if moment.local is None else moment.local.replace(tzinfo=zone)
                self._file.write(head_text(replace(self._head, local=local)))
        self._at_s = max(self._at_s, moment.monotonic_s - self._began_s)
        return self._at_s

    def note(self, line: Line, actions: Sequence[Action]) -> None:
        """Record a line, and what the session sent because of it."""
        readings = tuple(plain(action.reading) for action in actions if isinstance(action, Emit))
        sent = [Frame(line.at_s, action.channel, action.data, "out") for action in actions if isinstance(action, Write)]
        if self._file is not None:
            self._file.write("".join(map(line_text, (line._replace(readings=readings), *sent))))
            self._file.flush()
        self._tell(line, actions)
        for frame in sent:
            self._tell(frame, ())

    def _recorded(self, options: Mapping[str, Any]) -> Session:
        return _RecordedSession(self._session(options), self)


class _RecordedSession:
    """A session that is listened to."""

    def __init__(self, inner: Session, recorder: Recorder) -> None:
        self._inner = inner
        self._recorder = recorder

    def opened(self, moment: Moment) -> Iterable[Action]:
        return self._record(Turn(self._recorder.at_s(moment), "opened"), lambda: self._inner.opened(moment))

    def received(self, chunk: Chunk) -> Iterable[Action]:
        frame = Frame(self._recorder.at_s(chunk.moment), chunk.channel, chunk.data)
        return self._record(frame, lambda: self._inner.received(chunk))

    def silent(self, moment: Moment) -> Iterable[Action]:
        return self._record(Turn(self._recorder.at_s(moment), "silent"), lambda: self._inner.silent(moment))

    def command(self, name: str, moment: Moment) -> Iterable[Action]:
        turn = Turn(self._recorder.at_s(moment), "command", name)
        return self._record(turn, lambda: self._inner.command(name, moment))

    def _record(self, line: Line, call: Callable[[], Iterable[Action]]) -> Sequence[Action]:
        actions: Sequence[Action] = ()
        try:
            actions = tuple(call())
        finally:
            self._recorder.note(line, actions)
        return actions
