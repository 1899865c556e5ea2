"""From two bonded oximeters and a cuff to the NOC on real BlueZ, through every accident of a radio, for two minutes.

Not collected by name: it runs inside ``scripts/radio-vm`` (``tests/radio/test_radio_vm.py``).
"""

import asyncio
from pathlib import Path
from typing import Final

import pytest

from tests.broker import Broker
from tests.radio.bluetoothd import restart_bluetoothd, switch_off
from tests.radio.home import Accident, Home, living

pytestmark = pytest.mark.broker

_LONG_S: Final = 120.0
_SETTLED_S: Final = 3.0
"""What was sent just before is committed and on its way."""

MUST_SAY: Final = {
    "the start": {"bond_made oximeter-1", "bond_made oximeter-2", "bond_made cuff"},
    "a link lost": {
        "gap out_of_range oximeter-1 closed",
        "alarm no_data oximeter-1 on",
        "alarm no_data oximeter-1 off",
    },
    "a bond lost": {"bond_lost oximeter-2", "bond_renewed oximeter-2"},
    "bluetoothd restarted": {"bluetooth_gone", "bluetooth_back"},
    "the adapter off and on": {"adapter_off", "adapter_on"},
}
"""What the NOC must have heard of each accident, at the least."""


async def _start(home: Home) -> None:
    await home.heard(1)  # a cuff is heard for half a minute only, and the hub may take longer to start here
    home.cuff.measure()
    await home.until(lambda: home.charted()["cuff"] >= 1)


async def _walk_away(home: Home) -> None:
    home.oximeters[0].out_of_range()
    await asyncio.sleep(15.0)  # longer than the ten seconds for which the hub waits before it calls that silence
    home.oximeters[0].in_range()


async def _switch_off(home: Home) -> None:
    home.cuff.measure()  # while all is well; the next one when all is well again
    await home.until(lambda: home.cuff.emitted == 2)
    await switch_off()


@pytest.mark.timeout(600)
async def test_what_was_committed_is_charted_once_and_each_accident_is_told(broker: Broker, tmp_path: Path) -> None:
    async with living(tmp_path, broker) as home:
        await home.suffers("the start", _start(home))
        steady_s = home.now_s()
        await home.suffers("a link lost", _walk_away(home))
        await home.suffers("a bond lost", home.oximeters[1].lose_bond())
        await home.suffers("bluetoothd restarted", restart_bluetoothd())
        await home.suffers("the adapter off and on", _switch_off(home))
        home.cuff.measure()
        await asyncio.sleep(max(5.0, steady_s + _LONG_S - home.now_s()))
        for oximeter in home.oximeters:
            oximeter.silent()
        lasted_s = home.now_s() - steady_s
        await asyncio.sleep(_SETTLED_S)
        await home.site.until_drained()
        status = await home.status()
        await home.until(lambda: home.charted().total() >= status["intake"]["stored"])

        lines = [f"two oximeters and a cuff on BlueZ for {lasted_s:.0f} s", *await _figures(home), *_told(home)]
        print("\n" + "\n".join(f"home: {line}" for line in lines))  # noqa: T201 - for whoever reads the run
        _judge_readings(home, status["intake"]["stored"])
        for accident in home.accidents:
            assert MUST_SAY[accident.name] <= set(home.told(accident)), accident.name
        assert [device.pairings for device in home.oximeters] == [1, 2]
        await home.until(lambda: not home.site.faults(cleared=False))  # cleared by the next heartbeat
        assert await home.hub.stop() == 0


async def _figures(home: Home) -> list[str]:
    """Tabulate what each device gave, the hub stored and the NOC charted."""
    devices = (await home.status())["devices"]
    lines = [f"{'':10} {'given':>6} {'lost on air':>12} {'levels':>7} {'stored':>7} {'charted':>8} {'twice':>6}"]
    for name, device in zip(devices, (*home.oximeters, home.cuff), strict=True):
        values, levels = home.taken(name)
        twice = sum(count - 1 for seen, count in home.site.charted().items() if seen.device == name)
        lines.append(
            f"{name:10} {device.emitted:6} {device.emitted - len(values):12} {levels:7} "
            f"{devices[name]['readings']:7} {len(values) + levels:8} {twice:6}"
        )
    return lines


def _told(home: Home) -> list[str]:
    return [
        f"{one.name} ({one.began_s:.0f} to {one.over_s:.0f} s): {', '.join(home.told(one))}" for one in home.accidents
    ]


def _judge_readings(home: Home, stored: int) -> None:
    charted = home.site.charted()
    assert charted.total() == len(charted) == stored, "every committed reading is charted once"
    for name, oximeter in zip(("oximeter-1", "oximeter-2"), home.oximeters, strict=True):
        pulses, _ = home.taken(name)
        assert pulses == sorted(set(pulses)), "something came twice or out of order"
        assert set(pulses) <= oximeter.sent.keys()
        for pulse in oximeter.sent.keys() - set(pulses):
            assert _in_an_accident(oximeter.sent[pulse], home.accidents), "lost while nothing was wrong"
    pressures, _ = home.taken("cuff")
    assert len(set(pressures)) == len(pressures) == home.cuff.emitted == 3
    assert home.cuff.stored == []


def _in_an_accident(at_s: float, accidents: list[Accident]) -> bool:
    return any(one.began_s - 1.0 <= at_s <= one.over_s for one in accidents)
