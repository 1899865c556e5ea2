"""Every wire format by name, for ``hub-agent decode --jsonl``.

Owns: the merged table. Never: decodes; each family brings its own ``FORMATS``.
"""

from collections.abc import Mapping
from typing import Final

from hub_agent.registry import FormatDecoder
from hub_drivers.battery.frame import FORMATS as BATTERY
from hub_drivers.blood_pressure.driver import FORMATS as BLOOD_PRESSURE
from hub_drivers.body_composition.driver import FORMATS as SCALES
from hub_drivers.cgm.driver import FORMATS as CGM
from hub_drivers.codec.blocks import FORMATS as BLOCKS
from hub_drivers.current_time.frame import FORMATS as CURRENT_TIME
from hub_drivers.glucose.driver import FORMATS as GLUCOSE
from hub_drivers.heart_rate.driver import FORMATS as HEART_RATE
from hub_drivers.nonin_serial import packet as nonin_packet
from hub_drivers.nonin_serial import summary as nonin_summary
from hub_drivers.pulse_oximeter.driver import FORMATS as PULSE_OXIMETER
from hub_drivers.record_access.frame import FORMATS as RECORD_ACCESS
from hub_drivers.thermometer.driver import FORMATS as THERMOMETER

FORMATS: Final[Mapping[str, FormatDecoder]] = {
    **BATTERY,
    **BLOCKS,
    **BLOOD_PRESSURE,
    **CGM,
    **CURRENT_TIME,
    **GLUCOSE,
    **HEART_RATE,
    **PULSE_OXIMETER,
    **RECORD_ACCESS,
    **SCALES,
    **THERMOMETER,
    **nonin_packet.FORMATS,
    **nonin_summary.FORMATS,
}
