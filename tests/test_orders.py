"""What each command does."""

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub_agent.alarms.alarm import Presence
from hub_agent.alarms.limits import Limit, Priority
from hub_agent.commands.claims import AlarmAcknowledge, AudioPause, LimitsOff, LimitsOn, LimitsSet, NoArgs
from hub_agent.commands.limit_setting import limit_of, setting_of
from hub_agent.commands.ops import OPS
from hub_agent.errors import CommandError, ConfigError
from hub_agent.intake import STATE
from hub_agent.nomenclature import PULSE_RATE_OXIMETER, SPO2
from hub_agent.orders import Orders
from tests.rooms import Room, a_room, limit, spo2
from tests.test_intake import _running
from tests.virtual import LoopClock, virtual_time


class _Bench:
    def __init__(self, room: Room) -> None:
        self.room = room
        self.restarts = 0
        self.orders = Orders(
            room.book,
            room.clock,
            room.intake.raise_now,
            room.intake.keep_state,
            lambda: {"release": "x"},
            self._restart,
        )

    def _restart(self) -> None:
        self.restarts += 1

    async def do(self, op: str, args: Any = None) -> Any:  # noqa: ANN401 - each op has its own
        return await self.orders.handlers[op](args or NoArgs())


def _set(revision: int, low: str) -> LimitsSet:
    setting = setting_of(limit(90)).model_copy(update={"low": Decimal(low)})
    return LimitsSet(revision=revision, limits=(setting,))


def _on(room: Room) -> list[str]:
    return [str(event.value) for event in room.announced if event.presence is Presence.ON]


@virtual_time
async def test_there_is_a_handler_for_each_op(tmp_path: Path) -> None:
    async with a_room(tmp_path / "o.db", LoopClock()) as room:
        assert _Bench(room).orders.handlers.keys() == OPS.keys()


@virtual_time
async def test_other_limits_judge_the_next_reading_and_are_durable_at_once(tmp_path: Path) -> None:
    async with a_room(tmp_path / "o.db", LoopClock(), limit(90)) as room, _running(room):
        bench = _Bench(room)
        await room.take(spo2(91))
        await room.intake.drain()
        assert _on(room) == []
        assert await bench.do("limits.set", _set(1, "93")) == {"revision": 1, "limits": 1}
        kept = await room.outbox.state(STATE)
        assert kept is not None
        assert b'"93"' in kept
        await room.take(spo2(91))
        await room.intake.drain()
        assert _on(room) == ["91"]
        assert [setting.low for setting in bench.orders.settings()] == [Decimal(93)]


@virtual_time
async def test_an_older_revision_changes_nothing(tmp_path: Path) -> None:
    async with a_room(tmp_path / "o.db", LoopClock(), limit(90)) as room, _running(room):
        bench = _Bench(room)
        await bench.do("limits.set", _set(5, "85"))
        with pytest.raises(ConfigError, match="revision 4 is not newer"):
            await bench.do("limits.set", _set(4, "93"))
        assert [setting.low for setting in bench.orders.settings()] == [Decimal(85)]


@virtual_time
async def test_off_is_for_a_while_and_on_ends_it(tmp_path: Path) -> None:
    async with a_room(tmp_path / "o.db", LoopClock(), limit(90)) as room, _running(room):
        bench = _Bench(room)
        off = LimitsOff(measure="MDC_PULS_OXIM_SAT_O2", device=None, for_s=60)
        assert await bench.do("limits.off", off) == {"for_s": 60}
        await room.take(spo2(83))
        await room.intake.drain()
        assert _on(room) == []
        assert await bench.do("limits.on", LimitsOn(measure="MDC_PULS_OXIM_SAT_O2", device=None)) == {}
        await room.take(spo2(84))
        await room.intake.drain()
        assert _on(room) == ["84"]
        assert bench.orders.settings()[0].enabled  # off is no change of the limits themselves


@virtual_time
async def test_on_for_one_device_is_no_success_while_it_is_off_for_all(tmp_path: Path) -> None:
    async with a_room(tmp_path / "o.db", LoopClock(), limit(90)) as room, _running(room):
        bench = _Bench(room)
        measure = "MDC_PULS_OXIM_SAT_O2"
        await bench.do("limits.off", LimitsOff(measure=measure, device=None, for_s=60))
        with pytest.raises(CommandError, match="off for all devices"):
            await bench.do("limits.on", LimitsOn(measure=measure, device="oximeter"))
        await bench.do("limits.on", LimitsOn(measure=measure, device=None))
        await room.take(spo2(84))
        await room.intake.drain()
        assert _on(room) == ["84"]


