"""Every wire format by name, for ``hub-agent decode --jsonl``.

Owns: the merged table. Never: decodes; each family brings its own ``FORMATS``.
"""

from collections.abc import Mapping
from typing import Final

from hub_agent.registry import FormatDecoder
from hub_drivers.battery.frame import FORMATS as BATTERY
from hub_drivers.bci import frame as bci
from hub_drivers.berry import frame as berry
from hub_drivers.blood_pressure.driver import FORMATS as BLOOD_PRESSURE
from hub_drivers.body_composition.driver import FORMATS as SCALES
from hub_drivers.cgm.driver import FORMATS as CGM
from hub_drivers.codec.blocks import FORMATS as BLOCKS
from hub_drivers.contec_cms50dbt import frame as contec_cms50dbt
from hub_drivers.contec_v7 import frame as contec_v7
from hub_drivers.contour import frame as contour
from hub_drivers.current_time.frame import FORMATS as CURRENT_TIME
from hub_drivers.freestyle_optium import frame as freestyle_optium
from hub_drivers.glucose.driver import FORMATS as GLUCOSE
from hub_drivers.heart_rate.driver import FORMATS as HEART_RATE
from hub_drivers.intellivue import frame as intellivue
from hub_drivers.ivy450c import frame as ivy450c
from hub_drivers.jks50f import frame as jks50f
from hub_drivers.jumper import frame as jumper
from hub_drivers.lifescan import frame as lifescan
from hub_drivers.masimo_ascii import frame as masimo_ascii
from hub_drivers.medibus import frame as medibus
from hub_drivers.nonin_ble import frame as nonin_ble
from hub_drivers.nonin_serial import packet as nonin_packet
from hub_drivers.nonin_serial import summary as nonin_summary
from hub_drivers.omron import frame as omron_frame
from hub_drivers.omron import record as omron_record
from hub_drivers.pc60 import frame as pc60
from hub_drivers.polar import frame as polar
from hub_drivers.pulse_oximeter.driver import FORMATS as PULSE_OXIMETER
from hub_drivers.record_access.frame import FORMATS as RECORD_ACCESS
from hub_drivers.suntech import frame as suntech
from hub_drivers.taidoc import frame as taidoc
from hub_drivers.thermometer.driver import FORMATS as THERMOMETER
from hub_drivers.viatom import frame as viatom

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
    **bci.FORMATS,
    **berry.FORMATS,
    **contec_cms50dbt.FORMATS,
    **contec_v7.FORMATS,
    **contour.FORMATS,
    **freestyle_optium.FORMATS,
    **intellivue.FORMATS,
    **ivy450c.FORMATS,
    **jks50f.FORMATS,
    **jumper.FORMATS,
    **lifescan.FORMATS,
    **masimo_ascii.FORMATS,
    **medibus.FORMATS,
    **nonin_ble.FORMATS,
    **nonin_packet.FORMATS,
    **nonin_summary.FORMATS,
    **omron_frame.FORMATS,
    **omron_record.FORMATS,
    **pc60.FORMATS,
    **polar.FORMATS,
    **suntech.FORMATS,
    **taidoc.FORMATS,
    **viatom.FORMATS,
}
