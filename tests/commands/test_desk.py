import asyncio
import sqlite3
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from hub_agent.commands.desk import WAITING, Desk
from hub_agent.commands.gate import REPORT_EVERY_S, SIGNER, STRANGERS
from hub_agent.commands.refusal import Refusal
from hub_agent.errors import CommandError, LinkError, StorageError
from hub_agent.model import ClockState

if TYPE_CHECKING:
    from tests.commands.conftest import Bench


async def test_a_command_is_recorded_before_it_is_acknowledged_and_done_after(bench: "Bench") -> None:
    claims = bench.claims()
    assert await bench.send(bench.sign(claims)) == "accepted"
    row = bench.connection.execute("SELECT kid, ctr, op, exp, state, result FROM commands").fetchone()
    assert row == (bench.keys("operator")[0].kid, claims["ctr"], "ping", claims["exp"], "accepted", None)
    assert bench.ran == []
    async with bench.working():
        answer = await bench.answers.get()
    assert answer == (claims["jti"], "ping", "done", {"did": "ping"})
    state, result = bench.connection.execute("SELECT state, result FROM commands").fetchone()
    assert state == "done"
    assert "ping" not in result  # closed: a stolen card shows no result
    assert bench.events == []


async def test_commands_run_in_the_order_in_which_they_came(bench: "Bench") -> None:
    for op in ("status", "ping", "status"):
        assert await bench.command(op) == "accepted"
    async with bench.working():
        assert [(await bench.answers.get()).op for _ in range(3)] == ["status", "ping", "status"]


async def test_a_replay_after_a_restart_gets_the_stored_result_and_does_nothing(bench: "Bench") -> None:
    payload = bench.sign(bench.claims())
    await bench.send(payload)
    await bench.drain()
    first = await bench.answers.get()
    for _ in range(2):
        bench.restart()
        assert await bench.send(payload) == Refusal.REPLAYED
        assert await bench.answers.get() == first
    await bench.drain()
    assert bench.ran == ["ping"]
    assert [event.code for event in bench.events] == [Refusal.REPLAYED] * 2
    assert bench.events[0].jti == first.jti


async def test_a_replay_among_a_thousand_others_is_known(bench: "Bench") -> None:
    payload = bench.sign(bench.claims())
    await bench.send(payload)
    for _ in range(1000):
        bench.later(0.01)
        bench.now_s += 10  # the signer's bucket, not the command's life
        await bench.command()
        await bench.drain()
    assert await bench.send(payload) == Refusal.REPLAYED
    assert len(bench.ran) == 1001


async def test_the_broker_sending_again_what_was_not_acknowledged_is_no_event(bench: "Bench") -> None:
    payload = bench.sign(bench.claims())
    await bench.send(payload)
    assert await bench.send(payload, duplicate=True) == Refusal.REPLAYED
    assert bench.events == []
    await bench.drain()
    assert bench.ran == ["ping"]


async def test_what_was_recorded_as_the_link_died_is_done_when_the_broker_sends_it_again(bench: "Bench") -> None:
    payload = bench.sign(bench.claims())
    async with asyncio.TaskGroup() as group:
        task = group.create_task(bench.send(payload))
        count = "SELECT count(*) FROM commands"
        while bench.connection.execute(count).fetchone() == (0,):  # noqa: ASYNC110 - the loop's turn is waited for
            await asyncio.sleep(0)
        task.cancel()
    assert bench.connection.execute("SELECT state FROM commands").fetchone() == ("accepted",)
    assert await bench.send(payload, duplicate=True) == "accepted"
    assert await bench.send(payload, duplicate=True) == Refusal.REPLAYED
    await bench.drain()
    assert bench.ran == ["ping"]
    assert bench.events == []
    assert (await bench.answers.get()).outcome == "done"


async def test_two_at_once_are_one(bench: "Bench") -> None:
    payload = bench.sign(bench.claims())
    async with asyncio.TaskGroup() as group:
        outcomes = [group.create_task(bench.send(payload)) for _ in range(5)]
    assert sorted(task.result() for task in outcomes) == ["accepted", *[Refusal.REPLAYED] * 4]
    await bench.drain()
    assert bench.ran == ["ping"]


async def test_of_a_crowd_at_once_as_many_are_taken_as_can_wait(bench: "Bench") -> None:
    payloads = [bench.sign(bench.claims()) for _ in range(WAITING + 4)]
    async with asyncio.TaskGroup() as group:
        outcomes = [group.create_task(bench.send(payload)) for payload in payloads]
    assert [task.result() for task in outcomes] == ["accepted"] * WAITING + [Refusal.BUSY] * 4