@virtual_time
async def test_an_alarm_is_acknowledged_by_its_id_durably_and_once(tmp_path: Path) -> None:
    async with a_room(tmp_path / "o.db", LoopClock(), limit(90)) as room, _running(room):
        bench = _Bench(room)
        await room.take(spo2(83))
        await room.intake.drain()
        (alarm,) = room.book.alarms()
        taken = AlarmAcknowledge(alarm=alarm.alarm_id)
        assert await bench.do("alarm.acknowledge", taken) == {"presence": "acknowledged"}
        assert room.announced[-1].presence is Presence.ACKNOWLEDGED
        assert b'"acknowledged"' in (await room.outbox.state(STATE) or b"")
        assert room.book.audible() == ()
        told = len(room.announced)
        assert await bench.do("alarm.acknowledge", taken) == {"presence": "acknowledged"}
        assert len(room.announced) == told
        with pytest.raises(CommandError, match="no present alarm has this id"):
            await bench.do("alarm.acknowledge", AlarmAcknowledge(alarm="0" * 32))


@virtual_time
async def test_the_sound_pauses_for_a_while(tmp_path: Path) -> None:
    async with a_room(tmp_path / "o.db", LoopClock(), limit(90)) as room, _running(room):
        bench = _Bench(room)
        await room.take(spo2(83))
        await room.intake.drain()
        assert len(room.book.audible()) == 1
        assert await bench.do("audio.pause", AudioPause(for_s=60)) == {"for_s": 60}
        assert room.book.audible() == ()
        await asyncio.sleep(61)  # of the loop's own time
        assert len(room.book.audible()) == 1


@pytest.mark.parametrize("for_s", [0, 901])
def test_a_pause_of_the_sound_is_bounded(for_s: int) -> None:
    with pytest.raises(ValueError, match="for_s"):
        AudioPause(for_s=for_s)


@virtual_time
async def test_a_ping_says_when_it_is_and_a_status_how_it_stands(tmp_path: Path) -> None:
    async with a_room(tmp_path / "o.db", LoopClock()) as room:
        bench = _Bench(room)
        assert await bench.do("ping") == {
            "at": "2026-11-22T12:00:00.000+00:00",
            "boot": room.clock.stamp().boot,
            "clock": "synced",
        }
        assert await bench.do("status") == {"release": "x"}


@virtual_time
async def test_a_restart_is_asked_for(tmp_path: Path) -> None:
    async with a_room(tmp_path / "o.db", LoopClock()) as room:
        bench = _Bench(room)
        await bench.do("agent.restart")
        assert bench.restarts == 1


@given(
    low=st.none() | st.decimals(-50, 50, places=2),
    high=st.decimals(70, 9999, places=2),
    device=st.none() | st.just("oximeter"),
    delay_s=st.integers(0, 60),
    hysteresis=st.decimals(0, 10, places=3),
    priority=st.sampled_from(Priority),
    flags=st.tuples(st.booleans(), st.booleans()),
    measure=st.sampled_from([SPO2, PULSE_RATE_OXIMETER]),
)
def test_a_limit_survives_being_spelt_as_commands_do(
    low: Decimal | None,
    high: Decimal,
    device: str | None,
    delay_s: int,
    hysteresis: Decimal,
    priority: Priority,
    flags: tuple[bool, bool],
    measure: Any,  # noqa: ANN401 - a code
) -> None:
    unit = "%" if measure == SPO2 else "/min"
    made = Limit(
        measure=measure,
        unit=unit,
        low=low,
        high=high,
        device=device,
        delay_s=float(delay_s),
        hysteresis=hysteresis,
        priority=priority,
        latching=flags[0],
        enabled=flags[1],
        revision=7,
    )
    spelt = LimitsSet(revision=7, limits=(setting_of(made),)).model_dump_json()
    assert limit_of(LimitsSet.model_validate_json(spelt).limits[0], 7) == made
