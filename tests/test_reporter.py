"""What the reporter makes of findings: sealed events, durable where somebody relies on it, and alarms."""

from pathlib import Path

from hub_agent.commands.record import CommandResult, SecurityEvent, State
from hub_agent.commands.refusal import Refusal
from hub_agent.gaps import Gaps
from hub_agent.reporter import Reporter
from tests.rooms import Room, a_room
from tests.test_intake import _running
from tests.virtual import LoopClock, virtual_time


def _reporter(room: Room) -> Reporter:
    reporter = Reporter(room.book, Gaps({}, room.clock.stamp()), room.clock, "5e" * 16)
    reporter.taker = room.intake
    return reporter


@virtual_time
async def test_an_answer_and_a_security_event_are_durable_when_they_are_taken(tmp_path: Path) -> None:
    async with a_room(tmp_path / "o.db", LoopClock()) as room, _running(room):
        reporter = _reporter(room)
        await reporter.result(CommandResult("j", "ping", State.DONE, {}))
        assert [event.kind for event in room.events()] == ["result"]
        await reporter.security(SecurityEvent(Refusal.EXPIRED))
        assert [event.kind for event in room.events()] == ["result", "security"]
