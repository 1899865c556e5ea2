"""The driver ``lumen-halo2``.

Owns: its link, and how messages become readings. Never: takes bytes apart, or knows when to say what.
"""

from hub_agent.driver import BleLink, Driver, Match
from hub_agent.nomenclature import BATTERY, PERFUSION_INDEX, PULSE_RATE_OXIMETER, SPO2
from lumen_halo2.session import BATTERY_LEVEL, FROM_DEVICE, HaloSession

DRIVER = Driver(
    name="lumen-halo2",
    title="Lumen Halo-2 wrist oximeter",
    link=BleLink(
        notify=(FROM_DEVICE, BATTERY_LEVEL),
        read=(BATTERY_LEVEL,),
        match=Match(services=("9f5c0001-3b1e-4a0b-8f59-6d1b5c3e77a0",)),
        streams=(FROM_DEVICE,),
    ),
    measures=frozenset({SPO2, PULSE_RATE_OXIMETER, PERFUSION_INDEX, BATTERY}),
    session=lambda _options: HaloSession(),
    cadence_s=1.0,
    quirks=("Its memory is read before live values start; it forgets a record once the hub has it.",),
)
