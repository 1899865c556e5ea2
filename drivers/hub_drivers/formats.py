"""Every wire format by name, for ``hub-agent decode --jsonl``.

Owns: the merged table. Never: decodes; each family brings its own ``FORMATS``.
"""

from collections.abc import Mapping
from typing import Final

from hub_agent.registry import FormatDecoder
from hub_drivers.nonin_serial import packet as nonin_packet
from hub_drivers.nonin_serial import summary as nonin_summary

FORMATS: Final[Mapping[str, FormatDecoder]] = {
    **nonin_packet.FORMATS,
    **nonin_summary.FORMATS,
}
