"""With which device the process died, over restarts."""

from pathlib import Path

import pytest

from hub_agent.deaths import Deaths
from hub_agent.devices.mark import NAME, Mark, tag_of
from hub_agent.errors import StuckDriverError
from tests.rooms import open_outbox
from tests.virtual import HandClock

_DEVICES = {"cuff": "slow", "oximeter": "good", "oximeter-2": "good"}
_DAY_S = 86_400.0


async def _life(
    here: Path, clock: HandClock, dies_with: str = "", *, imports: str = "", asked_for: bool = False
) -> tuple[list[str], list[str]]:
    """Live once: who the life before died with, and who is left alone; then die, or end as asked."""
    outbox = open_outbox(here / "o.db", clock)
    try:
        mark = Mark(here / "mark")
        deaths = Deaths(outbox, mark, clock, _DEVICES)
        await deaths.restore()
        assert Mark(here / "mark").left == ""  # one death counts once
        alone = []
        for device in _DEVICES:
            try:
                deaths.check(device)
            except StuckDriverError:
                alone.append(device)
        if dies_with:
            mark.note(tag_of(dies_with))
        if imports:
            with deaths.importing(imports):
                noted = (here / "mark").read_bytes()
            (here / "mark").write_bytes(noted)  # it never came to an end
        if asked_for:
            await deaths.forgive()
        return [device for device in _DEVICES if deaths.killed(device)], alone
    finally:
        await outbox.close()


async def test_after_the_second_death_the_device_is_left_alone_and_no_other(tmp_path: Path) -> None:
    clock = HandClock()
    assert await _life(tmp_path, clock, "cuff") == ([], [])
    assert await _life(tmp_path, clock, "cuff") == (["cuff"], [])
    assert await _life(tmp_path, clock) == (["cuff"], ["cuff"])
    clock.later(_DAY_S - 1)
    assert await _life(tmp_path, clock) == ([], ["cuff"])  # a power cut forgives nothing


async def test_an_end_that_was_asked_for_forgives(tmp_path: Path) -> None:
    clock = HandClock()
    for _ in range(2):
        await _life(tmp_path, clock, "cuff")
    assert await _life(tmp_path, clock, asked_for=True) == (["cuff"], ["cuff"])
    assert await _life(tmp_path, clock, "cuff") == ([], [])
    assert await _life(tmp_path, clock) == (["cuff"], [])  # counted anew


async def test_two_deaths_further_apart_than_a_day_are_no_habit(tmp_path: Path) -> None:
    clock = HandClock()
    await _life(tmp_path, clock, "cuff")
    await _life(tmp_path, clock, "oximeter")
    clock.later(_DAY_S)
    assert await _life(tmp_path, clock, "cuff") == (["oximeter"], [])
    assert await _life(tmp_path, clock) == (["cuff"], [])


async def test_a_clock_that_was_wrong_forgets_no_death(tmp_path: Path) -> None:
    clock = HandClock()
    await _life(tmp_path, clock, "cuff")
    clock.wall_ns = 0
    await _life(tmp_path, clock, "cuff")
    assert await _life(tmp_path, clock) == (["cuff"], ["cuff"])


@pytest.mark.parametrize("stranger", ["thermometer", "\udcff"])
async def test_a_device_that_is_not_configured_is_nobody(tmp_path: Path, stranger: str) -> None:
    clock = HandClock()
    (tmp_path / "mark").write_bytes(stranger.encode(errors="surrogateescape"))
    assert await _life(tmp_path, clock) == ([], [])


async def test_a_package_that_kills_as_it_is_imported_costs_every_device_of_its_driver_and_no_other(
    tmp_path: Path,
) -> None:
    clock = HandClock()
    assert await _life(tmp_path, clock, imports="good") == ([], [])
    assert await _life(tmp_path, clock, imports="good") == (["oximeter", "oximeter-2"], [])
    with pytest.raises(StuckDriverError, match="died 2 times"):
        await _life(tmp_path, clock, imports="good")  # not once more
    assert await _life(tmp_path, clock, imports="slow") == ([], ["oximeter", "oximeter-2"])
    assert await _life(tmp_path, clock, asked_for=True) == (["cuff"], ["oximeter", "oximeter-2"])
    assert await _life(tmp_path, clock) == ([], [])


async def test_an_import_that_comes_to_an_end_is_no_death(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path / "o.db", HandClock())
    deaths = Deaths(outbox, Mark(tmp_path / "mark"), HandClock(), _DEVICES)
    with deaths.importing("x" * 100):  # a name of any length
        assert Mark(tmp_path / "mark").left.startswith("import xxx")
    assert Mark(tmp_path / "mark").left == ""
    with pytest.raises(SystemExit), deaths.importing("good"):
        raise SystemExit
    assert Mark(tmp_path / "mark").left == ""
    await outbox.close()


async def test_a_death_is_known_although_the_board_was_rebooted_and_counts_once(tmp_path: Path) -> None:
    clock, run, kept = HandClock(), tmp_path / "run" / NAME, tmp_path / NAME

    async def boots() -> list[str]:
        outbox = open_outbox(tmp_path / "o.db", clock)
        mark = Mark(run, kept)
        deaths = Deaths(outbox, mark, clock, _DEVICES)
        await deaths.restore()
        mark.note(tag_of("cuff"))
        await outbox.close()
        return [device for device in _DEVICES if deaths.of(device)]

    assert await boots() == []
    run.replace(kept)  # as the unit's ExecStopPost= does, and then the reboot
    assert await boots() == ["cuff"]
    run.unlink()  # a power cut: nobody saw whether the driver was at work
    assert await boots() == ["cuff"]
