"""Every wire format by name, for ``hub-agent decode --jsonl``.

Owns: the merged table. Never: decodes; each family brings its own ``FORMATS``.
"""

from collections.abc import Mapping
from typing import Final

from hub_agent.registry import FormatDecoder
from hub_drivers.battery.frame import FORMATS as BATTERY
from hub_drivers.codec.blocks import FORMATS as BLOCKS
from hub_drivers.heart_rate.driver import FORMATS as HEART_RATE
from hub_drivers.nonin_serial import packet as nonin_packet
from hub_drivers.nonin_serial import summary as nonin_summary
from hub_drivers.pulse_oximeter.driver import FORMATS as PULSE_OXIMETER
from hub_drivers.record_access.frame import FORMATS as RECORD_ACCESS

FORMATS: Final[Mapping[str, FormatDecoder]] = {
    **BATTERY,
    **BLOCKS,
    **HEART_RATE,
    **PULSE_OXIMETER,
    **RECORD_ACCESS,
    **nonin_packet.FORMATS,
    **nonin_summary.FORMATS,
}