async def test_an_event_tells_only_what_is_proven(bench: "Bench") -> None:
    kid = bench.keys("operator")[0].kid
    await bench.send(b"noise")
    await bench.command(surprise=1)
    claims = bench.claims("agent.restart", iss="clinician")
    await bench.send(bench.sign(claims))
    stranger, unread, read = bench.events
    assert stranger == (Refusal.MALFORMED, (), None, None, 1)
    assert unread == (Refusal.BAD_SCHEMA, (kid,), None, None, 1)
    assert read == (Refusal.ROLE_DENIED, (bench.keys("clinician")[0].kid,), claims["jti"], "agent.restart", 1)


async def test_a_refused_command_of_ours_is_answered_a_stranger_is_not(bench: "Bench") -> None:
    await bench.send(b"noise")
    await bench.command(aud="hub-0002")
    assert bench.answers.empty()
    claims = bench.claims("agent.restart", iss="clinician")
    await bench.send(bench.sign(claims))
    assert await bench.answers.get() == (claims["jti"], "agent.restart", "refused", {"code": Refusal.ROLE_DENIED})


async def test_what_was_refused_for_a_reason_that_passes_is_not_obeyed_when_it_has(bench: "Bench") -> None:
    """The NOC was told that it is refused, and may have sent another; a stranger may have kept this one."""
    payload = bench.sign(bench.claims())
    bench.context = replace(bench.context, clock=ClockState.UNSYNCED)
    assert await bench.send(payload) == Refusal.CLOCK_UNSYNCED
    bench.context = replace(bench.context, clock=ClockState.SYNCED)
    assert await bench.send(payload) == Refusal.COUNTER_USED
    await bench.command()
    await bench.drain()
    assert bench.ran == ["ping"]


class TestCrash:
    async def test_between_record_and_act_nothing_is_done_and_the_noc_is_told(self, bench: "Bench") -> None:
        payload = bench.sign(bench.claims())
        await bench.send(payload)
        bench.restart()
        await bench.desk.recover()
        answer = await bench.answers.get()
        assert (answer.outcome, answer.result) == ("failed", {"error": "interrupted", "began": False})
        assert await bench.send(payload) == Refusal.REPLAYED
        assert await bench.answers.get() == answer
        await bench.drain()
        assert bench.ran == []

    async def test_while_acting_is_not_done_again(self, bench: "Bench") -> None:
        bench.hang = True
        await bench.command()
        async with bench.working():
            while not bench.ran:  # noqa: ASYNC110 - the loop's turn is what is waited for
                await asyncio.sleep(0)
        bench.restart()
        await bench.desk.recover()
        assert (await bench.answers.get()).result == {"error": "interrupted", "began": True}
        await bench.drain()
        assert bench.ran == ["ping"]

    async def test_a_restart_is_done_when_the_next_process_is_here(self, bench: "Bench") -> None:
        claims = bench.claims("agent.restart")
        await bench.send(bench.sign(claims))
        await bench.drain()
        assert bench.answers.empty()
        bench.restart()
        await bench.desk.recover()
        assert await bench.answers.get() == (claims["jti"], "agent.restart", "done", {})
        assert await bench.send(bench.sign(claims)) == Refusal.REPLAYED
        assert bench.ran == ["agent.restart"]

    async def test_a_restart_that_never_began_is_not_done(self, bench: "Bench") -> None:
        await bench.command("agent.restart")
        bench.restart()
        await bench.desk.recover()
        assert (await bench.answers.get()).outcome == "failed"

    async def test_a_command_that_comes_before_the_recovery_is_over_waits_for_it(self, bench: "Bench") -> None:
        await bench.command()
        bench.restart()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(bench.desk.recover())
            tasks.create_task(bench.command())
        assert (await bench.answers.get()).outcome == "failed"
        await bench.drain()
        assert bench.ran == ["ping"]
        assert (await bench.answers.get()).outcome == "done"

    async def test_a_second_recovery_finds_nothing(self, bench: "Bench") -> None:
        await bench.command()
        bench.restart()
        await bench.desk.recover()
        await bench.answers.get()
        await bench.desk.recover()
        assert bench.answers.empty()

    async def test_an_op_that_this_version_does_not_know_fails(self, bench: "Bench") -> None:
        await bench.command("agent.restart")
        bench.connection.execute("UPDATE commands SET op = 'agent.update', state = 'running'")
        await bench.desk.recover()
        assert (await bench.answers.get()).outcome == "failed"


