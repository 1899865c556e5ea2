"""What the reporter makes of findings: sealed events, durable where somebody relies on it, and alarms."""

import asyncio
from pathlib import Path

import pytest

from hub_agent.alarms.alarm import Presence
from hub_agent.alarms.limits import Priority
from hub_agent.commands.record import CommandResult, SecurityEvent, State
from hub_agent.commands.refusal import Refusal
from hub_agent.gaps import Expected, Gaps
from hub_agent.outbox.recovery import Damage
from hub_agent.reporter import Reporter
from tests.rooms import Room, a_room
from tests.test_intake import _running
from tests.virtual import LoopClock, virtual_time


def _reporter(room: Room) -> Reporter:
    reporter = Reporter(room.book, Gaps({}, room.clock.stamp()), room.clock)
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
        await reporter.security(SecurityEvent(Refusal.RATE_LIMITED, times=40))
        assert reporter.security_events == 41


@virtual_time
@pytest.mark.parametrize("kept", [b"{", b'{"form": 2}', b"[]"])
async def test_alarms_that_cannot_be_taken_up_keep_no_hub_from_watching(tmp_path: Path, kept: bytes) -> None:
    async with a_room(tmp_path / "o.db", LoopClock()) as room, _running(room):
        reporter = _reporter(room)
        reporter.alarms_kept(kept)
        await reporter.taker.keep_state()
        technical, alarm, *_ = room.events()
        assert (technical.kind, technical.fields["code"]) == ("technical", "alarm_state_lost")
        assert (alarm.kind, alarm.fields["condition"]) == ("alarm", "storage_corrupt")


@virtual_time
async def test_the_gap_of_the_hub_ends_where_the_silence_of_its_devices_begins(tmp_path: Path) -> None:
    async with a_room(tmp_path / "o.db", LoopClock()) as room, _running(room):
        gaps = Gaps({"oximeter": Expected(60.0, "unplugged")}, room.clock.stamp())
        reporter = Reporter(room.book, gaps, room.clock)
        reporter.taker = room.intake
        await asyncio.sleep(0.04)  # opening what was left behind takes its time
        reporter.hub_was_off(room.clock.stamp()._replace(boot="b006" * 4))
        await asyncio.sleep(61.0)
        reporter.turn(room.clock.stamp())
        await reporter.taker.keep_state()
        off, silent, *_ = (event.fields for event in room.events() if event.kind == "gap")
        assert (off["why"], silent["why"]) == ("hub_off", "unplugged")
        assert off["to"] == silent["from"]


@virtual_time
@pytest.mark.parametrize("code", Refusal)
async def test_what_means_an_attack_is_an_alarm_that_waits_for_somebody(tmp_path: Path, code: Refusal) -> None:
    attacks = {"retained", "unknown_key", "bad_algorithm", "bad_signature", "wrong_audience", "jti_reused"}
    attacks |= {"issuer_mismatch", "role_denied", "replayed"}
    async with a_room(tmp_path / "o.db", LoopClock()) as room, _running(room):
        reporter = _reporter(room)
        for _ in range(5):
            await reporter.security(SecurityEvent(code))
        alarms = [(alarm.condition.code, alarm.condition.priority, alarm.presence) for alarm in room.book.alarms()]
        assert alarms == ([("security", Priority.HIGH, Presence.LATCHED)] if code in attacks else [])
        assert len(room.announced) == (2 if code in attacks else 0)  # a flood of it is one alarm


@virtual_time
async def test_whoever_poses_as_a_device_is_an_alarm_and_a_lost_bond_is_not(tmp_path: Path) -> None:
    async with a_room(tmp_path / "o.db", LoopClock()) as room, _running(room):
        reporter = _reporter(room)
        reporter.radio("bond_lost", {"device": "oximeter"})
        assert list(room.book.alarms()) == []
        assert reporter.security_events == 0
        reporter.radio("serial_changed", {"device": "oximeter"})
        assert reporter.security_events == 1
        alarms = [(alarm.condition.code, alarm.condition.priority, alarm.presence) for alarm in room.book.alarms()]
        assert alarms == [("security", Priority.HIGH, Presence.LATCHED)]


@virtual_time
async def test_an_outbox_that_failed_and_proved_sound_is_told_and_is_no_alarm(tmp_path: Path) -> None:
    async with a_room(tmp_path / "o.db", LoopClock()) as room, _running(room):
        reporter = _reporter(room)
        reporter.storage_found(None, suspected=False, ledger_lost=False)
        reporter.storage_found(None, suspected=True, ledger_lost=False)
        await room.intake.keep_state()
        assert [(event.kind, event.fields) for event in room.events()] == [("technical", {"code": "storage_failed"})]
        assert list(room.book.alarms()) == []


@virtual_time
async def test_an_outbox_that_was_damaged_is_told_and_is_an_alarm(tmp_path: Path) -> None:
    async with a_room(tmp_path / "o.db", LoopClock()) as room, _running(room):
        reporter = _reporter(room)
        reporter.storage_found(Damage("noise", Path("outbox-1.corrupt")), suspected=True, ledger_lost=True)
        await room.intake.keep_state()
        fields = {"code": "storage_corrupt", "why": "noise", "file": "outbox-1.corrupt", "ledger_lost": True}
        assert [event.fields for event in room.events() if event.kind == "technical"] == [fields]
        assert [alarm.condition.code for alarm in room.book.alarms()] == ["storage_corrupt"]


@virtual_time
async def test_an_event_for_technicians_says_by_its_own_code_what_it_is_and_beside_it_why(tmp_path: Path) -> None:
    async with a_room(tmp_path / "o.db", LoopClock()) as room, _running(room):
        reporter = _reporter(room)
        reporter.device_event("oximeter", "write_refused")
        reporter.delivery("batch_refused", {"seq": 1, "why": "no_key", "times": 1})
        await room.intake.keep_state()
        assert [event.fields for event in room.events()] == [
            {"code": "device_warning", "device": "oximeter", "why": "write_refused"},
            {"code": "batch_refused", "seq": 1, "why": "no_key", "times": 1},
        ]