class TestHandlers:
    async def test_one_that_takes_too_long_fails(self, bench: "Bench") -> None:
        bench.hang = True
        await bench.command()
        async with bench.working():
            answer = await bench.answers.get()
        assert (answer.outcome, answer.result) == ("failed", {"error": "timeout"})

    async def test_one_that_cannot_says_why(self, bench: "Bench") -> None:
        bench.fault = LinkError("the radio is off", hint="switch it on")
        await bench.command("agent.restart")
        await bench.drain()
        answer = await bench.answers.get()
        assert answer.outcome == "failed"
        assert answer.result == {"error": "LinkError", "message": "the radio is off (switch it on)"}

    async def test_what_the_hub_s_state_forbids_fails_by_its_code(self, bench: "Bench") -> None:
        bench.fault = CommandError("unknown_alarm", "no present alarm has this id")
        await bench.command()
        await bench.drain()
        answer = await bench.answers.get()
        assert answer.outcome == "failed"
        assert answer.result == {"error": "unknown_alarm", "message": "no present alarm has this id"}

    async def test_a_command_that_expired_while_it_waited_is_not_begun(self, bench: "Bench") -> None:
        await bench.command()
        bench.later(900)
        await bench.drain()
        assert (await bench.answers.get()).result == {"error": Refusal.EXPIRED}
        assert bench.ran == []

    async def test_a_missing_one_is_found_at_the_start(self, bench: "Bench") -> None:
        with pytest.raises(ValueError, match=r"agent\.restart"):
            Desk(
                context=lambda: bench.context,
                ledger=bench.desk._ledger,
                handlers={op: handler for op, handler in bench.desk._handlers.items() if op != "agent.restart"},
                results=bench.answers.put,
                events=bench._event,
                monotonic_s=lambda: 0.0,
            )


async def test_what_cannot_be_recorded_is_neither_done_nor_acknowledged(bench: "Bench") -> None:
    payload = bench.sign(bench.claims())
    bench.connection.execute("PRAGMA query_only = ON")
    with pytest.raises(sqlite3.OperationalError):
        await bench.send(payload)
    bench.connection.execute("PRAGMA query_only = OFF")
    await bench.drain()
    assert bench.ran == []
    assert await bench.send(payload, duplicate=True) == "accepted"


async def test_what_is_busy_may_come_again(bench: "Bench") -> None:
    while await bench.send(payload := bench.sign(bench.claims())) == "accepted":
        pass
    assert bench.events[-1].code == Refusal.BUSY
    await bench.drain()
    assert await bench.send(payload) == "accepted"


class TestFlood:
    async def test_of_noise_costs_a_bounded_number_of_checks_and_events(self, bench: "Bench") -> None:
        for _ in range(5000):
            bench.now_s += 1 / 5000
            await bench.send(b"a.b.c")
        assert len(bench.events) == STRANGERS[0] + 1
        assert bench.events[-1] == (Refusal.RATE_LIMITED, (), None, None, 1)
        assert bench.desk.dropped_total == 5000 - STRANGERS[0]

    async def test_is_summed_up_each_minute(self, bench: "Bench") -> None:
        for _ in range(STRANGERS[0] + 100):
            await bench.send(b"noise")
        bench.events.clear()
        bench.now_s += REPORT_EVERY_S
        while not bench.events or bench.events[-1].code != Refusal.RATE_LIMITED:
            await bench.send(b"noise")
        assert bench.events[-1].times == 100  # 99 that waited, and this one

    async def test_of_a_captured_command_ends_at_the_gate_too(
        self, bench: "Bench", monkeypatch: pytest.MonkeyPatch
    ) -> None:
        payload = bench.sign(bench.claims())
        await bench.send(payload)
        for _ in range(1000):
            await bench.send(payload)
        assert len(bench.events) <= SIGNER[0] + 1
        monkeypatch.setattr("hub_agent.commands.desk.authenticate", None)  # not reached any more
        assert await bench.send(payload) == Refusal.RATE_LIMITED

    async def test_passes(self, bench: "Bench") -> None:
        for _ in range(1000):
            await bench.send(b"noise")
        assert await bench.command() == Refusal.RATE_LIMITED
        bench.now_s += 1 / STRANGERS[1]
        assert await bench.command() == "accepted"


async def test_storage_trouble_while_answering_ends_the_desk_and_not_the_record(bench: "Bench") -> None:
    await bench.command()
    bench.connection.execute("UPDATE commands SET state = 'done', result = '{}'")
    with pytest.raises(StorageError):
        await bench.drain()
    assert bench.ran == []
